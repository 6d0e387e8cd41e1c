/** Values kept, at most. */
const VALUES_MAX = 1024;

/** The newest values of a series of observations, for quantiles over the recent past. */
export class RecentValues {
  private readonly values = new Float64Array(VALUES_MAX);
  private readonly times = new Float64Array(VALUES_MAX).fill(Number.NEGATIVE_INFINITY);
  private next = 0;

  /** @param maxAgeMs how old a value may be to count */
  constructor(private readonly maxAgeMs: number) {}

  add(value: number, nowMs: number): void {
    this.values[this.next] = value;
    this.times[this.next] = nowMs;
    this.next = (this.next + 1) % VALUES_MAX;
  }

  /** The quantiles of the values that are not too old; NaN where there is none. */
  quantiles(qs: readonly number[], nowMs: number): number[] {
    const recent = this.values.filter((_, i) => nowMs - this.times[i] <= this.maxAgeMs).sort();
    return qs.map((q) => recent[Math.max(0, Math.ceil(q * recent.length) - 1)] ?? Number.NaN);
  }
}
