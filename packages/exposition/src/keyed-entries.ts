import type { FloatHistogram } from '@avalanche/model';
import type { Exemplar } from './exemplar.ts';
import type { Entry, SampleParser } from './parser.ts';
import { commonPrefix, NO_LINES, type SampleLines } from './sample-lines.ts';

/** Bytes that a parser which has ended has given back, for the next one. */
let spare: Uint8Array | undefined;
const SPARE_BYTES_MAX = 4 * 1024 * 1024;
const FIRST_BYTES = 64 * 1024;

/**
 * A parser whose series are not ranges of what it reads: it writes a key of each, the same in each scrape, into a buffer
 * of its own, which takes the place of the body for the scrape cache.
 */
export abstract class KeyedEntries implements SampleParser {
  body: Uint8Array;
  /** Bytes of all keys so far. */
  size = 0;
  seriesStart = 0;
  seriesEnd = 0;
  isExpected = false;
  value = 0;
  histogram: FloatHistogram | null = null;
  timestamp = 0;
  hasTimestamp = false;
  hasExemplar = false;
  metric = '';
  text = '';
  private view: DataView;

  constructor() {
    this.body = spare ?? new Uint8Array(FIRST_BYTES);
    this.view = new DataView(this.body.buffer);
    spare = undefined;
  }

  /** Of keys, which follow each other. */
  get position(): number {
    return this.seriesEnd;
  }

  abstract next(previous?: SampleLines, place?: number): Entry;
  abstract seriesMap(): ReadonlyMap<string, string>;
  abstract exemplars(): Exemplar[];
  abstract startTime(): number;

  /** Gives the buffer of keys back: nothing may refer to it any more. */
  release(): void {
    if (this.body.length <= SPARE_BYTES_MAX) spare = this.body;
    this.body = new Uint8Array(0);
  }

  protected beginKey(): void {
    this.seriesStart = this.size;
  }

  protected putKeyByte(byte: number): void {
    if (this.size === this.body.length) this.grow(1);
    this.body[this.size++] = byte;
  }

  protected putKeyNumber(value: number): void {
    if (this.size + 8 > this.body.length) this.grow(8);
    this.view.setFloat64(this.size, value);
    this.size += 8;
  }

  protected putKeyBytes(bytes: Uint8Array, start: number, end: number): void {
    const { size } = this;
    if (size + end - start > this.body.length) this.grow(end - start);
    const { body } = this;
    // A view to copy from would be an object; keys are short.
    for (let i = start, at = size; i < end; i++, at++) body[at] = bytes[i];
    this.size = size + end - start;
  }

  /** Ends the key of a sample, and looks whether it is line `place` of `previous`. */
  protected endKey(previous: SampleLines = NO_LINES, place = 0): void {
    this.seriesEnd = this.size;
    const length = this.size - this.seriesStart;
    this.isExpected =
      place < previous.length &&
      previous.end[place] - previous.start[place] === length &&
      commonPrefix(previous.view, previous.start[place], this.view, this.seriesStart, length) === length;
  }

  private grow(more: number): void {
    const bigger = new Uint8Array(Math.max(this.body.length * 2, this.size + more, FIRST_BYTES));
    bigger.set(this.body.subarray(0, this.size));
    this.body = bigger;
    this.view = new DataView(bigger.buffer);
  }
}
