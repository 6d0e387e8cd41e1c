import type { Appender } from './appender.ts';
import type { Head } from './head/head.ts';
import { slotOf } from './head/series.ts';
import { SampleRecord } from './wal/decode.ts';
import type { SampleBatch } from './wal/records.ts';

/** The samples of a batch apart by the log that they belong to: in order, or late. */
export interface SplitBatch {
  readonly inOrder: SampleBatch;
  readonly late: SampleBatch;
}

export function splitLate({ refs, walRefs, times, bits, length }: Appender, head: Head): SplitBatch {
  const inOrder = new SampleRecord();
  const late = new SampleRecord();
  inOrder.reserve(length);
  late.reserve(length);
  for (let i = 0; i < length; i++) {
    const isLate = times[i] < head.lastTime[slotOf(refs[i])] || times[i] < head.minValidTime;
    const record = isLate ? late : inOrder;
    const at = record.length++;
    record.refs[at] = walRefs[i];
    record.times[at] = times[i];
    record.bits[2 * at] = bits[2 * i];
    record.bits[2 * at + 1] = bits[2 * i + 1];
  }
  return { inOrder, late };
}
