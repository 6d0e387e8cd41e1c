import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Logger, type Matcher, newUlid, SampleColumns, silentLogger } from '@avalanche/model';
import type { Block } from '../block/block.ts';
import { SeriesEntry } from '../block/series-entry.ts';
import { Blocks } from '../blocks.ts';
import { mergeBlocks } from '../compact/merge.ts';
import { deleteFromBlock, matching } from '../deletion.ts';
import { DirectoryLocked, lockDirectory } from '../lock.ts';
import { BlockIndex } from '../query/querier.ts';
import { readChunk } from '../read-chunk.ts';
import { checkDirectory, openBlocks } from './read-only.ts';
import { writingProcess } from './writing-process.ts';

/** What is to go. */
export interface CleanupRequest {
  /** Samples before this, in milliseconds. */
  readonly before: number;
  /** Of the series that match any of these; empty: of all. */
  readonly matcherSets: readonly (readonly Matcher[])[];
}

/** What a cleanup does to one block. */
export interface PlannedCleanup {
  readonly ulid: string;
  /** Milliseconds: minTime ≤ t < maxTime. */
  readonly minTime: number;
  readonly maxTime: number;
  readonly action: 'delete' | 'rewrite';
  /** Samples that go, those already deleted included. */
  readonly samples: number;
  readonly series: number;
  /** Exact for a block that is deleted; for one that is rewritten its chunks that go, and a share of those cut and of the index. */
  readonly bytes: number;
}

/** @throws UnreadableDirectory, BlockCorruption; UnsupportedChunk where native histograms would have to be cut */
export function planCleanup(directory: string, request: CleanupRequest): PlannedCleanup[] {
  const blocks = openBlocks(directory);
  try {
    return plansOf(blocks, request).map(({ plan }) => plan);
  } finally {
    for (const block of blocks) block.close();
  }
}

/** Called before anything is changed, and after each block. */
export interface CleanupProgress {
  planned(plans: readonly PlannedCleanup[]): void;
  done(plan: PlannedCleanup): void;
}

/** Bytes of all files of the directory, as `ls` tells them. */
export interface CleanupResult {
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/**
 * Deletes and rewrites blocks of a directory that no server has open. At every moment of it the directory is whole:
 * deletions are noted in the old block first, a new one takes its place when it is on the disk.
 * @throws DirectoryLocked, as `planCleanup`, or the file system's error
 */
export async function cleanUp(
  directory: string,
  request: CleanupRequest,
  progress: CleanupProgress,
): Promise<CleanupResult> {
  checkDirectory(directory);
  const unlock = lockForCleanup(directory);
  const failures: string[] = [];
  const blocks = new Blocks(directory, failureLogger(failures));
  try {
    blocks.removeUnfinished();
    const bytesBefore = bytesOf(directory);
    blocks.load(false);
    const plans = plansOf(blocks.all, request);
    progress.planned(plans.map(({ plan }) => plan));
    for (const { block, plan } of plans) {
      await blocks.replace([block], plan.action === 'delete' ? null : await rewrite(directory, block, request));
      await blocks.deleted();
      if (failures.length > 0) throw new Error(failures.join('; '));
      progress.done(plan);
    }
    return { bytesBefore, bytesAfter: bytesOf(directory) };
  } finally {
    blocks.close();
    unlock();
  }
}

function plansOf(blocks: readonly Block[], request: CleanupRequest) {
  return blocks.flatMap((block) => {
    const plan = planBlock(block, request);
    return plan ? [{ block, plan }] : [];
  });
}

/** @throws DirectoryLocked where a server of ours or a real one has the directory */
function lockForCleanup(directory: string): () => void {
  const unlock = lockDirectory(directory);
  const holder = writingProcess(directory);
  if (holder === undefined) return unlock;
  unlock();
  throw new DirectoryLocked(`${directory} is in use by process ${holder}`);
}

async function rewrite(
  directory: string,
  block: Block,
  { before, matcherSets }: CleanupRequest,
): Promise<string | null> {
  deleteFromBlock(block, { minTime: Number.MIN_SAFE_INTEGER, maxTime: before - 1, matcherSets: setsOf(matcherSets) });
  const job = { parent: directory, ulid: newUlid(Date.now()), sources: [block.directory] };
  return (await mergeBlocks(job, () => undefined))?.ulid ?? null;
}

function setsOf(matcherSets: CleanupRequest['matcherSets']): CleanupRequest['matcherSets'] {
  return matcherSets.length > 0 ? matcherSets : [[]];
}

function planBlock(block: Block, request: CleanupRequest): PlannedCleanup | undefined {
  const { ulid, minTime, maxTime, stats } = block.meta;
  if (minTime >= request.before) return undefined;
  const about = { ulid, minTime, maxTime };
  if (maxTime <= request.before && request.matcherSets.length === 0) {
    const { numSamples: samples, numSeries: series } = stats;
    return { ...about, action: 'delete', samples, series, bytes: block.sizeBytes };
  }
  const loss = new Loss();
  for (const ref of matching(new BlockIndex(block), setsOf(request.matcherSets))) loss.add(block, ref, request.before);
  if (loss.series === 0) return undefined;
  const { samples, series } = loss;
  if (samples === stats.numSamples) return { ...about, action: 'delete', samples, series, bytes: block.sizeBytes };
  const ofIndex = block.index.sizeBytes * (loss.wholeSeries / Math.max(1, stats.numSeries));
  return { ...about, action: 'rewrite', samples, series, bytes: Math.round(loss.bytes + ofIndex) };
}

/** What a block loses, series by series. */
class Loss {
  samples = 0;
  /** That lose something, and that lose everything. */
  series = 0;
  wholeSeries = 0;
  bytes = 0;
  private readonly entry = new SeriesEntry();
  private readonly columns = new SampleColumns();

  add(block: Block, ref: number, before: number): void {
    const { entry } = this;
    block.index.readSeries(ref, entry);
    const { chunkCount, minTime, maxTime } = entry;
    if (chunkCount === 0 || minTime[0] >= before) return;
    this.series++;
    if (maxTime[chunkCount - 1] < before) this.wholeSeries++;
    for (let i = 0; i < chunkCount && minTime[i] < before; i++) this.addChunk(block, i, before);
  }

  private addChunk(block: Block, i: number, before: number): void {
    const { entry, columns } = this;
    const { bytes, start, end, encoding } = block.chunks.read(entry.chunkRef[i]);
    const count = (bytes[start] << 8) | bytes[start + 1];
    let share = 1;
    if (entry.maxTime[i] >= before) {
      columns.clear();
      readChunk({ bytes, start, end, encoding }, Number.MIN_SAFE_INTEGER, before - 1, columns);
      share = columns.length / count;
    }
    this.samples += Math.round(count * share);
    this.bytes += (end - start + CHUNK_FRAME_BYTES) * share;
  }
}

/** Length, encoding and checksum of a chunk. */
const CHUNK_FRAME_BYTES = 7;

/** Of all files below, as `ls` tells them. */
function bytesOf(directory: string): number {
  let sum = 0;
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) sum += statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0;
  }
  return sum;
}

function failureLogger(failures: string[]): Logger {
  return {
    ...silentLogger,
    error: (message, fields) => {
      failures.push(`${message}: ${String(fields?.error ?? '')}`);
    },
  };
}
