import { type Matcher, runToEnd, Slices } from '@avalanche/model';
import type { Block } from './block/block.ts';
import { SeriesEntry } from './block/series-entry.ts';
import { TombstonesBuilder } from './block/tombstones.ts';
import type { Blocks } from './blocks.ts';
import type { Head } from './head/head.ts';
import { BlockIndex } from './query/querier.ts';
import { type Refs, RefUnion } from './query/refs.ts';
import { type LabelIndex, selectSteps } from './query/select.ts';
import type { Wal } from './wal/wal.ts';

/** What is to be deleted. Milliseconds, both ends included. */
export interface Deletion {
  readonly minTime: number;
  readonly maxTime: number;
  /** The series that match any of these. */
  readonly matcherSets: readonly (readonly Matcher[])[];
}

/** Series of the head whose deletions are logged at once. */
const LOGGED_AT_ONCE = 512;

/**
 * Marks samples as deleted, in blocks by their tombstones file and in the head by its log. Queries go on meanwhile.
 * @throws the file system's error
 */
export async function deleteSeries(
  { head, blocks, wal }: { readonly head: Head; readonly blocks: Blocks; readonly wal: Wal },
  deletion: Deletion,
): Promise<void> {
  const slices = new Slices();
  for (const block of blocks.overlapping(deletion.minTime, deletion.maxTime)) {
    await slices.run(deletionSteps(block, deletion));
  }
  await slices.run(headDeletionSteps(head, wal, deletion));
}

/** @returns how many series lost samples */
export function deleteFromBlock(block: Block, deletion: Deletion): number {
  return runToEnd(deletionSteps(block, deletion));
}

function* deletionSteps(block: Block, { minTime, maxTime, matcherSets }: Deletion): Generator<void, number> {
  const builder = new TombstonesBuilder(block.tombstones);
  const entry = new SeriesEntry();
  let series = 0;
  for (const ref of yield* matchingSteps(new BlockIndex(block), matcherSets)) {
    yield;
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

type Marked = readonly [slot: number, first: number, last: number];

/** Only what is there is marked, so that samples appended later are not hidden. */
function* headDeletionSteps(head: Head, wal: Wal, { minTime, maxTime, matcherSets }: Deletion): Generator<void, void> {
  let marked: Marked[] = [];
  for (const slot of yield* matchingSteps(head.postings, matcherSets)) {
    if (head.series.refs[slot] === 0 || !head.hasSamples(slot, minTime, maxTime)) continue;
    const first = Math.max(minTime, Math.min(head.minTime, head.late.minTime));
    const last = Math.min(maxTime, Math.max(head.lastTime[slot], head.late.maxTime));
    if (first <= last) marked.push([slot, first, last]);
    if (marked.length < LOGGED_AT_ONCE) continue;
    deleteFromHead(head, wal, marked);
    marked = [];
    yield;
  }
  deleteFromHead(head, wal, marked);
}

function deleteFromHead(head: Head, wal: Wal, marked: readonly Marked[]): void {
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
  return runToEnd(matchingSteps(index, matcherSets));
}

function* matchingSteps(index: LabelIndex, matcherSets: Deletion['matcherSets']): Generator<void, Refs> {
  const all = new RefUnion();
  for (const matchers of matcherSets) all.add(yield* selectSteps(index, matchers));
  return all.refs();
}
