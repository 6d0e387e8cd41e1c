import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isUlid, type Logger, type Matcher, silentLogger } from '@avalanche/model';
import { Block } from '../block/block.ts';
import { PageCache } from '../block/page-cache.ts';
import { FROM_OUT_OF_ORDER } from '../compact/jobs.ts';
import { BLOCK_RANGE_MS } from '../compact/plan.ts';
import { Head } from '../head/head.ts';
import { HeadReplay } from '../head/head-replay.ts';
import { readLog as readWal } from '../wal/read-log.ts';
import type { WalCorruption } from '../wal/reader.ts';
import type { ReplaySink } from '../wal/replay.ts';
import { listCheckpoints, listSegments } from '../wal/segments.ts';
import { type StoredSeries, storedSeries } from './stored-series.ts';

/** How often a directory that changes while it is read is read again. */
const ATTEMPTS_MAX = 5;

/** A data directory cannot be read: it is missing, or blocks of it are damaged. Worded as upstream. */
export class UnreadableDirectory extends Error {
  override readonly name = 'UnreadableDirectory';
}

/**
 * Opens the blocks of a data directory, oldest first, changing nothing, whoever else has it open.
 * @throws UnreadableDirectory, naming every block that is damaged and not replaced by another
 */
export function openBlocks(directory: string): Block[] {
  checkDirectory(directory);
  for (let attempt = 1; ; attempt++) {
    const blocks = tryOpenBlocks(directory, attempt === ATTEMPTS_MAX);
    if (blocks) return blocks.sort((a, b) => a.meta.minTime - b.meta.minTime);
  }
}

/** The block with this ULID. @throws UnreadableDirectory where there is none */
export function openBlock(directory: string, ulid: string): Block {
  checkDirectory(directory);
  if (!isUlid(ulid) || !existsSync(join(directory, ulid))) throw new UnreadableDirectory(`invalid block ID ${ulid}`);
  return Block.open(join(directory, ulid), new PageCache());
}

/**
 * Opens a data directory for reading alone: its blocks, and its log replayed into memory. Nothing is written or
 * repaired, and a server may have it open meanwhile; what such a server writes later does not show.
 * @throws UnreadableDirectory; WalCorruption where the log is damaged before its last segment; WalGap
 */
export async function openReadOnly(directory: string, logger: Logger = silentLogger): Promise<ReadOnlyDb> {
  for (let attempt = 1; ; attempt++) {
    const blocks = openBlocks(directory);
    const before = layoutOf(directory);
    try {
      const db = await openLog(directory, blocks, logger);
      if (attempt === ATTEMPTS_MAX || layoutOf(directory) === before) return db;
    } catch (error) {
      if (attempt === ATTEMPTS_MAX || layoutOf(directory) === before) {
        closeAll(blocks);
        throw error;
      }
    }
    closeAll(blocks);
  }
}

/** A data directory as of the moment it was opened. To be closed. */
export class ReadOnlyDb {
  constructor(
    /** Oldest first. */
    readonly blocks: readonly Block[],
    /** What the log has and no block. */
    readonly head: Head,
    /** Where the log ends before its files do: it is being written, or its writer was killed. */
    readonly tornTail: WalCorruption | null,
  ) {}

  /** The series that match any of the sets and have samples in the range (milliseconds, both ends included). */
  series(matcherSets: readonly (readonly Matcher[])[], minTime: number, maxTime: number): Generator<StoredSeries> {
    return storedSeries({ head: this.head, blocks: this.blocks }, { matcherSets, minTime, maxTime });
  }

  close(): void {
    closeAll(this.blocks);
  }
}

/** @throws UnreadableDirectory where it is none */
export function checkDirectory(directory: string): void {
  const stat = statSync(directory, { throwIfNoEntry: false });
  if (!stat) throw new UnreadableDirectory(`opening the db dir: stat ${directory}: no such file or directory`);
  if (!stat.isDirectory()) throw new UnreadableDirectory(`find blocks: readdirent ${directory}: not a directory`);
}

/** Undefined where a block went away meanwhile, so that the directory is to be read again. */
function tryOpenBlocks(directory: string, lastAttempt: boolean): Block[] | undefined {
  const cache = new PageCache();
  const blocks: Block[] = [];
  const damaged = new Map<string, Error>();
  for (const name of blockNames(directory)) {
    const path = join(directory, name);
    try {
      blocks.push(Block.open(path, cache));
    } catch (error) {
      if (!lastAttempt && !existsSync(path)) {
        closeAll(blocks);
        return undefined;
      }
      damaged.set(name, error as Error);
    }
  }
  for (const { meta } of blocks) for (const { ulid } of meta.compaction.parents ?? []) damaged.delete(ulid);
  if (damaged.size === 0) return blocks;
  closeAll(blocks);
  const each = [...damaged].map(([ulid, error]) => `corrupted block ${ulid}: ${error.message}`);
  throw new UnreadableDirectory(each.join('\n'), { cause: damaged.values().next().value });
}

async function openLog(directory: string, blocks: readonly Block[], logger: Logger): Promise<ReadOnlyDb> {
  const head = new Head(BLOCK_RANGE_MS);
  head.minValidTime = inOrderEnd(blocks);
  const replay = new HeadReplay(head);
  const torn = await replayLog(join(directory, 'wal'), replay, logger);
  const tornLate = await replayLog(join(directory, 'wbl'), replay.late(), logger);
  return new ReadOnlyDb(blocks, head, torn ?? tornLate);
}

/** Hands a log to `sink` as it is. @returns what is wrong with the end of its last segment */
async function replayLog(directory: string, sink: ReplaySink, logger: Logger): Promise<WalCorruption | null> {
  if (!existsSync(directory)) return null;
  const { segments, damage } = await readWal(directory, sink, { logger });
  if (damage && damage.path !== segments.at(-1)?.path) throw damage;
  return damage ?? null;
}

/** What must be the same before and after a read for the two to belong together. */
function layoutOf(directory: string): string {
  const wal = join(directory, 'wal');
  const log = existsSync(wal) ? [listCheckpoints(wal)[0]?.index, listSegments(wal)[0]?.index] : [];
  return JSON.stringify([blockNames(directory), log]);
}

function blockNames(directory: string): string[] {
  return readdirSync(directory).filter(isUlid).sort();
}

/** Where the newest block of samples that came in order ends; the log before it is in blocks. */
function inOrderEnd(blocks: readonly Block[]): number {
  const ends = blocks
    .filter(({ meta }) => !meta.compaction.hints?.includes(FROM_OUT_OF_ORDER))
    .map(({ meta }) => meta.maxTime);
  return Math.max(Number.NEGATIVE_INFINITY, ...ends);
}

function closeAll(blocks: readonly Block[]): void {
  for (const block of blocks) block.close();
}
