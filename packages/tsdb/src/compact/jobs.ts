import type { BlockCompaction, BlockMeta } from '../block/meta.ts';
import type { TimeRange } from './trim.ts';

/** A block to be written: as PARENT/ULID, for minTime ≤ t < maxTime in milliseconds. */
export interface BlockTarget extends TimeRange {
  readonly parent: string;
  readonly ulid: string;
}

/** Writes a part of the head as a block. */
export interface HeadJob extends BlockTarget {
  readonly compaction: BlockCompaction;
}

/** Makes one block of several, deletions and doubles left out; of a single one, a copy without its deletions. */
export interface MergeJob {
  readonly parent: string;
  readonly ulid: string;
  /** Directories of the blocks. */
  readonly sources: readonly string[];
}

/** What was written, or null where there was no sample to write and so no block is there. */
export type JobResult = BlockMeta | null;

/** Gives way to other work where the event loop is shared; in a worker there is none. */
export type Pace = () => Promise<void> | undefined;

/** Upstream's hint in the meta of a block of late samples: its range says nothing of what the head still holds. */
export const FROM_OUT_OF_ORDER = 'from-out-of-order';
