/**
 * Compensated summation (Kahan, improved by Neumaier), as upstream uses it for sums, averages and regressions.
 * The compensation is a second number beside the sum; the result is their sum.
 */

/** The compensation after adding `value` to `sum`; the sum itself is then `sum + value`. */
export function compensation(value: number, sum: number, c: number): number {
  const total = sum + value;
  if (total === Number.POSITIVE_INFINITY || total === Number.NEGATIVE_INFINITY) return 0;
  return Math.abs(sum) >= Math.abs(value) ? c + (sum - total + value) : c + (value - total + sum);
}

/** One running sum. */
export class KahanSum {
  sum = 0;
  c = 0;

  reset(): void {
    this.sum = 0;
    this.c = 0;
  }

  add(value: number): void {
    this.c = compensation(value, this.sum, this.c);
    this.sum += value;
  }

  get value(): number {
    return Number.isFinite(this.sum) ? this.sum + this.c : this.sum;
  }
}

/**
 * The mean of v[from … to-1] (to > from): a plain sum divided at the end, which is the most exact; where that would
 * overflow, it goes on with an incremental mean.
 */
export function mean(v: Float64Array, from: number, to: number): number {
  let sum = v[from];
  let c = 0;
  for (let i = from + 1; i < to; i++) {
    const total = sum + v[i];
    if (!Number.isFinite(total) && !Number.isNaN(total)) return incrementalMean(v, i, to, i - from, sum, c);
    c = compensation(v[i], sum, c);
    sum = total;
  }
  const n = to - from;
  return sum / n + c / n;
}

function incrementalMean(
  v: Float64Array,
  from: number,
  to: number,
  before: number,
  sum: number,
  carried: number,
): number {
  let average = sum / before;
  let c = carried / before;
  let n = before;
  for (let i = from; i < to; i++) {
    n++;
    if (infinityAbsorbs(average, v[i])) continue;
    const kept = (n - 1) / n;
    const scaled = kept * average;
    const part = v[i] / n;
    c = compensation(part, scaled, kept * c);
    average = scaled + part;
  }
  return average + c;
}

/** An infinite mean stays what it is unless NaN or the opposite infinity comes. */
export function infinityAbsorbs(average: number, value: number): boolean {
  if (average !== Number.POSITIVE_INFINITY && average !== Number.NEGATIVE_INFINITY) return false;
  return Number.isFinite(value) || value === average;
}
