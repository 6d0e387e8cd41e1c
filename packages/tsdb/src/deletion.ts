import type { Matcher } from '@avalanche/model';
import type { Block } from './block/block.ts';
import { SeriesEntry } from './block/series-entry.ts';
import { TombstonesBuilder } from './block/tombstones.ts';
import type { Blocks } from './blocks.ts';
import type { Head } from './head/head.ts';
import { BlockIndex } from './query/querier.ts';
import { type Refs, union } from './query/refs.ts';
import { type LabelIndex, selectRefs } from './query/select.ts';
import type { Wal } from './wal/wal.ts';

/** What is to be deleted. Milliseconds, both ends included. */
export interface Deletion {
  readonly minTime: number;
  readonly maxTime: number;
  /** The series that match any of these. */
  readonly matcherSets: readonly (readonly Matcher[])[];
}

/** Marks samples as deleted, in blocks by their tombstones file and in the head by its log. @throws the file system's error */
export async function deleteSeries(
  { head, blocks, wal }: { readonly head: Head; readonly blocks: Blocks; readonly wal: Wal },
  deletion: Deletion,
): Promise<void> {
  for (const block of blocks.overlapping(deletion.minTime, deletion.maxTime)) {
    deleteFromBlock(block, deletion);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  deleteFromHead(head, wal, deletion);
}

/** @returns how many series lost samples */
export function deleteFromBlock(block: Block, { minTime, maxTime, matcherSets }: Deletion): number {
  const builder = new TombstonesBuilder(block.tombstones);
  const entry = new SeriesEntry();
  let series = 0;
  for (const ref of matching(new BlockIndex(block), matcherSets)) {
    block.index.readSeries(ref, entry);
    if (entry.chunkCount === 0) continue;
    const first = Math.max(minTime, entry.minTime[0]);
    const last = Math.min(maxTime, entry.maxTime[entry.chunkCount - 1]);
    if (first > last) continue;
    builder.add(ref, first, last);
    series++;
  }
  if (series > 0) block.setTombstones(builder.build());
  return series;
}

/** Only what is there is marked, so that samples appended later are not hidden. */
function deleteFromHead(head: Head, wal: Wal, { minTime, maxTime, matcherSets }: Deletion): void {
  const marked: (readonly [slot: number, first: number, last: number])[] = [];
  for (const slot of matching(head.postings, matcherSets)) {
    if (head.series.refs[slot] === 0 || !head.hasSamples(slot, minTime, maxTime)) continue;
    const first = Math.max(minTime, Math.min(head.minTime, head.late.minTime));
    const last = Math.min(maxTime, Math.max(head.lastTime[slot], head.late.maxTime));
    if (first <= last) marked.push([slot, first, last]);
  }
  if (marked.length === 0) return;
  for (const [slot, first, last] of marked) wal.logTombstone(head.series.walRefs[slot], first, last);
  try {
    wal.flush();
  } catch (error) {
    wal.discard();
    throw error;
  }
  for (const [slot, first, last] of marked) head.delete(slot, first, last);
}

/** The series of an index that match any of the sets, ascending. */
export function matching(index: LabelIndex, matcherSets: Deletion['matcherSets']): Refs {
  return union(matcherSets.map((matchers) => selectRefs(index, matchers).slice()));
}
