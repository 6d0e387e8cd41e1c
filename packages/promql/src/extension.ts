import type { SampleColumns } from '@avalanche/model';
import type { Call, Expr } from './ast.ts';
import { unparen } from './ast.ts';
import { FLOAT, type StepColumn } from './columns.ts';
import { executionError } from './error.ts';
import type { References } from './selector.ts';

/**
 * What `anchored` and `smoothed` add to a range: samples from up to a lookback before it and, with `smoothed`, behind it.
 * `anchored` takes the value at the ends from the sample before, `smoothed` draws a line between the samples around them.
 */
export interface Extension {
  readonly kind: 'anchored' | 'smoothed';
  readonly lookbackMs: number;
}

/** How far behind the right end of a range samples are looked at, in milliseconds. */
export function reachMs(extension: Extension | null): number {
  return extension?.kind === 'smoothed' ? extension.lookbackMs : 0;
}

/** How much longer a range gets in both directions together, in milliseconds. */
export function extraMs(extension: Extension | null): number {
  return extension === null ? 0 : extension.lookbackMs + reachMs(extension);
}

const SMOOTHED_FUNCTIONS = ['delta', 'increase', 'rate'];
const ANCHORED_FUNCTIONS = ['changes', ...SMOOTHED_FUNCTIONS, 'resets'];

/** Refuses functions that would take samples outside of the range for samples of it. @throws PromQLError */
export function checkExtensions({ func, args }: Call): void {
  for (const arg of args) {
    const kind = extensionOf(arg);
    if (kind === null) continue;
    const allowed = kind === 'anchored' ? ANCHORED_FUNCTIONS : SMOOTHED_FUNCTIONS;
    if (allowed.includes(func.name)) continue;
    throw executionError(`${kind} modifier can only be used with: ${allowed.join(', ')} - not with ${func.name}`);
  }
}

function extensionOf(argument: Expr): Extension['kind'] | null {
  const expr = unparen(argument);
  return expr.kind === 'matrixSelector' ? expr.selector.extension : null;
}

/** Samples of one series, those from `from` to `to`-1 of them, which are within reach of a range. */
interface Reach {
  readonly t: Float64Array;
  readonly v: Float64Array;
  readonly from: number;
  readonly to: number;
}

/** A range over the samples in its reach: the values at its ends and the samples inside, `first` … `last`. */
export interface ExtendedRange {
  left: number;
  right: number;
  first: number;
  last: number;
}

/** The first index from `from` on, below `to`, with t > time (or, `orEqual`, t >= time); else `to`. */
export function search(t: Float64Array, from: number, to: number, time: number, orEqual = false): number {
  let low = from;
  let high = to;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (t[middle] > time || (orEqual && t[middle] === time)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The first of the samples to count: the last one at or before the start of the range, if there is one. */
export function anchorOf({ t, from, to }: Reach, startMs: number): number {
  return Math.max(from, search(t, from, to, startMs) - 1);
}

/** The value of a line through two neighbours; a counter that fell starts again at zero. */
export function interpolate({ t, v }: Pick<Reach, 't' | 'v'>, before: number, time: number, counter: boolean): number {
  const after = before + 1;
  const y = counter && v[after] < v[before] ? 0 : v[before];
  return y + ((v[after] - y) * (time - t[before])) / (t[after] - t[before]);
}

/**
 * Finds the ends of a range (startMs, endMs] and what is inside, as upstream's extendedRate and extendFloats do.
 * @returns false where there is nothing to say of the range
 */
export function extendRange(
  reach: Reach,
  range: { readonly startMs: number; readonly endMs: number; readonly smoothed: boolean; readonly counter: boolean },
  out: ExtendedRange,
): boolean {
  const { t, v, from, to } = reach;
  const { startMs, endMs, smoothed, counter } = range;
  if (from === to) return false;
  let first = Math.max(from, search(t, from, to - 1, startMs) - 1);
  let last = smoothed ? search(t, from, to - 1, endMs, true) : to - 1;
  if (t[last] <= startMs || (smoothed && t[first] > endMs)) return false;
  out.left = smoothed && t[first] < startMs ? interpolate(reach, first, startMs, counter) : v[first];
  out.right = smoothed && last > from && t[last] > endMs ? interpolate(reach, last - 1, endMs, counter) : v[last];
  if (t[first] <= startMs) first++;
  if (t[last] >= endMs) last--;
  out.first = first;
  out.last = last;
  return true;
}

/** Replaces the samples in reach of one range by those of it, with one at either end. */
export function extendSamples(samples: SampleColumns, startMs: number, endMs: number, { kind }: Extension): void {
  if (samples.histograms !== null) throw executionError(`${kind} modifier is not supported with histograms`);
  const { t, v, length } = samples;
  const range: ExtendedRange = { left: 0, right: 0, first: 0, last: 0 };
  const smoothed = kind === 'smoothed';
  const reach = { t, v, from: 0, to: length };
  const there = extendRange(reach, { startMs, endMs, smoothed, counter: false }, range);
  const inside = there ? t.slice(range.first, Math.max(range.first, range.last + 1)) : new Float64Array(0);
  const values = there ? v.slice(range.first, Math.max(range.first, range.last + 1)) : new Float64Array(0);
  samples.length = 0;
  if (!there) return;
  samples.push(startMs, range.left);
  inside.forEach((time, i) => {
    samples.push(time, values[i]);
  });
  samples.push(endMs, range.right);
}

/**
 * A smoothed instant vector: at each step the value of the line between the samples around it, both no further than the
 * lookback; the last value where there is none after it. Staleness markers must have been taken out.
 * @returns at how many steps there is a value
 */
export function pickSmoothed(samples: SampleColumns, refs: References, lookbackMs: number, out: StepColumn): number {
  const { t, v, length } = samples;
  const reach = { t, v, from: 0, to: length };
  out.clear();
  let found = 0;
  let next = 0;
  for (let s = 0; s < out.count; s++) {
    const time = refs.firstMs + s * refs.stepMs;
    while (next < length && t[next] < time) next++;
    const hasNext = next < length && t[next] <= time + lookbackMs;
    const hasBefore = next > 0 && t[next - 1] > time - lookbackMs;
    if (hasNext && t[next] === time) out.v[s] = v[next];
    else if (!hasBefore) continue;
    else out.v[s] = hasNext ? interpolate(reach, next - 1, time, false) : v[next - 1];
    out.present[s] = FLOAT;
    found++;
  }
  return found;
}
