import type { BlockMeta } from '../block/meta.ts';

/** Upstream's two hours: what one block of the head covers. */
export const BLOCK_RANGE_MS = 2 * 3_600_000;
const RANGE_STEPS = 10;
const RANGE_FACTOR = 3;
const LONGEST_BLOCK_MS = 31 * 86_400_000;
/** A block is rewritten when more of its series than this have deletions. */
const TOMBSTONE_SHARE = 0.05;

/** The name of a block in a plan: its directory. */
export interface PlannedBlock {
  readonly directory: string;
  readonly meta: BlockMeta;
}

/** The longest block that a retention allows: a tenth of it, at most 31 days (upstream's default). */
export function longestBlock(retentionMs: number): number {
  return Math.max(BLOCK_RANGE_MS, retentionMs > 0 ? Math.min(LONGEST_BLOCK_MS, retentionMs / 10) : LONGEST_BLOCK_MS);
}

/** The ranges that blocks grow through: 2 h, 6 h, 18 h … up to `longestMs`. */
export function compactionRanges(shortestMs: number, longestMs: number): number[] {
  const ranges: number[] = [];
  for (let i = 0, range = shortestMs; i < RANGE_STEPS && range <= longestMs; i++, range *= RANGE_FACTOR) {
    ranges.push(range);
  }
  return ranges.length > 0 ? ranges : [shortestMs];
}

/**
 * The blocks to be made into one next, empty where there is nothing to do (upstream's LeveledCompactor.Plan): blocks
 * that overlap first; then those that fill a longer range, the newest block aside, which may still get a neighbour;
 * then one that has many deletions, or nothing else.
 */
export function planCompaction(blocks: readonly PlannedBlock[], ranges: readonly number[]): readonly PlannedBlock[] {
  const sorted = [...blocks].sort((a, b) => a.meta.minTime - b.meta.minTime);
  const overlapping = selectOverlapping(sorted);
  if (overlapping.length > 0) return overlapping;
  const settled = sorted.slice(0, -1);
  const level = selectLevel(settled, ranges);
  if (level.length > 0) return level;
  return selectDeleted(settled, ranges);
}

/** The first run of blocks that overlap, each the ones before it, and of which none failed before. */
function selectOverlapping(sorted: readonly PlannedBlock[]): readonly PlannedBlock[] {
  let run: PlannedBlock[] = [];
  let runEnd = Number.NEGATIVE_INFINITY;
  const isWanted = () => run.length > 1 && !run.some(hasFailed);
  for (const block of sorted) {
    if (block.meta.minTime < runEnd) run.push(block);
    else if (isWanted()) break;
    else run = [block];
    runEnd = Math.max(runEnd, block.meta.maxTime);
  }
  return isWanted() ? run : [];
}

/** Blocks that fill a longer range, or all that its range will get: what follows the last of them is not the newest. */
function selectLevel(settled: readonly PlannedBlock[], ranges: readonly number[]): readonly PlannedBlock[] {
  const last = settled.at(-1);
  if (!last) return [];
  for (const range of ranges.slice(1)) {
    for (const part of splitByRange(settled, range)) {
      if (part.length < 2 || part.some(hasFailed)) continue;
      const minTime = part[0].meta.minTime;
      const maxTime = part[part.length - 1].meta.maxTime;
      if (maxTime - minTime === range || maxTime <= last.meta.minTime) return part;
    }
  }
  return [];
}

function hasFailed({ meta }: PlannedBlock): boolean {
  return meta.compaction.failed === true;
}

/** Groups blocks by the multiple of `range` that they lie in; those that cross one are left out. */
function splitByRange(sorted: readonly PlannedBlock[], range: number): PlannedBlock[][] {
  const parts = new Map<number, PlannedBlock[]>();
  for (const block of sorted) {
    const { minTime, maxTime } = block.meta;
    const start = Math.floor(minTime / range) * range;
    if (maxTime > start + range) continue;
    const part = parts.get(start);
    if (part) part.push(block);
    else parts.set(start, [block]);
  }
  return [...parts.values()];
}

function selectDeleted(settled: readonly PlannedBlock[], ranges: readonly number[]): readonly PlannedBlock[] {
  const worthwhile = ranges[Math.floor(ranges.length / 2)];
  for (const block of [...settled].reverse()) {
    const { minTime, maxTime, stats } = block.meta;
    if (maxTime - minTime < worthwhile) {
      const isEmpty = stats.numTombstones > 0 && stats.numTombstones >= stats.numSeries;
      return isEmpty ? [block] : [];
    }
    if (stats.numTombstones / (stats.numSeries + 1) > TOMBSTONE_SHARE) return [block];
  }
  return [];
}
