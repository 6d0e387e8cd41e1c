import type { BlockMeta } from '../block/meta.ts';

export interface RetainedBlock {
  readonly meta: BlockMeta;
  /** Bytes on disk. */
  readonly sizeBytes: number;
}

export interface RetentionPolicy {
  /** Milliseconds; 0 for no bound. */
  readonly timeMs: number;
  /** Bytes of everything in the data directory; 0 for no bound. */
  readonly bytes: number;
}

/** The blocks that retention drops, by reason, as upstream decides it. */
export interface Expired<B extends RetainedBlock> {
  readonly byTime: readonly B[];
  readonly bySize: readonly B[];
}

/**
 * By time: blocks that end a whole retention before the newest one does. By size: the oldest ones, until what is left
 * together with `otherBytes` (log and head) is within the bound.
 */
export function expiredBlocks<B extends RetainedBlock>(
  blocks: readonly B[],
  otherBytes: number,
  policy: RetentionPolicy,
): Expired<B> {
  const newestFirst = [...blocks].sort((a, b) => b.meta.maxTime - a.meta.maxTime);
  const newest = newestFirst[0];
  const isOld = (block: B) =>
    policy.timeMs > 0 && block !== newest && newest.meta.maxTime - block.meta.maxTime >= policy.timeMs;
  const byTime = newestFirst.filter(isOld);
  const bySize: B[] = [];
  let bytes = otherBytes;
  for (const block of newestFirst) {
    bytes += block.sizeBytes;
    if (policy.bytes > 0 && bytes > policy.bytes) bySize.push(block);
  }
  return { byTime, bySize };
}
