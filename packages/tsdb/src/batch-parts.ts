import type { Batch } from './appender.ts';

/** How many floats and histograms come before a cut. */
interface Cut {
  readonly floats: number;
  readonly histograms: number;
}

/**
 * The batch, in parts where a series has both floats and histograms: in each part it has one kind, so that its samples
 * stay in the order in which they came. Floats of a part come before its histograms.
 */
export function partsOf(batch: Batch): readonly Batch[] {
  if (!isMixed(batch)) return [batch];
  const cuts = cutsOf(batch);
  return cuts.slice(1).map((to, i) => part(batch, cuts[i], to, i === 0));
}

function isMixed({ refs, length, histograms }: Batch): boolean {
  if (length === 0 || histograms.length === 0) return false;
  const ofHistograms = new Set(histograms.map(({ ref }) => ref));
  for (let i = 0; i < length; i++) if (ofHistograms.has(refs[i])) return true;
  return false;
}

function cutsOf({ refs, length, histograms }: Batch): Cut[] {
  const cuts: Cut[] = [{ floats: 0, histograms: 0 }];
  const kinds = new Map<number, 'float' | 'histogram'>();
  const see = (ref: number, kind: 'float' | 'histogram', place: Cut) => {
    if ((kinds.get(ref) ?? kind) !== kind) {
      cuts.push(place);
      kinds.clear();
    }
    kinds.set(ref, kind);
  };
  let next = 0;
  for (let i = 0; i <= length; i++) {
    for (; next < histograms.length && histograms[next].after <= i; next++) {
      see(histograms[next].ref, 'histogram', { floats: i, histograms: next });
    }
    if (i < length) see(refs[i], 'float', { floats: i, histograms: next });
  }
  cuts.push({ floats: length, histograms: histograms.length });
  return cuts;
}

function part(batch: Batch, from: Cut, to: Cut, isFirst: boolean): Batch {
  const { refs, walRefs, times, bits, starts } = batch;
  const [a, b] = [from.floats, to.floats];
  return {
    length: b - a,
    refs: refs.subarray(a, b),
    walRefs: walRefs.subarray(a, b),
    times: times.subarray(a, b),
    bits: bits.subarray(2 * a, 2 * b),
    starts: starts?.subarray(a, b) ?? null,
    histograms: batch.histograms.slice(from.histograms, to.histograms),
    metadata: isFirst ? batch.metadata : [],
    exemplars: isFirst ? batch.exemplars : [],
  };
}
