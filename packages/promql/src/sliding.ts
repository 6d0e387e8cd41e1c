import { compensation } from './kahan.ts';
import type { Windows } from './window.ts';

/** Windows that share fewer samples than this with the next are computed one by one, as upstream does. */
const OVERLAP_MIN = 4;

/** Values and, over them, windows whose ends only ever go forward: `Windows`, or others of that kind. */
export type Spans = Pick<Windows, 'v' | 'length' | 'from' | 'to' | 'total' | 'firstStep' | 'endStep'>;

/** One value a step, in columns that the next call writes over. */
export interface WindowSums {
  readonly sums: Float64Array;
  /** What the sums lack (Kahan, Neumaier). */
  readonly cs: Float64Array;
  /** 1 where NaN or infinities among the values make the sum what it is, and the mean. */
  readonly settled: Uint8Array;
}

let sums = new Float64Array(0);
let cs = new Float64Array(0);
let settled = new Uint8Array(0);
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
export function slidingSums(windows: Spans): WindowSums {
  const count = windows.to.length;
  if (count > sums.length) {
    sums = new Float64Array(count);
    cs = new Float64Array(count);
    settled = new Uint8Array(count);
  }
  settled.fill(0);
  if (windows.total > OVERLAP_MIN * windows.length) sumsInTwoParts(windows);
  else for (let s = windows.firstStep; s < windows.endStep; s++) plainSum(windows, s);
  return { sums, cs, settled };
}

function plainSum({ v, from, to }: Spans, s: number): void {
  let sum = 0;
  let c = 0;
  for (let i = from[s]; i < to[s]; i++) {
    c = compensation(v[i], sum, c);
    sum += v[i];
  }
  sums[s] = sum;
  cs[s] = c;
}

function sumsInTwoParts(windows: Spans): void {
  const { v, from, to, length } = windows;
  if (length > suffixSums.length) {
    suffixSums = new Float64Array(2 * length);
    suffixCs = new Float64Array(2 * length);
  }
  let border = 0;
  let end = 0;
  let sum = 0;
  let c = 0;
  const specials = new Specials();
  for (let s = windows.firstStep; s < windows.endStep; s++) {
    const a = from[s];
    const b = to[s];
    sums[s] = cs[s] = 0;
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
    if (Number.isFinite(sums[s])) {
      cs[s] = compensation(sum, suffixSums[a], suffixCs[a]) + c;
      continue;
    }
    const special = specials.sum(v, a, b);
    if (special === 0) {
      // An overflow depends on the order of addition: it is left to the plain sum.
      plainSum(windows, s);
    } else {
      sums[s] = special;
      cs[s] = 0;
      settled[s] = 1;
    }
  }
}

/** Where the last NaN and the last infinities are, as far as windows have come. */
class Specials {
  private end = 0;
  private nan = -1;
  private plus = -1;
  private minus = -1;

  /** The sum of the NaN and infinities in v[from … to-1]; 0 where there is none. */
  sum(v: Float64Array, from: number, to: number): number {
    for (; this.end < to; this.end++) {
      const value = v[this.end];
      if (Number.isNaN(value)) this.nan = this.end;
      else if (value === Number.POSITIVE_INFINITY) this.plus = this.end;
      else if (value === Number.NEGATIVE_INFINITY) this.minus = this.end;
    }
    if (this.nan >= from) return Number.NaN;
    return (this.plus >= from ? Number.POSITIVE_INFINITY : 0) + (this.minus >= from ? Number.NEGATIVE_INFINITY : 0);
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
 * The index of the least (sign 1) or greatest (sign -1) value of each window, the first or last of equal ones, as 0 and -0
 * are; NaN loses to anything, and of nothing but NaN it is the last. Each sample enters and leaves a queue of candidates once.
 */
export function slidingExtremes(windows: Spans, sign: 1 | -1, ofEqual: 'first' | 'last'): Int32Array {
  const { v, from, to, length } = windows;
  if (length > queue.length) queue = new Int32Array(2 * length);
  if (to.length > indices.length) indices = new Int32Array(to.length);
  const keepsLast = ofEqual === 'last';
  let head = 0;
  let tail = 0;
  let next = windows.firstStep < windows.endStep ? from[windows.firstStep] : 0;
  for (let s = windows.firstStep; s < windows.endStep; s++) {
    if (from[s] === to[s]) continue;
    for (; next < to[s]; next++) {
      const value = sign * v[next];
      if (Number.isNaN(value)) continue;
      for (; tail > head; tail--) {
        const before = sign * v[queue[tail - 1]];
        if (before < value || (before === value && !keepsLast)) break;
      }
      queue[tail++] = next;
    }
    while (head < tail && queue[head] < from[s]) head++;
    indices[s] = head < tail ? queue[head] : to[s] - 1;
  }
  return indices;
}

/** Events of a series, counted: at i how many there are up to and with sample i. */
export function eventsBefore(windows: Spans, happens: 'fall' | 'change'): Int32Array {
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
