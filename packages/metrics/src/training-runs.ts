import type { Gauge } from 'prom-client';

/**
 * Keeps `run_id` series to the newest runs: a training that is recorded pushes out the one recorded longest ago.
 * Without that, every training ever made would stay a series in every scrape.
 */
export class TrainingRuns {
  private readonly runs = new Map<string, { readonly model_type: string; readonly run_id: string }>();

  constructor(
    private readonly gauges: readonly Gauge<'model_type' | 'run_id'>[],
    private readonly runsMax: number,
  ) {}

  remember(model_type: string, run_id: string): void {
    const key = JSON.stringify([model_type, run_id]);
    this.runs.delete(key);
    this.runs.set(key, { model_type, run_id });
    for (const [oldest, labels] of this.runs) {
      if (this.runs.size <= this.runsMax) return;
      this.runs.delete(oldest);
      for (const gauge of this.gauges) gauge.remove(labels);
    }
  }
}
