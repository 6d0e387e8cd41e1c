/** A sample that a parser stands at, as far as its line goes. */
interface SampleLine {
  readonly seriesStart: number;
  readonly seriesEnd: number;
  readonly position: number;
  readonly value: number;
  readonly hasTimestamp: boolean;
  readonly hasExemplar: boolean;
}

/**
 * The sample lines of a body as columns: what the next body of the same target is walked beside. A line and what
 * stands before it (comments) reach from `next` of the line before it to its own `next`.
 */
export class SampleLines {
  body: Uint8Array = new Uint8Array(0);
  view: DataView = new DataView(this.body.buffer);
  /** How many of the body's bytes are valid. */
  size = 0;
  /** How many lines are valid. */
  length = 0;
  /** The range of name and braces in `body`. */
  start = new Uint32Array(0);
  end = new Uint32Array(0);
  /** Where the next line begins. */
  next = new Uint32Array(0);
  value = new Float64Array(0);
  /** 1 where the same bytes mean the same sample at any time: no timestamp, no exemplar, a newline at the end. */
  plain = new Uint8Array(0);
  /** The owner's number for the series. */
  slot = new Uint32Array(0);

  /** Points the columns to another body, which must not change while it is in use, and forgets all lines. */
  open(body: Uint8Array, size: number): void {
    if (this.body !== body) {
      this.body = body;
      this.view = new DataView(body.buffer, body.byteOffset, body.byteLength);
    }
    this.size = size;
    this.length = 0;
  }

  /** The bytes that the lines are ranges of lie elsewhere now, and are more. */
  move(body: Uint8Array, size: number): void {
    const { length } = this;
    this.open(body, size);
    this.length = length;
  }

  /** Adds the sample that `parser` stands at. */
  add(parser: SampleLine, slot: number): void {
    const at = this.length;
    if (at === this.start.length) this.resize(Math.max(64, at * 2));
    this.start[at] = parser.seriesStart;
    this.end[at] = parser.seriesEnd;
    this.next[at] = Math.min(parser.position, this.size);
    this.value[at] = parser.value;
    this.plain[at] = parser.hasTimestamp || parser.hasExemplar || parser.position > this.size ? 0 : 1;
    this.slot[at] = slot;
    this.length = at + 1;
  }

  /** Makes these lines those of `other`, body included, in memory of their own. */
  copyFrom(other: SampleLines): void {
    const { size, length } = other;
    if (this.body.length < size || this.body.length > 2 * size + 4096) {
      // Not from the shared pool of small buffers: this stays for long.
      const body = new Uint8Array(size + (size >>> 4));
      this.open(body, size);
    }
    this.body.set(other.body.subarray(0, size));
    this.size = size;
    this.length = 0;
    if (this.start.length < length || this.start.length > 2 * length + 64) this.resize(length);
    this.start.set(other.start.subarray(0, length));
    this.end.set(other.end.subarray(0, length));
    this.next.set(other.next.subarray(0, length));
    this.value.set(other.value.subarray(0, length));
    this.plain.set(other.plain.subarray(0, length));
    this.slot.set(other.slot.subarray(0, length));
    this.length = length;
  }

  private resize(size: number): void {
    this.start = resized(this.start, new Uint32Array(size), this.length);
    this.end = resized(this.end, new Uint32Array(size), this.length);
    this.next = resized(this.next, new Uint32Array(size), this.length);
    this.value = resized(this.value, new Float64Array(size), this.length);
    this.plain = resized(this.plain, new Uint8Array(size), this.length);
    this.slot = resized(this.slot, new Uint32Array(size), this.length);
  }
}

/** No lines at all: what a first body is walked beside. Not to be written to. */
export const NO_LINES = new SampleLines();

function resized<T extends { set(from: T): void; subarray(start: number, end: number): T }>(
  from: T,
  to: T,
  length: number,
): T {
  to.set(from.subarray(0, length));
  return to;
}

/** How many of the first `size` bytes at `a[i]` and `b[j]` are the same. */
export function commonPrefix(a: DataView, i: number, b: DataView, j: number, size: number): number {
  let k = 0;
  for (; k + 4 <= size; k += 4) if (a.getInt32(i + k) !== b.getInt32(j + k)) break;
  while (k < size && a.getUint8(i + k) === b.getUint8(j + k)) k++;
  return k;
}
