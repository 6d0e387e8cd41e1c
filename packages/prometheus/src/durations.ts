import { sample } from '@avalanche/web';
import { RecentValues } from './recent-values.ts';

/** How far back quantiles look (client_golang's default). */
const MAX_AGE_MS = 10 * 60_000;

type LabelValues = Readonly<Record<string, string>>;
type Sample = ReturnType<typeof sample>;

/** Durations of one kind in seconds, summed up for a summary and a histogram. Observing one makes no garbage. */
export class Durations {
  private readonly cumulative: number[];
  private count = 0;
  private sum = 0;
  private readonly recent = new RecentValues(MAX_AGE_MS);

  /** @param bounds of the histogram, ascending */
  constructor(private readonly bounds: readonly number[]) {
    this.cumulative = bounds.map(() => 0);
  }

  observe(seconds: number): void {
    const { bounds, cumulative } = this;
    for (let i = bounds.length - 1; i >= 0 && seconds <= bounds[i]; i--) cumulative[i]++;
    this.count++;
    this.sum += seconds;
    this.recent.add(seconds, performance.now());
  }

  /** The lines of a summary. */
  summary(name: string, labels: LabelValues, quantiles: readonly number[]): Sample[] {
    const values = this.recent.quantiles(quantiles, performance.now());
    return [
      ...quantiles.map((quantile, i) => sample(name, values[i], { ...labels, quantile })),
      ...this.totals(name, labels),
    ];
  }

  /** The lines of a histogram. */
  histogram(name: string, labels: LabelValues): Sample[] {
    const { bounds, cumulative, count } = this;
    return [
      ...bounds.map((le, i) => sample(`${name}_bucket`, cumulative[i], { ...labels, le })),
      sample(`${name}_bucket`, count, { ...labels, le: '+Inf' }),
      ...this.totals(name, labels),
    ];
  }

  private totals(name: string, labels: LabelValues): Sample[] {
    return [sample(`${name}_sum`, this.sum, labels), sample(`${name}_count`, this.count, labels)];
  }
}
