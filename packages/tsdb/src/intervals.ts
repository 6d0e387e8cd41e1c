import type { SampleColumns } from '@avalanche/model';

/** Deleted time ranges of one series: `[min0, max0, min1, max1, …]` in milliseconds, ends included, ascending and apart. */
export type Intervals = ArrayLike<number>;

export const NO_INTERVALS: Intervals = [];

/** Adds one range; ranges that touch or overlap become one. */
export function addInterval(intervals: Intervals, minTime: number, maxTime: number): Intervals {
  const out: number[] = [];
  let min = minTime;
  let max = maxTime;
  let at = 0;
  while (at < intervals.length && intervals[at + 1] < min - 1) out.push(intervals[at++], intervals[at++]);
  while (at < intervals.length && intervals[at] <= max + 1) {
    min = Math.min(min, intervals[at++]);
    max = Math.max(max, intervals[at++]);
  }
  out.push(min, max);
  while (at < intervals.length) out.push(intervals[at++]);
  return out;
}

/** Whether one of the ranges covers all of [minTime, maxTime]. */
export function covers(intervals: Intervals, minTime: number, maxTime: number): boolean {
  for (let i = 0; i < intervals.length; i += 2) {
    if (intervals[i] <= minTime && maxTime <= intervals[i + 1]) return true;
  }
  return false;
}

/** Whether any of the ranges has a moment in [minTime, maxTime]. */
export function overlaps(intervals: Intervals, minTime: number, maxTime: number): boolean {
  for (let i = 0; i < intervals.length; i += 2) {
    if (intervals[i] <= maxTime && minTime <= intervals[i + 1]) return true;
  }
  return false;
}

/** Takes the samples in the ranges out of `columns[from, length)`, whose times ascend. */
export function dropIntervals(columns: SampleColumns, from: number, intervals: Intervals): void {
  if (intervals.length === 0) return;
  const { t, bits } = columns;
  let kept = from;
  let at = 0;
  for (let i = from; i < columns.length; i++) {
    while (at < intervals.length && intervals[at + 1] < t[i]) at += 2;
    if (at < intervals.length && intervals[at] <= t[i]) continue;
    t[kept] = t[i];
    bits[2 * kept] = bits[2 * i];
    bits[2 * kept + 1] = bits[2 * i + 1];
    kept++;
  }
  columns.length = kept;
}
