import { randomBytes } from 'node:crypto';
import { copyFileSync, existsSync, linkSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { newUlid } from '@avalanche/model';
import type { Block } from './block/block.ts';
import { syncDirectory } from './block/durable.ts';
import type { Blocks } from './blocks.ts';
import type { Compactor } from './compact/compactor.ts';
import { snapshotSource } from './compact/head-source.ts';
import type { Head } from './head/head.ts';

const SNAPSHOTS = 'snapshots';

export interface SnapshotOptions {
  /** The data directory. */
  readonly directory: string;
  readonly head: Head;
  readonly blocks: Blocks;
  /** Whether what is not in blocks yet is written as one more block. */
  readonly withHead: boolean;
  /** Writes the head; where it is stopped, nothing is left of the snapshot. */
  readonly compactor: Compactor;
}

/**
 * Makes `snapshots/NAME` in the data directory: the blocks by hard links, the head as a block. Appends and queries go on.
 * @returns NAME, upstream's `YYYYMMDDTHHMMSSZ-<random>`
 */
export async function writeSnapshot(options: SnapshotOptions): Promise<string> {
  const { directory, blocks, withHead } = options;
  const now = new Date();
  const name = `${now.toISOString().replace(/[-:]|\.\d+/g, '')}-${randomBytes(8).toString('hex')}`;
  const target = join(directory, SNAPSHOTS, name);
  const temporary = `${target}.tmp`;
  mkdirSync(temporary, { recursive: true });
  try {
    for (const block of blocks.all) linkBlock(block, temporary);
    if (withHead) await writeHead(options, temporary, now.getTime());
    syncDirectory(temporary);
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    throw error;
  }
  return name;
}

/** Removes what an interrupted process left half done. */
export function removeUnfinishedSnapshots(directory: string): void {
  const parent = join(directory, SNAPSHOTS);
  if (!existsSync(parent)) return;
  for (const name of readdirSync(parent)) {
    if (/^\d{8}T\d{6}Z-[0-9a-f]{16}\.tmp$/.test(name)) rmSync(join(parent, name), { recursive: true, force: true });
  }
}

async function writeHead({ head, compactor }: SnapshotOptions, parent: string, now: number): Promise<void> {
  const minTime = Math.min(head.minTime, head.late.minTime);
  const maxTime = Math.max(head.maxTime, head.late.maxTime) + 1;
  if (minTime >= maxTime) return;
  const ulid = newUlid(now);
  const job = { parent, ulid, minTime, maxTime, compaction: { level: 1, sources: [ulid] } };
  await compactor.writeHead(snapshotSource(head, job), job);
}

/** Index and chunks never change and are linked; meta.json and tombstones are replaced by deletions and are copied. */
function linkBlock(block: Block, parent: string): void {
  const target = join(parent, basename(block.directory));
  mkdirSync(join(target, 'chunks'), { recursive: true });
  linkSync(join(block.directory, 'index'), join(target, 'index'));
  for (const name of readdirSync(join(block.directory, 'chunks'))) {
    linkSync(join(block.directory, 'chunks', name), join(target, 'chunks', name));
  }
  for (const name of ['meta.json', 'tombstones']) {
    if (readdirSync(block.directory).includes(name)) copyFileSync(join(block.directory, name), join(target, name));
  }
  syncDirectory(target);
}
