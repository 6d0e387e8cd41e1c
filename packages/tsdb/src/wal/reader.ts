import { closeSync, openSync, readSync } from 'node:fs';
import { crc32c } from '../crc32c.ts';
import {
  FRAGMENT_FIRST,
  FRAGMENT_FULL,
  FRAGMENT_LAST,
  FRAGMENT_MIDDLE,
  FRAGMENT_NONE,
  FRAGMENT_SNAPPY,
  FRAGMENT_TYPE_MASK,
  FRAGMENT_ZSTD,
  HEADER_BYTES,
  PAGE_BYTES,
} from './segments.ts';

/** A WAL segment that does not read on: where it is damaged and why. */
export class WalCorruption extends Error {
  override readonly name = 'WalCorruption';

  constructor(
    readonly path: string,
    /** Offset of the page or fragment at fault. */
    readonly offset: number,
    /** How many bytes from the start hold whole records. */
    readonly goodBytes: number,
    reason: string,
  ) {
    super(`${path} at byte ${offset}: ${reason}`);
  }
}

/** A log that is whole but that this version cannot read. It is left as it is. */
export class UnsupportedWal extends Error {
  override readonly name = 'UnsupportedWal';
}

/**
 * Reads the records of one segment in order. The bytes yielded are valid until the next step.
 * @returns the offset after the last whole record
 * @throws UnsupportedWal at a compressed record, WalCorruption at the first fragment that is cut short or does not match its checksum
 */
export function* readSegment(path: string): Generator<Uint8Array, number> {
  const fd = openSync(path, 'r');
  try {
    const page = Buffer.alloc(PAGE_BYTES);
    let record = Buffer.alloc(64 * 1024);
    let recordLength = 0;
    let inRecord = false;
    let goodBytes = 0;
    for (let pageStart = 0; ; pageStart += PAGE_BYTES) {
      const size = readPage(fd, page, pageStart);
      if (size === 0) break;
      let at = 0;
      while (at < size) {
        const head = page[at];
        const type = head & FRAGMENT_TYPE_MASK;
        const fail = (reason: string): never => {
          throw new WalCorruption(path, pageStart + at, goodBytes, reason);
        };
        if (type === FRAGMENT_NONE) {
          if (!isZero(page, at, size)) fail('the padding of a page is not zero');
          break;
        }
        if (at + HEADER_BYTES > size) fail('the fragment header is cut short');
        const length = page.readUInt16BE(at + 1);
        const end = at + HEADER_BYTES + length;
        if (end > size) fail(`the fragment of ${length} bytes is cut short`);
        if (crc32c(page, at + HEADER_BYTES, end) !== page.readUInt32BE(at + 3)) fail('the checksum does not match');
        if (head & (FRAGMENT_SNAPPY | FRAGMENT_ZSTD)) {
          throw new UnsupportedWal(
            `${path}: compressed records are not supported yet (--no-storage.tsdb.wal-compression)`,
          );
        }
        const starts = type === FRAGMENT_FULL || type === FRAGMENT_FIRST;
        if (starts === inRecord || type > FRAGMENT_LAST) fail(`unexpected fragment type ${type}`);
        if (starts) recordLength = 0;
        if (recordLength + length > record.length) {
          record = Buffer.concat([record.subarray(0, recordLength)], (recordLength + length) * 2);
        }
        page.copy(record, recordLength, at + HEADER_BYTES, end);
        recordLength += length;
        inRecord = type === FRAGMENT_FIRST || type === FRAGMENT_MIDDLE;
        at = end;
        if (!inRecord) {
          yield record.subarray(0, recordLength);
          goodBytes = pageStart + at;
        }
      }
      if (size < PAGE_BYTES) break;
    }
    if (inRecord) throw new WalCorruption(path, goodBytes, goodBytes, 'the last record is cut short');
    return goodBytes;
  } finally {
    closeSync(fd);
  }
}

function readPage(fd: number, page: Buffer, position: number): number {
  let size = 0;
  while (size < PAGE_BYTES) {
    const got = readSync(fd, page, size, PAGE_BYTES - size, position + size);
    if (got === 0) break;
    size += got;
  }
  return size;
}

function isZero(page: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (page[i] !== 0) return false;
  return true;
}
