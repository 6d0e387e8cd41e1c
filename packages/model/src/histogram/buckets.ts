import { HistogramError } from './error.ts';
import { coarserIndex } from './schema.ts';

/**
 * The buckets of one sign: their indexes in ascending order, and the absolute count of each. Buckets that are not
 * listed are empty; listed ones may be. Histograms of one layout share `indexes`, and then add up without a merge.
 */
export interface Buckets {
  readonly indexes: Int32Array;
  readonly counts: Float64Array;
}

export const NO_BUCKETS: Buckets = { indexes: new Int32Array(0), counts: new Float64Array(0) };

/** `length` successive buckets, `offset` after the end of the span before (for the first: the index of its first). */
export interface Span {
  readonly offset: number;
  readonly length: number;
}

/** Successive buckets from index `offset` on. */
export function denseBuckets(offset: number, counts: readonly number[] | Float64Array): Buckets {
  if (counts.length === 0) return NO_BUCKETS;
  return { indexes: Int32Array.from(counts, (_, i) => offset + i), counts: Float64Array.from(counts) };
}

/** The buckets that upstream's spans describe. @throws HistogramError where spans and counts do not fit each other */
export function bucketsFromSpans(spans: readonly Span[], counts: readonly number[] | Float64Array): Buckets {
  const wanted = spans.reduce((sum, { length }) => sum + length, 0);
  const indexes = new Int32Array(wanted);
  let at = 0;
  let index = 0;
  spans.forEach(({ offset, length }, n) => {
    if (n > 0 && offset < 0)
      throw new HistogramError('negative-span-offset', `span number ${n + 1} with offset ${offset}`);
    index += offset;
    for (let i = 0; i < length; i++) indexes[at++] = index++;
  });
  if (wanted !== counts.length) {
    throw new HistogramError('spans-buckets-mismatch', `spans need ${wanted} buckets, have ${counts.length} buckets`);
  }
  return { indexes, counts: Float64Array.from(counts) };
}

/** The spans of a layout, as few as there can be. */
export function spansOf(indexes: Int32Array): Span[] {
  const spans: { offset: number; length: number }[] = [];
  let next = 0;
  for (const index of indexes) {
    if (spans.length > 0 && index === next) spans[spans.length - 1].length++;
    else spans.push({ offset: index - next, length: 1 });
    next = index + 1;
  }
  return spans;
}

export function sameLayout(a: Int32Array, b: Int32Array): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** The same without listed buckets that are empty. */
export function withoutEmpty(buckets: Buckets): Buckets {
  const { indexes, counts } = buckets;
  let kept = 0;
  for (let i = 0; i < counts.length; i++) if (counts[i] !== 0) kept++;
  if (kept === counts.length) return buckets;
  if (kept === 0) return NO_BUCKETS;
  const out = { indexes: new Int32Array(kept), counts: new Float64Array(kept) };
  let at = 0;
  for (let i = 0; i < counts.length; i++) {
    if (counts[i] === 0) continue;
    out.indexes[at] = indexes[i];
    out.counts[at++] = counts[i];
  }
  return out;
}

export function mapCounts(buckets: Buckets, change: (count: number) => number): Buckets {
  const { indexes, counts } = buckets;
  if (counts.length === 0) return buckets;
  const changed = new Float64Array(counts.length);
  for (let i = 0; i < changed.length; i++) changed[i] = change(counts[i]);
  return { indexes, counts: changed };
}

/** The buckets in a schema that is lower by `shift`. */
export function reduceBuckets(buckets: Buckets, shift: number): Buckets {
  const { indexes, counts } = buckets;
  if (shift === 0 || indexes.length === 0) return buckets;
  const out = { indexes: new Int32Array(indexes.length), counts: new Float64Array(indexes.length) };
  let last = -1;
  for (let i = 0; i < indexes.length; i++) {
    const index = coarserIndex(indexes[i], shift);
    if (last < 0 || out.indexes[last] !== index) out.indexes[++last] = index;
    out.counts[last] += counts[i];
  }
  return { indexes: out.indexes.slice(0, last + 1), counts: out.counts.slice(0, last + 1) };
}
