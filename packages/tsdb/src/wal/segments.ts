import { readdirSync } from 'node:fs';
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

export function segmentPath(directory: string, index: number): string {
  return join(directory, String(index).padStart(8, '0'));
}

/** The segments of a WAL directory in ascending order; other files there are not ours. */
export function listSegments(directory: string): Segment[] {
  return readdirSync(directory)
    .filter((name) => /^\d{8,}$/.test(name))
    .map((name) => ({ index: Number(name), path: join(directory, name) }))
    .sort((a, b) => a.index - b.index);
}
