import type { Batch } from './appender.ts';
import type { Head } from './head/head.ts';
import { slotOf } from './head/series.ts';
import { SampleRecord } from './wal/decode.ts';
import type { LoggedHistogram } from './wal/histograms.ts';
import type { SampleBatch } from './wal/records.ts';

/** The samples of a batch apart by the log that they belong to: in order, or late. */
export interface SplitBatch {
  readonly inOrder: SampleBatch;
  readonly late: SampleBatch;
}

/** Splits a batch that is about to be appended as the head will take it. */
export function splitLate({ refs, walRefs, times, bits, starts, length }: Batch, head: Head): SplitBatch {
  const inOrder = new SampleRecord();
  const late = new SampleRecord();
  inOrder.reserve(length);
  late.reserve(length);
  if (starts) for (const record of [inOrder, late]) record.starts = new Float64Array(record.refs.length);
  const newestOf = newestTimes(refs, length);
  for (let i = 0; i < length; i++) {
    const slot = slotOf(refs[i]);
    const isLate = times[i] < (newestOf?.get(slot) ?? head.lastTime[slot]) || times[i] < head.minValidTime;
    if (!isLate) newestOf?.set(slot, times[i]);
    const record = isLate ? late : inOrder;
    const at = record.length++;
    record.refs[at] = walRefs[i];
    record.times[at] = times[i];
    record.bits[2 * at] = bits[2 * i];
    record.bits[2 * at + 1] = bits[2 * i + 1];
    if (starts && record.starts) record.starts[at] = starts[i];
  }
  return { inOrder, late };
}

/**
 * For a batch that may have a series twice, whose second sample may be late by the first: where to keep the newest
 * time of each. References that ascend, as in most scrapes, occur once and need none of this.
 */
function newestTimes(refs: Uint32Array, length: number): Map<number, number> | undefined {
  let i = 1;
  while (i < length && slotOf(refs[i - 1]) < slotOf(refs[i])) i++;
  return i < length ? new Map() : undefined;
}

/** The histograms of a batch as the log has them, apart by the log that they belong to. */
export function splitHistograms(
  { histograms }: Batch,
  head: Head,
): { readonly inOrder: readonly LoggedHistogram[]; readonly late: readonly LoggedHistogram[] } {
  const inOrder: LoggedHistogram[] = [];
  const late: LoggedHistogram[] = [];
  const newestOf = new Map<number, number>();
  for (const { ref, time, histogram, start } of histograms) {
    const slot = slotOf(ref);
    const isLate = time < (newestOf.get(slot) ?? head.lastTime[slot]) || time < head.minValidTime;
    if (!isLate) newestOf.set(slot, time);
    (isLate ? late : inOrder).push({ ref: head.series.walRefs[slot], time, histogram, start });
  }
  return { inOrder, late };
}
