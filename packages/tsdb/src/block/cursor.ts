import type { CachedFile } from './page-cache.ts';

/**
 * Reads a range of a cached file from front to back, page by page. Used between two `seek`s without any other read of
 * the cache, whose pages it looks into. @throws BlockCorruption past the end of the range or of 53 bits
 */
export class Cursor {
  private bytes: Uint8Array = new Uint8Array(0);
  /** Position and end in `bytes`, and the offset in the file that `bytes` starts at. */
  private at = 0;
  private limit = 0;
  private base = 0;
  private end = 0;

  constructor(private readonly file: CachedFile) {}

  /** Goes to `offset`; reading stops at `end`. */
  seek(offset: number, end: number): this {
    this.end = end;
    this.base = offset;
    this.at = 0;
    this.limit = 0;
    if (offset < end) this.turn();
    return this;
  }

  /** Where in the file the next byte lies. */
  get offset(): number {
    return this.base + this.at;
  }

  get remaining(): number {
    return this.end - this.base - this.at;
  }

  byte(): number {
    if (this.at === this.limit) this.turn();
    return this.bytes[this.at++];
  }

  uint32(): number {
    const high = this.byte() * 0x1_00_00 + this.byte() * 0x1_00;
    return (high + this.byte()) * 0x1_00 + this.byte();
  }

  uint64(): number {
    const value = this.uint32() * 0x1_0000_0000 + this.uint32();
    return this.exact(value);
  }

  uvarint(): number {
    if (this.at < this.limit) {
      const first = this.bytes[this.at];
      if (first < 0x80) {
        this.at++;
        return first;
      }
    }
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return this.exact(value);
      if (scale > 2 ** 56) throw this.file.corrupt(this.offset, 'a number has more than 64 bits');
    }
  }

  varint(): number {
    const value = this.uvarint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  skip(count: number): void {
    if (count > this.remaining) throw this.pastEnd();
    if (this.at + count <= this.limit) this.at += count;
    else this.seek(this.offset + count, this.end);
  }

  /** The next `size` bytes as UTF-8. */
  text(size: number): string {
    if (size > this.remaining) throw this.pastEnd();
    if (this.at + size <= this.limit) {
      const page = this.bytes as Buffer;
      const text = page.toString('utf8', this.at, this.at + size);
      this.at += size;
      return text;
    }
    const { offset } = this;
    const start = this.file.locate(offset, size);
    const text = this.file.bytes.toString('utf8', start, start + size);
    this.seek(offset + size, this.end);
    return text;
  }

  /** Passes over the next `size` bytes and tells how they compare with `other`: negative, 0 or positive. */
  compare(size: number, other: Uint8Array): number {
    const after = this.offset + size;
    const both = Math.min(size, other.length);
    let order = 0;
    for (let i = 0; i < both && order === 0; i++) order = this.byte() - other[i];
    this.skip(after - this.offset);
    return order === 0 ? size - other.length : order;
  }

  private exact(value: number): number {
    if (value > Number.MAX_SAFE_INTEGER) throw this.file.corrupt(this.offset, 'a number has more than 53 bits');
    return value;
  }

  private turn(): void {
    const { offset } = this;
    if (offset >= this.end) throw this.pastEnd();
    const { pageBytes } = this.file.cache;
    if (this.end > this.file.size) throw this.pastEnd();
    const page = Math.floor(offset / pageBytes);
    this.bytes = this.file.page(page);
    this.base = page * pageBytes;
    this.at = offset - this.base;
    this.limit = Math.min(pageBytes, this.end - this.base);
  }

  private pastEnd(): Error {
    return this.file.corrupt(this.offset, 'an entry goes beyond its section');
  }
}
