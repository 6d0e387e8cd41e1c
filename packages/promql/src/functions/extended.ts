import { FLOAT } from '../columns.ts';
import { anchorOf, type ExtendedRange, extendRange } from '../extension.ts';
import type { RangeFunction } from './spec.ts';

/** `rate`, `increase` and `delta` of an anchored or smoothed range: nothing is extrapolated, as its ends have values. */
export function extendedRate({ counter, perSecond }: { counter: boolean; perSecond: boolean }): RangeFunction {
  return (windows, out, { source }) => {
    const { t, v, from, to } = windows;
    const { refs, rangeMs, extension } = source;
    const range: ExtendedRange = { left: 0, right: 0, first: 0, last: 0 };
    const smoothed = extension?.kind === 'smoothed';
    for (let s = windows.firstStep; s < windows.endStep; s++) {
      const endMs = refs.firstMs + s * refs.stepMs;
      const reach = { t, v, from: from[s], to: to[s] };
      if (!extendRange(reach, { startMs: endMs - rangeMs, endMs, smoothed, counter }, range)) continue;
      let difference = range.right - range.left;
      if (counter) difference += lostInResets(v, range);
      out.v[s] = perSecond ? difference / (rangeMs / 1000) : difference;
      out.present[s] = FLOAT;
    }
  };
}

function lostInResets(v: Float64Array, { left, right, first, last }: ExtendedRange): number {
  let lost = 0;
  let before = left;
  for (let i = first; i <= last; i++) {
    if (v[i] < before) lost += before;
    before = v[i];
  }
  return right < before ? lost + before : lost;
}

/** `changes` and `resets` of an anchored range: the sample before it counts as where it starts from. */
export function anchoredCount(happens: (before: number, value: number) => boolean): RangeFunction {
  return (windows, out, { source }) => {
    const { t, v, from, to } = windows;
    const { refs, rangeMs } = source;
    for (let s = windows.firstStep; s < windows.endStep; s++) {
      const startMs = refs.firstMs + s * refs.stepMs - rangeMs;
      if (from[s] === to[s] || t[to[s] - 1] <= startMs) continue;
      let count = 0;
      for (let i = anchorOf({ t, v, from: from[s], to: to[s] }, startMs) + 1; i < to[s]; i++) {
        if (happens(v[i - 1], v[i])) count++;
      }
      out.v[s] = count;
      out.present[s] = FLOAT;
    }
  };
}
