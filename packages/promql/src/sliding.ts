import { FLOAT, type StepColumn } from './columns.ts';
import { compensation } from './kahan.ts';
import { quantileInPlace, quantileOfSorted, sortNaNFirst } from './quantile.ts';
import type { Windows } from './window.ts';

/** Windows that share fewer samples than this with the next are computed one by one, as upstream does. */
const OVERLAP_MIN = 4;

/** One value a step, in columns that the next call writes over. */
export interface WindowSums {
  readonly sums: Float64Array;
  /** What the sums lack (Kahan, Neumaier). */
  readonly cs: Float64Array;
}

let sums = new Float64Array(0);
let cs = new Float64Array(0);
let suffixSums = new Float64Array(0);
let suffixCs = new Float64Array(0);
let indices = new Int32Array(0);
let queue = new Int32Array(0);
let before = new Int32Array(0);

/**
 * The compensated sum of each window. Windows that overlap are put together of two parts, so that each sample is added
 * twice however many windows it is in: sums from each sample up to a border, and a growing one from the border on. Nothing
 * is ever subtracted, so nothing is lost to cancellation.
 */
export function slidingSums(windows: Windows): WindowSums {
  const { count } = windows.steps;
  if (count > sums.length) {
    sums = new Float64Array(count);
    cs = new Float64Array(count);
  }
  if (windows.total > OVERLAP_MIN * windows.length) sumsInTwoParts(windows);
  else for (let s = windows.firstStep; s < windows.endStep; s++) plainSum(windows, s);
  return { sums, cs };
}

function plainSum({ v, from, to }: Windows, s: number): void {
  let sum = 0;
  let c = 0;
  for (let i = from[s]; i < to[s]; i++) {
    c = compensation(v[i], sum, c);
    sum += v[i];
  }
  sums[s] = sum;
  cs[s] = c;
}

function sumsInTwoParts(windows: Windows): void {
  const { v, from, to, length } = windows;
  if (length > suffixSums.length) {
    suffixSums = new Float64Array(2 * length);
    suffixCs = new Float64Array(2 * length);
  }
  let border = 0;
  let end = 0;
  let sum = 0;
  let c = 0;
  for (let s = windows.firstStep; s < windows.endStep; s++) {
    const a = from[s];
    const b = to[s];
    if (a === b) continue;
    if (a >= border) {
      border = b;
      sumUpTo(v, a, b);
      end = b;
      sum = 0;
      c = 0;
    }
    for (; end < b; end++) {
      c = compensation(v[end], sum, c);
      sum += v[end];
    }
    sums[s] = suffixSums[a] + sum;
    // An overflow depends on the order of addition: it is left to the plain sum.
    if (Number.isFinite(sums[s])) cs[s] = compensation(sum, suffixSums[a], suffixCs[a]) + c;
    else plainSum(windows, s);
  }
}

/** Sums of v[i … to-1] for each i from `from` on. */
function sumUpTo(v: Float64Array, from: number, to: number): void {
  let sum = 0;
  let c = 0;
  for (let i = to - 1; i >= from; i--) {
    c = compensation(v[i], sum, c);
    sum += v[i];
    suffixSums[i] = sum;
    suffixCs[i] = c;
  }
}

/**
 * The index of the least (sign 1) or greatest (sign -1) value of each window, the last of equal ones; NaN loses to
 * anything, and of nothing but NaN it is the last. Each sample enters and leaves a queue of candidates once.
 */
export function slidingExtremes(windows: Windows, sign: 1 | -1): Int32Array {
  const { v, from, to, length } = windows;
  if (length > queue.length) queue = new Int32Array(2 * length);
  if (to.length > indices.length) indices = new Int32Array(to.length);
  let head = 0;
  let tail = 0;
  let next = windows.firstStep < windows.endStep ? from[windows.firstStep] : 0;
  for (let s = windows.firstStep; s < windows.endStep; s++) {
    if (from[s] === to[s]) continue;
    for (; next < to[s]; next++) {
      const value = sign * v[next];
      if (Number.isNaN(value)) continue;
      while (tail > head && sign * v[queue[tail - 1]] >= value) tail--;
      queue[tail++] = next;
    }
    while (head < tail && queue[head] < from[s]) head++;
    indices[s] = head < tail ? queue[head] : to[s] - 1;
  }
  return indices;
}

/** Events of a series, counted: at i how many there are up to and with sample i. */
export function eventsBefore(windows: Windows, happens: 'fall' | 'change'): Int32Array {
  const { v, length } = windows;
  if (length > before.length) before = new Int32Array(2 * length);
  before[0] = 0;
  if (happens === 'fall') for (let i = 1; i < length; i++) before[i] = before[i - 1] + (v[i] < v[i - 1] ? 1 : 0);
  else for (let i = 1; i < length; i++) before[i] = before[i - 1] + (differ(v[i], v[i - 1]) ? 1 : 0);
  return before;
}

function differ(a: number, b: number): boolean {
  return a !== b && !(Number.isNaN(a) && Number.isNaN(b));
}

let sorted = new Float64Array(0);

/**
 * The q-quantile of each window, q being that of its step. Windows that overlap keep their values sorted: one is put in and
 * one taken out by a binary search and a move of memory.
 */
export function slidingQuantiles(windows: Windows, q: Float64Array, out: StepColumn): void {
  const { v, from, to, length } = windows;
  if (length > sorted.length) sorted = new Float64Array(2 * length);
  const slides = windows.total > 2 * length;
  let first = 0;
  let end = 0;
  for (let s = windows.firstStep; s < windows.endStep; s++) {
    const size = to[s] - from[s];
    if (size === 0) continue;
    if (slides && from[s] < end) {
      for (; first < from[s]; first++) takeOut(v[first], end - first);
      for (; end < to[s]; end++) putIn(v[end], end - first);
    } else {
      sorted.set(v.subarray(from[s], to[s]));
      if (slides) sortNaNFirst(sorted.subarray(0, size));
      first = from[s];
      end = to[s];
    }
    out.v[s] = slides ? quantileOfSorted(q[s], sorted, size) : quantileInPlace(q[s], sorted, size);
    out.present[s] = FLOAT;
  }
}

function putIn(value: number, size: number): void {
  const at = placeOf(value, size);
  sorted.copyWithin(at + 1, at, size);
  sorted[at] = value;
}

function takeOut(value: number, size: number): void {
  const at = placeOf(value, size);
  sorted.copyWithin(at, at + 1, size);
}

/** The first place whose value is not below `value`; NaN is below everything. */
function placeOf(value: number, size: number): number {
  let low = 0;
  let high = size;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle] < value || (Number.isNaN(sorted[middle]) && !Number.isNaN(value))) low = middle + 1;
    else high = middle;
  }
  return low;
}
