import { ABSENT, type StepColumn } from './columns.ts';
import type { Windows } from './window.ts';

/**
 * Counts the samples that the steps of a query look at, as upstream does (`totalQueryableSamples`): one for each step at
 * which a selector finds one, and for a range all samples of its window, at each step anew, however they were computed.
 */
export class SampleCounter {
  total = 0;
  /** `total` by step, where asked for. */
  readonly perStep: Float64Array | null;

  constructor(
    private readonly steps: number,
    wantsSteps: boolean,
  ) {
    this.perStep = wantsSteps ? new Float64Array(steps) : null;
  }

  /** What a vector selector has found for one series: `points` samples. */
  column({ present }: StepColumn, points: number): void {
    this.total += points;
    const { perStep } = this;
    if (perStep) for (let s = 0; s < perStep.length; s++) if (present[s] !== ABSENT) perStep[s]++;
  }

  /** What a function of ranges is computed from, for one series. */
  windows({ from, to, total }: Windows): void {
    this.total += total;
    const { perStep } = this;
    if (perStep) for (let s = 0; s < perStep.length; s++) perStep[s] += to[s] - from[s];
  }

  /** The samples of a range vector that is the result itself. */
  range(samples: number): void {
    this.total += samples;
    if (this.perStep) this.perStep[this.perStep.length - 1] += samples;
  }

  /** As many samples at every step. */
  everywhere(samples: number): void {
    this.total += samples * this.steps;
    const { perStep } = this;
    if (perStep) for (let s = 0; s < perStep.length; s++) perStep[s] += samples;
  }

  copy(): SampleCounter {
    const copy = new SampleCounter(this.steps, this.perStep !== null);
    copy.repeat(this, null);
    return copy;
  }

  /** Adds what was counted between two copies once more: a result is used again. */
  repeat(after: SampleCounter, before: SampleCounter | null): void {
    this.total += after.total - (before?.total ?? 0);
    const { perStep } = this;
    for (let s = 0; perStep && s < perStep.length; s++) {
      perStep[s] += (after.perStep?.[s] ?? 0) - (before?.perStep?.[s] ?? 0);
    }
  }
}

/** Counts at one step what holds for all steps of another counter. */
export class RepeatedCounter extends SampleCounter {
  constructor(private readonly all: SampleCounter) {
    super(1, false);
  }

  override column(_column: StepColumn, points: number): void {
    this.all.everywhere(points);
  }

  override windows({ total }: Windows): void {
    this.all.everywhere(total);
  }

  override everywhere(samples: number): void {
    this.all.everywhere(samples);
  }
}
