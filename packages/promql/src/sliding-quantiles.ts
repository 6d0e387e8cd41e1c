import type { StepColumn } from './columns.ts';
import { quantileInPlace, quantileOfRanks, quantileOfSorted, sortNaNFirst } from './quantile.ts';
import type { Windows } from './window.ts';

/** Larger windows than this are counted by rank: moving memory for each value would take longer. */
const MOVED_MAX = 2048;

let sorted = new Float64Array(0);

/** The q-quantile of each window, q being that of its step. Windows that overlap are made of each other. */
export function slidingQuantiles(windows: Windows, q: Float64Array, out: StepColumn): void {
  const { from, to, length } = windows;
  if (windows.total > 2 * length) {
    let largest = 0;
    for (let s = windows.firstStep; s < windows.endStep; s++) largest = Math.max(largest, to[s] - from[s]);
    if (largest > MOVED_MAX) quantilesByRank(windows, q, out);
    else quantilesInOrder(windows, q, out);
    return;
  }
  reserve(length);
  for (let s = windows.firstStep; s < windows.endStep; s++) {
    const size = to[s] - from[s];
    if (size === 0) continue;
    sorted.set(windows.v.subarray(from[s], to[s]));
    out.set(s, quantileInPlace(q[s], sorted, size));
  }
}

function reserve(length: number): void {
  if (length > sorted.length) sorted = new Float64Array(2 * length);
}

/** Keeps the values of a window sorted: one is put in and one taken out by a binary search and a move of memory. */
function quantilesInOrder(windows: Windows, q: Float64Array, out: StepColumn): void {
  const { v, from, to } = windows;
  reserve(windows.length);
  let first = 0;
  let end = 0;
  for (let s = windows.firstStep; s < windows.endStep; s++) {
    const size = to[s] - from[s];
    if (size === 0) continue;
    if (from[s] < end) {
      for (; first < from[s]; first++) takeOut(v[first], end - first);
      for (; end < to[s]; end++) putIn(v[end], end - first);
    } else {
      sorted.set(v.subarray(from[s], to[s]));
      sortNaNFirst(sorted.subarray(0, size));
      first = from[s];
      end = to[s];
    }
    out.set(s, quantileOfSorted(q[s], sorted, size));
  }
}

function putIn(value: number, size: number): void {
  const at = placeOf(sorted, value, size);
  sorted.copyWithin(at + 1, at, size);
  sorted[at] = value;
}

function takeOut(value: number, size: number): void {
  const at = placeOf(sorted, value, size);
  sorted.copyWithin(at, at + 1, size);
}

/** The first place whose value is not below `value`; NaN is below everything. */
function placeOf(values: Float64Array, value: number, size: number): number {
  let low = 0;
  let high = size;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle] < value || (Number.isNaN(values[middle]) && !Number.isNaN(value))) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Counts how often each value of the series is in the window. */
function quantilesByRank({ v, length, from, to, firstStep, endStep }: Windows, q: Float64Array, out: StepColumn): void {
  const values = v.slice(0, length);
  sortNaNFirst(values);
  const counts = new RankCounts(length);
  const valueAt = (rank: number): number => values[counts.placeOfRank(rank)];
  let first = 0;
  let end = 0;
  for (let s = firstStep; s < endStep; s++) {
    const size = to[s] - from[s];
    if (size === 0) continue;
    for (; first < from[s] && first < end; first++) counts.add(placeOf(values, v[first], length), -1);
    if (first === end) end = first = from[s];
    for (; end < to[s]; end++) counts.add(placeOf(values, v[end], length), 1);
    out.set(s, quantileOfRanks(q[s], size, valueAt));
  }
}

/** How many of a window's values stand at each of the places of a sorted list: a Fenwick tree. */
class RankCounts {
  private readonly tree: Int32Array;
  private readonly top: number;

  constructor(places: number) {
    this.tree = new Int32Array(places + 1);
    this.top = 2 ** Math.floor(Math.log2(Math.max(1, places)));
  }

  add(place: number, count: 1 | -1): void {
    for (let i = place + 1; i < this.tree.length; i += i & -i) this.tree[i] += count;
  }

  /** The place of the value that has `rank` others before it. */
  placeOfRank(rank: number): number {
    let place = 0;
    let left = rank;
    for (let half = this.top; half >= 1; half >>>= 1) {
      const next = place + half;
      if (next >= this.tree.length || this.tree[next] > left) continue;
      place = next;
      left -= this.tree[next];
    }
    return place;
  }
}
