import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { crc32c } from '../crc32c.ts';
import { BlockCorruption } from './corruption.ts';
import { DecodedChunks } from './decoded-chunks.ts';
import { SeriesCache } from './series-cache.ts';

const DEFAULT_BYTES = 32 * 1024 * 1024;
const DEFAULT_PAGE_BYTES = 64 * 1024;
/** Fewer would let one read push out the page that another has just been given. */
const PAGES_MIN = 8;
/** A page's key is file * PAGES_PER_FILE + page. */
const PAGES_PER_FILE = 2 ** 28;
const SCRATCH_BYTES_KEPT = 1024 * 1024;
/** No two chunks begin in one granule: the shortest has a length, an encoding, two bytes of header, a sample and a checksum. */
const GRANULE_BYTES = 16;
const STRING_SLOTS = 4096;
const STRING_LENGTH_MAX = 256;

/**
 * Pages of the files of all open blocks, the least recently used replaced first. Buffers are allocated as they are
 * needed, up to `bytesMax`, and used again: what a read gives is valid until the next read of any file of the cache.
 */
export class PageCache {
  readonly strings = new StringCache();
  readonly series = new SeriesCache();
  readonly chunks = new DecodedChunks();
  readonly pageBytes: number;
  private readonly pages: Buffer[] = [];
  /** By slot: the granules of the page in which something begins whose checksum was found right since it was read. */
  private readonly checked: Uint8Array[] = [];
  private readonly keys: Float64Array;
  private readonly slots = new Map<number, number>();
  // The list by use: `newer[slot]` leads to the newest, `older[slot]` to the oldest; -1 ends it.
  private readonly newer: Int32Array;
  private readonly older: Int32Array;
  private newest = -1;
  private oldest = -1;
  private filesOpened = 0;
  private kept = Buffer.alloc(0);

  constructor(bytesMax = DEFAULT_BYTES, pageBytes = DEFAULT_PAGE_BYTES) {
    this.pageBytes = pageBytes;
    const slots = Math.max(PAGES_MIN, Math.floor(bytesMax / pageBytes));
    this.keys = new Float64Array(slots).fill(-1);
    this.newer = new Int32Array(slots);
    this.older = new Int32Array(slots);
  }

  /** Bytes held by pages. */
  get bytes(): number {
    return this.pages.length * this.pageBytes;
  }

  /** @throws the file system's error */
  open(path: string): CachedFile {
    return new CachedFile(this, path, this.filesOpened++);
  }

  /** The slot of a page that is there, made the newest, or -1. */
  find(key: number): number {
    const slot = this.slots.get(key) ?? -1;
    if (slot >= 0) this.touch(slot);
    return slot;
  }

  holds(slot: number, key: number): boolean {
    return this.keys[slot] === key;
  }

  page(slot: number): Buffer {
    return this.pages[slot];
  }

  touch(slot: number): void {
    if (slot === this.newest) return;
    this.unlink(slot);
    this.linkNewest(slot);
  }

  /** Whether what begins at a place of a page was checked since the page was read. */
  isChecked(slot: number, at: number): boolean {
    return this.checked[slot][Math.floor(at / GRANULE_BYTES)] === 1;
  }

  setChecked(slot: number, at: number): void {
    this.checked[slot][Math.floor(at / GRANULE_BYTES)] = 1;
  }

  /** A slot to be filled, of no key until `filled`. */
  take(): number {
    if (this.pages.length < this.keys.length) {
      const slot = this.pages.push(Buffer.allocUnsafeSlow(this.pageBytes)) - 1;
      this.checked.push(new Uint8Array(Math.ceil(this.pageBytes / GRANULE_BYTES)));
      this.linkNewest(slot);
      return slot;
    }
    const slot = this.oldest;
    this.touch(slot);
    this.checked[slot].fill(0);
    this.slots.delete(this.keys[slot]);
    this.keys[slot] = -1;
    return slot;
  }

  filled(slot: number, key: number): void {
    this.keys[slot] = key;
    this.slots.set(key, slot);
  }

  /** Room for bytes that do not lie in one page. */
  scratch(length: number): Buffer {
    if (length <= this.kept.length) return this.kept;
    const bytes = Buffer.allocUnsafeSlow(length);
    if (length <= SCRATCH_BYTES_KEPT) this.kept = bytes;
    return bytes;
  }

  /** Forgets the pages of a closed file; their buffers are the next to be used. */
  forget(file: number): void {
    for (let slot = 0; slot < this.pages.length; slot++) {
      const key = this.keys[slot];
      if (key < 0 || Math.floor(key / PAGES_PER_FILE) !== file) continue;
      this.slots.delete(key);
      this.keys[slot] = -1;
      this.unlink(slot);
      this.linkOldest(slot);
    }
  }

  private unlink(slot: number): void {
    const newer = this.newer[slot];
    const older = this.older[slot];
    if (newer >= 0) this.older[newer] = older;
    else this.newest = older;
    if (older >= 0) this.newer[older] = newer;
    else this.oldest = newer;
  }

  private linkNewest(slot: number): void {
    this.newer[slot] = -1;
    this.older[slot] = this.newest;
    if (this.newest >= 0) this.newer[this.newest] = slot;
    else this.oldest = slot;
    this.newest = slot;
  }

  private linkOldest(slot: number): void {
    this.older[slot] = -1;
    this.newer[slot] = this.oldest;
    if (this.oldest >= 0) this.older[this.oldest] = slot;
    else this.newest = slot;
    this.oldest = slot;
  }
}

/** The part of a page that lies in a guarded range, with the checksums of the range before and after it. */
interface GuardedPart {
  readonly from: number;
  readonly to: number;
  readonly crcBefore: number;
  readonly crcAfter: number;
}

/** A file that never changes, read by offset through the cache. Every read is checked against its size. */
export class CachedFile {
  readonly size: number;
  /** Where `locate` found what it was asked for; valid until the next read of any file of the cache. */
  bytes: Buffer = Buffer.alloc(0);
  private fd: number;
  private lastPage = -1;
  private lastSlot = -1;
  /** Parts that are checked whenever their page is read from the disk again. */
  private readonly parts = new Map<number, GuardedPart[]>();

  constructor(
    readonly cache: PageCache,
    readonly path: string,
    /** Of this opening of the file, unique in the cache. */
    readonly id: number,
  ) {
    this.fd = openSync(path, 'r');
    this.size = fstatSync(this.fd).size;
  }

  /** Makes `length` bytes from `offset` available in `bytes` and returns where they start there. @throws BlockCorruption */
  locate(offset: number, length: number): number {
    this.check(offset, length);
    const { pageBytes } = this.cache;
    const page = Math.floor(offset / pageBytes);
    const at = offset - page * pageBytes;
    if (at + length <= pageBytes) {
      this.bytes = this.page(page);
      return at;
    }
    const scratch = this.cache.scratch(length);
    this.read(offset, length, scratch);
    this.bytes = scratch;
    return 0;
  }

  /** Whether what begins where `locate` has just found it, inside of a page, was checked since the page was read. */
  isChecked(at: number): boolean {
    return this.bytes === this.cache.page(this.lastSlot) && this.cache.isChecked(this.lastSlot, at);
  }

  /** Says that it is. */
  setChecked(at: number): void {
    if (this.bytes === this.cache.page(this.lastSlot)) this.cache.setChecked(this.lastSlot, at);
  }

  /** Copies bytes to the start of `into`; more than a page goes past the cache, unless guarded. @throws BlockCorruption */
  read(offset: number, length: number, into: Uint8Array): void {
    this.check(offset, length);
    const { pageBytes } = this.cache;
    if (length > pageBytes && !this.parts.has(Math.floor(offset / pageBytes))) {
      this.readDirect(offset, length, into);
      return;
    }
    let done = 0;
    this.eachPart(offset, length, (bytes, from, to) => {
      bytes.copy(into, done, from, to);
      done += to - from;
    });
  }

  /** The CRC-32C of a range, however long. @throws BlockCorruption */
  checksum(offset: number, length: number): number {
    let crc = 0;
    this.eachPart(offset, length, (bytes, from, to) => {
      crc = crc32c(bytes, from, to, crc);
    });
    return crc;
  }

  /**
   * The CRC-32C of a range that will be read in pieces. From now on its pages are compared with what they are now
   * whenever the cache reads them again, so that damage done later is found as well. Yields between pages.
   */
  *guard(offset: number, length: number): Generator<void, number> {
    const { pageBytes } = this.cache;
    const end = offset + length;
    let crc = 0;
    for (let at = offset, next = 0; at < end; at = next) {
      next = Math.min(end, (Math.floor(at / pageBytes) + 1) * pageBytes);
      this.eachPart(at, next - at, (bytes, from, to, page) => {
        const parts = this.parts.get(page) ?? [];
        const crcBefore = crc;
        crc = crc32c(bytes, from, to, crc);
        parts.push({ from, to, crcBefore, crcAfter: crc });
        this.parts.set(page, parts);
      });
      yield;
    }
    return crc;
  }

  /** The page with this number; the last one is filled only up to the file's end. */
  page(page: number): Buffer {
    const key = this.id * PAGES_PER_FILE + page;
    const { cache } = this;
    if (page !== this.lastPage || !cache.holds(this.lastSlot, key)) {
      let slot = cache.find(key);
      if (slot < 0) slot = this.load(page, key);
      this.lastPage = page;
      this.lastSlot = slot;
    } else cache.touch(this.lastSlot);
    return cache.page(this.lastSlot);
  }

  /** Idempotent. */
  close(): void {
    if (this.fd < 0) return;
    closeSync(this.fd);
    this.fd = -1;
    this.cache.forget(this.id);
  }

  corrupt(offset: number, detail: string): BlockCorruption {
    return new BlockCorruption(this.path, offset, detail);
  }

  private load(page: number, key: number): number {
    const slot = this.cache.take();
    const offset = page * this.cache.pageBytes;
    const length = Math.min(this.cache.pageBytes, this.size - offset);
    const bytes = this.cache.page(slot);
    this.readDirect(offset, length, bytes);
    for (const { from, to, crcBefore, crcAfter } of this.parts.get(page) ?? []) {
      if (crc32c(bytes, from, to, crcBefore) !== crcAfter)
        throw this.corrupt(offset + from, 'changed since the file was opened');
    }
    this.cache.filled(slot, key);
    return slot;
  }

  private eachPart(
    offset: number,
    length: number,
    visit: (bytes: Buffer, from: number, to: number, page: number) => void,
  ): void {
    this.check(offset, length);
    const { pageBytes } = this.cache;
    for (let done = 0; done < length; ) {
      const page = Math.floor((offset + done) / pageBytes);
      const from = offset + done - page * pageBytes;
      const to = Math.min(pageBytes, from + length - done);
      visit(this.page(page), from, to, page);
      done += to - from;
    }
  }

  private readDirect(offset: number, length: number, into: Uint8Array): void {
    if (this.fd < 0) throw new Error(`BUG: ${this.path} is read after it was closed`);
    for (let done = 0; done < length; ) {
      let count: number;
      try {
        count = readSync(this.fd, into, done, length - done, offset + done);
      } catch (error) {
        throw this.corrupt(offset + done, `cannot be read: ${(error as NodeJS.ErrnoException).code}`);
      }
      if (count === 0) throw this.corrupt(offset + done, 'the file has become shorter');
      done += count;
    }
  }

  private check(offset: number, length: number): void {
    if (!(offset >= 0 && length >= 0 && offset + length <= this.size)) {
      throw this.corrupt(offset, `${length} bytes are expected here, the file has ${this.size}`);
    }
  }
}

/** Texts of symbols that were read lately, for all blocks: one slot a hash, no chains. */
export class StringCache {
  private readonly keys = new Float64Array(STRING_SLOTS).fill(-1);
  private readonly texts = new Array<string>(STRING_SLOTS).fill('');

  get(file: number, symbol: number): string | undefined {
    const key = file * 2 ** 32 + symbol;
    const slot = slotOf(file, symbol);
    return this.keys[slot] === key ? this.texts[slot] : undefined;
  }

  set(file: number, symbol: number, text: string): void {
    if (text.length > STRING_LENGTH_MAX) return;
    const slot = slotOf(file, symbol);
    this.keys[slot] = file * 2 ** 32 + symbol;
    this.texts[slot] = text;
  }
}

function slotOf(file: number, symbol: number): number {
  return (symbol + Math.imul(file, 0x9e3779b1)) & (STRING_SLOTS - 1);
}
