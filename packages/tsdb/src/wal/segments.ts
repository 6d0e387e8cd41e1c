import { closeSync, fsyncSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

export const PAGE_BYTES = 32 * 1024;
export const SEGMENT_BYTES = 128 * 1024 * 1024;
/** Fragment header: type <1b>, length <2b>, CRC-32C of the data <4b>. */
export const HEADER_BYTES = 7;

/** Fragment types (low three bits of the header's first byte); zero means that the page ends here. */
export const FRAGMENT_NONE = 0;
export const FRAGMENT_FULL = 1;
export const FRAGMENT_FIRST = 2;
export const FRAGMENT_MIDDLE = 3;
export const FRAGMENT_LAST = 4;
/** Compression flags of the same byte. */
export const FRAGMENT_TYPE_MASK = 0x07;
export const FRAGMENT_SNAPPY = 0x08;
export const FRAGMENT_ZSTD = 0x10;

export interface Segment {
  readonly index: number;
  readonly path: string;
}

export interface Checkpoint {
  /** Of the last segment that it stands for. */
  readonly index: number;
  readonly path: string;
}

/** Segments are missing between others: what is there cannot be read as one log. */
export class WalGap extends Error {
  override readonly name = 'WalGap';
}

export function segmentPath(directory: string, index: number): string {
  return join(directory, String(index).padStart(8, '0'));
}

export function checkpointPath(directory: string, index: number): string {
  return join(directory, `checkpoint.${String(index).padStart(8, '0')}`);
}

/** The segments of a WAL directory in ascending order; other files there are not ours. */
export function listSegments(directory: string): Segment[] {
  return readdirSync(directory)
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({ index: Number(name), path: join(directory, name) }))
    .sort((a, b) => a.index - b.index);
}

/** Finished checkpoints, newest first. */
export function listCheckpoints(directory: string): Checkpoint[] {
  return readdirSync(directory)
    .filter((name) => /^checkpoint\.\d+$/.test(name))
    .map((name) => ({ index: Number(name.slice('checkpoint.'.length)), path: join(directory, name) }))
    .sort((a, b) => b.index - a.index);
}

/** Checkpoints that a crash left half written. */
export function listUnfinishedCheckpoints(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => /^checkpoint\.\d+\.tmp$/.test(name))
    .map((name) => join(directory, name));
}

/**
 * The segments that `checkpoint` does not stand for, which must follow it and one another without a gap.
 * @throws WalGap as upstream refuses such a directory
 */
export function segmentsAfter(directory: string, checkpoint: Checkpoint | undefined): Segment[] {
  const segments = listSegments(directory).filter(({ index }) => index > (checkpoint?.index ?? -1));
  let expected = checkpoint ? checkpoint.index + 1 : segments[0]?.index;
  for (const { index, path } of segments) {
    if (index !== expected) {
      throw new WalGap(
        `${directory}: segments are not sequential: ${segmentPath('', expected)} before ${path} is missing`,
      );
    }
    expected++;
  }
  return segments;
}

/** Makes creations, renames and deletions in `directory` last. */
export function syncDirectory(directory: string): void {
  const fd = openSync(directory, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
