import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '@avalanche/model';
import { Block } from './block/block.ts';
import { syncDirectory } from './block/durable.ts';
import { InvalidMeta } from './block/meta.ts';
import { PageCache } from './block/page-cache.ts';
import { isUlid } from './block/ulid.ts';
import { FROM_OUT_OF_ORDER } from './compact/jobs.ts';

/** What upstream and we call a directory that is being written or deleted. */
const UNFINISHED = /^[0-9A-Z]{26}\.tmp(?:-for-creation|-for-deletion)?$/;
const FOR_DELETION = '.tmp-for-deletion';
const SET_ASIDE = '.corrupt';

/** The blocks of a data directory, oldest first. Others may hold one while it is removed from here. */
export class Blocks {
  /** Blocks that could not be opened, by the names they have now, since the start. */
  readonly setAside: string[] = [];
  private loaded: readonly Block[] = [];
  private readonly cache: PageCache;

  /** @param cacheBytes bounds the pages of block files that are kept in memory */
  constructor(
    private readonly directory: string,
    private readonly logger: Logger,
    cacheBytes?: number,
  ) {
    this.cache = new PageCache(cacheBytes);
  }

  get all(): readonly Block[] {
    return this.loaded;
  }

  get sizeBytes(): number {
    return this.loaded.reduce((sum, block) => sum + block.sizeBytes, 0);
  }

  /** Memory that open blocks take beside the cache they share. */
  get memoryBytes(): number {
    return this.loaded.reduce((sum, block) => sum + block.index.memoryBytes, 0);
  }

  /** The end of the newest block of samples that came in order: the head begins there. -Infinity where there is none. */
  get inOrderEnd(): number {
    const inOrder = this.loaded.filter(({ meta }) => !meta.compaction.hints?.includes(FROM_OUT_OF_ORDER));
    return Math.max(Number.NEGATIVE_INFINITY, ...inOrder.map(({ meta }) => meta.maxTime));
  }

  /** Those that have samples in [minTime, maxTime], milliseconds. */
  overlapping(minTime: number, maxTime: number): Block[] {
    return this.loaded.filter(({ meta }) => meta.minTime <= maxTime && meta.maxTime > minTime);
  }

  /** Removes what an interrupted process left half done. For the owner of the directory only. */
  removeUnfinished(): void {
    for (const name of readdirSync(this.directory)) {
      if (UNFINISHED.test(name)) rmSync(join(this.directory, name), { recursive: true, force: true });
    }
  }

  /**
   * Opens the blocks of the directory. One that cannot be read is set aside as `ULID.corrupt` where `repair` says so,
   * and told; one that a compaction has replaced is deleted.
   * @throws the file system's error for the directory itself; in a read-only directory also a block's
   */
  load(repair: boolean): void {
    const blocks: Block[] = [];
    for (const name of readdirSync(this.directory)) {
      if (!isUlid(name)) continue;
      const block = this.open(name, repair);
      if (block) blocks.push(block);
    }
    const replaced = new Set(blocks.flatMap(({ meta }) => (meta.compaction.parents ?? []).map(({ ulid }) => ulid)));
    const isDone = ({ meta }: Block) => meta.compaction.deletable === true || replaced.has(meta.ulid);
    this.loaded = sorted(blocks.filter((block) => !isDone(block)));
    for (const block of blocks.filter(isDone)) {
      if (repair) this.delete(block);
      else block.close();
    }
  }

  /** Takes a new block in and removes those that it replaces. @throws as `Block.open` */
  replace(removed: readonly Block[], ulid: string | null): void {
    const added = ulid === null ? [] : [Block.open(join(this.directory, ulid), this.cache)];
    this.loaded = sorted([...this.loaded.filter((block) => !removed.includes(block)), ...added]);
    for (const block of removed) this.delete(block);
  }

  close(): void {
    for (const block of this.loaded) block.close();
    this.loaded = [];
  }

  private open(name: string, repair: boolean): Block | undefined {
    const directory = join(this.directory, name);
    try {
      return Block.open(directory, this.cache);
    } catch (error) {
      if (!repair || !isDamage(error)) throw error;
      const aside = freeName(directory + SET_ASIDE);
      renameSync(directory, aside);
      syncDirectory(this.directory);
      this.setAside.push(aside);
      this.logger.error('A block cannot be read and is set aside', { block: aside, error });
      return undefined;
    }
  }

  /** A crash in between leaves the block or a directory that the next start removes. */
  private delete(block: Block): void {
    block.close();
    const doomed = `${block.directory}${FOR_DELETION}`;
    try {
      renameSync(block.directory, doomed);
      rmSync(doomed, { recursive: true, force: true });
    } catch (error) {
      this.logger.error('A block could not be deleted', { block: block.directory, error });
    }
  }
}

function sorted(blocks: Block[]): Block[] {
  return blocks.sort((a, b) => a.meta.minTime - b.meta.minTime || a.meta.maxTime - b.meta.maxTime);
}

/** Whether an error is about what a block's files say, and not about reaching them. */
function isDamage(error: unknown): boolean {
  if (error instanceof InvalidMeta) return true;
  const { code } = error as NodeJS.ErrnoException;
  return code === 'BLOCK_CORRUPTION' || code === 'ENOENT';
}

function freeName(path: string): string {
  let name = path;
  for (let i = 1; existsSync(name); i++) name = `${path}.${i}`;
  return name;
}
