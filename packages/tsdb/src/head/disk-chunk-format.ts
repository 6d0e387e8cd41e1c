import { crc32c } from '../crc32c.ts';

// Prometheus's head chunk files (tsdb/docs/format/head_chunks.md; the magic number is that of the code):
//
//   file:  magic 0x0130BC91 <4> | version 1 <1> | padding <3> | chunks …
//   chunk: series ref <8> | min time <8> | max time <8> | encoding <1> | length <uvarint> | data | CRC-32C <4>
//
// Big-endian. The checksum covers the chunk from its series reference on. Zeros after the last chunk end a file.

export const FILE_HEADER_BYTES = 8;
/** A file is not grown beyond this. */
export const FILE_BYTES_MAX = 128 * 1024 * 1024;
/** What a chunk takes beside its data and the length of it. */
const FIXED_BYTES = 8 + 8 + 8 + 1 + 4;
/** Data of a chunk: one of histograms has at least ten samples, of many thousand buckets each at the worst. */
export const DATA_BYTES_MAX = 16 * 1024 * 1024;
/** The least that upstream wants to see of a chunk, with a length of five bytes. */
export const CHUNK_BYTES_MIN = FIXED_BYTES + 5;
const MAGIC = 0x0130bc91;
const VERSION = 1;

/** Where the data of an entry starts, from the start of the entry. */
export function dataOffset(dataBytes: number): number {
  return FIXED_BYTES - 4 + lengthBytes(dataBytes);
}

/** Bytes of an entry with so much data. */
export function entryBytes(dataBytes: number): number {
  return FIXED_BYTES + lengthBytes(dataBytes) + dataBytes;
}

export function writeFileHeader(into: Uint8Array): void {
  into.fill(0, 0, FILE_HEADER_BYTES);
  putUint32(into, 0, MAGIC);
  into[4] = VERSION;
}

/** What is wrong with the header of a file, or undefined. */
export function headerFault(bytes: Uint8Array, at: number): string | undefined {
  if (getUint32(bytes, at) !== MAGIC) return `magic number ${getUint32(bytes, at).toString(16)}`;
  return bytes[at + 4] === VERSION ? undefined : `format version ${bytes[at + 4]}`;
}

export interface EntryMeta {
  readonly ref: number;
  /** Milliseconds. */
  readonly minTime: number;
  readonly maxTime: number;
  readonly encoding: number;
}

/** Writes an entry at `at`, where there must be room, with the data `source[start, start + length)`. */
export function writeEntry(
  into: Uint8Array,
  at: number,
  { ref, minTime, maxTime, encoding }: EntryMeta,
  source: Uint8Array,
  start: number,
  length: number,
): void {
  putInt64(into, at, ref);
  putInt64(into, at + 8, minTime);
  putInt64(into, at + 16, maxTime);
  into[at + 24] = encoding;
  let position = at + 25;
  let rest = length;
  for (; rest >= 0x80; rest >>>= 7) into[position++] = (rest & 0x7f) | 0x80;
  into[position++] = rest;
  into.set(source.subarray(start, start + length), position);
  position += length;
  putUint32(into, position, crc32c(into, at, position));
}

/** Whether the entry at `at`, `size` bytes in all, is what was written. */
export function isSound(bytes: Uint8Array, at: number, size: number): boolean {
  const end = at + size - 4;
  return crc32c(bytes, at, end) === getUint32(bytes, end);
}

/** Zeros that say that a file has no more chunks: upstream fills files with them ahead. */
export const END_BYTES = 24;

/** Whether there are only zeros in the `length` bytes at `at`. */
export function isEnd(bytes: Uint8Array, at: number, length: number): boolean {
  for (let i = at; i < at + length; i++) if (bytes[i] !== 0) return false;
  return true;
}

export function readEntryMeta(bytes: Uint8Array, at: number): EntryMeta {
  return {
    ref: getInt64(bytes, at),
    minTime: getInt64(bytes, at + 8),
    maxTime: getInt64(bytes, at + 16),
    encoding: bytes[at + 24],
  };
}

/** The length of an entry's data; up to 2^35. */
export function readDataBytes(bytes: Uint8Array, at: number): number {
  let value = 0;
  let scale = 1;
  for (let i = at + 25; i < at + 30; i++) {
    value += (bytes[i] & 0x7f) * scale;
    if (bytes[i] < 0x80) break;
    scale *= 0x80;
  }
  return value;
}

function lengthBytes(dataBytes: number): number {
  return dataBytes < 0x80 ? 1 : dataBytes < 0x4000 ? 2 : dataBytes < 0x20_0000 ? 3 : 4;
}

function putUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

function putInt64(bytes: Uint8Array, at: number, value: number): void {
  putUint32(bytes, at, Math.floor(value / 0x1_0000_0000));
  putUint32(bytes, at + 4, value >>> 0);
}

function getUint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

/** Exact to 2^53. */
function getInt64(bytes: Uint8Array, at: number): number {
  return (getUint32(bytes, at) | 0) * 0x1_0000_0000 + getUint32(bytes, at + 4);
}
