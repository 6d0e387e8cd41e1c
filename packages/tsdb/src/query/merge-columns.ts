import { type FloatHistogram, SampleColumns } from '@avalanche/model';

const scratch = new SampleColumns(1024);

/**
 * Merges two ascending runs that lie one after the other in `columns`: [from, middle) and [middle, length). Of two
 * samples of one time that of the first run stays.
 */
export function mergeRuns(columns: SampleColumns, from: number, middle: number): void {
  const end = columns.length;
  if (middle === from || middle === end) return;
  if (columns.histograms !== null) mergeHistograms(columns, columns.histograms, from, middle);
  if (columns.starts !== null) mergeStarts(columns, columns.starts, from, middle);
  if (columns.t[middle - 1] < columns.t[middle]) return;
  const first = middle - from;
  scratch.reserve(first);
  scratch.t.set(columns.t.subarray(from, middle));
  scratch.bits.set(columns.bits.subarray(2 * from, 2 * middle));
  const { t, bits } = columns;
  let out = from;
  // `out` never passes `j`: what is taken from the first run has left its room.
  for (let i = 0, j = middle; i < first || j < end; out++) {
    if (j >= end || (i < first && scratch.t[i] <= t[j])) {
      if (j < end && t[j] === scratch.t[i]) j++;
      t[out] = scratch.t[i];
      bits[2 * out] = scratch.bits[2 * i];
      bits[2 * out + 1] = scratch.bits[2 * i + 1];
      i++;
    } else {
      t[out] = t[j];
      bits[2 * out] = bits[2 * j];
      bits[2 * out + 1] = bits[2 * j + 1];
      j++;
    }
  }
  columns.length = out;
}

/**
 * Puts the histograms to where `mergeRuns` puts their samples. As with upstream, nothing is known of a counter reset
 * where a sample of one run follows on one of the other.
 */
function mergeHistograms(
  { t, length }: SampleColumns,
  histograms: (FloatHistogram | undefined)[],
  from: number,
  middle: number,
): void {
  const merged: (FloatHistogram | undefined)[] = [];
  let wasFirst = true;
  for (let i = from, j = middle; i < middle || j < length; ) {
    const isFirst = j >= length || (i < middle && t[i] <= t[j]);
    if (isFirst && j < length && t[j] === t[i]) j++;
    const histogram = histograms[isFirst ? i++ : j++];
    merged.push(
      isFirst === wasFirst || histogram?.counterResetHint === 'gauge' ? histogram : histogram?.withHint('unknown'),
    );
    wasFirst = isFirst;
  }
  histograms.length = from;
  for (const histogram of merged) histograms.push(histogram);
}

/** Puts the start times to where `mergeRuns` puts their samples. */
function mergeStarts({ t, length }: SampleColumns, starts: Float64Array, from: number, middle: number): void {
  const merged: number[] = [];
  for (let i = from, j = middle; i < middle || j < length; ) {
    const isFirst = j >= length || (i < middle && t[i] <= t[j]);
    if (isFirst && j < length && t[j] === t[i]) j++;
    merged.push(starts[isFirst ? i++ : j++]);
  }
  starts.set(merged, from);
  starts.fill(0, from + merged.length, length);
}
