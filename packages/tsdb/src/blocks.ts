import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isUlid, type Logger, Slices } from '@avalanche/model';
import { Block } from './block/block.ts';
import { syncDirectory } from './block/durable.ts';
import { InvalidMeta } from './block/meta.ts';
import { PageCache } from './block/page-cache.ts';
import { FROM_OUT_OF_ORDER } from './compact/jobs.ts';

/** What upstream and we call a directory that is being written or deleted. */
const UNFINISHED = /^[0-9A-Z]{26}\.tmp(?:-for-creation|-for-deletion)?$/;
const FOR_DELETION = '.tmp-for-deletion';
const SET_ASIDE = '.corrupt';

/** The blocks of a data directory, oldest first. Others may hold one while it is removed from here. */
export class Blocks {
  /** Blocks that could not be opened, by the names they have now, since the start. */
  readonly setAside: string[] = [];
  /** Looks at the directory since the start, and those that met a block which could not be read. */
  reloads = 0;
  reloadsFailed = 0;
  private loaded: readonly Block[] = [];
  /** Blocks that were taken out of here, and those that `refresh` could not read: not to be taken in (again). */
  private readonly removed = new Set<string>();
  private readonly unreadable = new Set<string>();
  /** Files being deleted: the kernel takes its time for large ones. */
  private readonly deletions = new Set<Promise<void>>();
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
    this.reloads++;
    this.admit(blocks, repair);
  }

  /**
   * Takes in blocks that somebody has put into the directory, as after `promtool tsdb create-blocks-from`, and forgets
   * those that somebody has removed (upstream's reloadBlocks). One that cannot be read may still be being copied: it is
   * told once and tried again.
   */
  async refresh(): Promise<void> {
    this.reloads++;
    const names = readdirSync(this.directory).filter((name) => isUlid(name) && !this.removed.has(name));
    const present = new Set(names);
    const known = new Set(this.loaded.map(nameOf));
    const gone = this.loaded.filter((block) => !present.has(nameOf(block)));
    const added: Block[] = [];
    for (const name of names) {
      const block = known.has(name) ? undefined : await this.tryOpen(name);
      if (block) added.push(block);
    }
    if (gone.length === 0 && added.length === 0) return;
    for (const block of gone) block.close();
    this.admit([...this.loaded.filter((block) => !gone.includes(block)), ...added], true);
    this.logger.info('Blocks of the directory have changed', { added: added.map(nameOf), gone: gone.map(nameOf) });
  }

  /** Takes a new block in and removes those that it replaces. @throws as `Block.open` */
  async replace(removed: readonly Block[], ulid: string | null): Promise<void> {
    const added = ulid === null ? [] : [await this.openInSlices(ulid)];
    this.loaded = sorted([...this.loaded.filter((block) => !removed.includes(block)), ...added]);
    for (const block of removed) this.delete(block);
  }

  close(): void {
    for (const block of this.loaded) block.close();
    this.loaded = [];
  }

  /** Resolves when the files of the blocks that were removed are gone. */
  async deleted(): Promise<void> {
    await Promise.all(this.deletions);
  }

  /** Shows these blocks but for those that a compaction has replaced, which are deleted where `remove` says so. */
  private admit(blocks: readonly Block[], remove: boolean): void {
    const replaced = new Set(blocks.flatMap(({ meta }) => (meta.compaction.parents ?? []).map(({ ulid }) => ulid)));
    const isDone = ({ meta }: Block) => meta.compaction.deletable === true || replaced.has(meta.ulid);
    this.loaded = sorted(blocks.filter((block) => !isDone(block)));
    for (const block of blocks.filter(isDone)) {
      if (remove) this.delete(block);
      else block.close();
    }
  }

  private openInSlices(name: string): Promise<Block> {
    return new Slices().run(Block.opening(join(this.directory, name), this.cache));
  }

  private async tryOpen(name: string): Promise<Block | undefined> {
    try {
      const block = await this.openInSlices(name);
      this.unreadable.delete(name);
      return block;
    } catch (error) {
      this.reloadsFailed++;
      if (!this.unreadable.has(name))
        this.logger.warn('A block cannot be read; it is tried again', { block: name, error });
      this.unreadable.add(name);
      return undefined;
    }
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
    this.removed.add(nameOf(block));
    const doomed = `${block.directory}${FOR_DELETION}`;
    const failed = (error: unknown) =>
      this.logger.error('A block could not be deleted', { block: block.directory, error });
    try {
      renameSync(block.directory, doomed);
    } catch (error) {
      failed(error);
      return;
    }
    const deletion = rm(doomed, { recursive: true, force: true }).catch(failed);
    this.deletions.add(deletion);
    void deletion.then(() => this.deletions.delete(deletion));
  }
}

function nameOf(block: Block): string {
  return basename(block.directory);
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
