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
  const { t, length } = columns;
  let kept = from;
  let next = from;
  for (let at = 0; at < intervals.length; at += 2) {
    const first = next;
    while (next < length && t[next] < intervals[at]) next++;
    kept = moveRun(columns, first, next, kept);
    while (next < length && t[next] <= intervals[at + 1]) next++;
  }
  if (next === kept) return;
  columns.length = moveRun(columns, next, length, kept);
  if (columns.histograms !== null) columns.histograms.length = Math.min(columns.histograms.length, columns.length);
}

/** Moves `columns[first, end)` to `target`, which is not behind it. @returns the end of where it is then */
function moveRun(columns: SampleColumns, first: number, end: number, target: number): number {
  const { t, bits, histograms, starts } = columns;
  if (first !== target) {
    t.copyWithin(target, first, end);
    bits.copyWithin(2 * target, 2 * first, 2 * end);
    starts?.copyWithin(target, first, end);
    if (histograms !== null) for (let i = first; i < end; i++) histograms[target + i - first] = histograms[i];
  }
  return target + end - first;
}
