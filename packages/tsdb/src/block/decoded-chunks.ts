import type { SampleColumns } from '@avalanche/model';

const DEFAULT_BYTES = 8 * 1024 * 1024;
/** One of this many bytes is for times: the series of a target share theirs. */
const TIMES_SHARE = 7;
const ENTRIES_MAX = 1 << 15;
const RECENT_TIMES = 1 << 12;
/** Shorter ranges are copied by hand: a view costs more. */
const SMALL = 32;

/** What stands for a chunk in the list of a series as long as it is not kept. */
export const NOT_ASKED = 0;
export const ASKED_ONCE = -1;

/**
 * Samples of chunks of all blocks that were asked for lately, decoded: dashboards and rules ask for the same chunks every few
 * seconds. Values lie one chunk after the other in a ring, and what is oldest is written over; equal columns of times, which
 * the series of one target have, lie there once. A chunk that was kept has a number, which its series holds and which says
 * nothing any more once the chunk was written over: there is neither a table nor an object for a chunk.
 */
export class DecodedChunks {
  private readonly values: Ring;
  private readonly times: Ring;
  private readonly entriesMax: number;
  private kept = 0;
  // By number % entriesMax.
  private readonly number: Float64Array;
  private readonly valuesAt: Float64Array;
  private readonly timesAt: Float64Array;
  private readonly count: Uint16Array;
  /** Where columns of times that were kept lately begin, by a hash of first and last time. */
  private readonly recent = new Float64Array(RECENT_TIMES).fill(-1);

  constructor(bytesMax = DEFAULT_BYTES, entriesMax = ENTRIES_MAX) {
    const times = Math.floor(bytesMax / 8 / TIMES_SHARE);
    this.times = new Ring(times);
    this.values = new Ring(Math.floor(bytesMax / 8) - times);
    this.entriesMax = entriesMax;
    this.number = new Float64Array(entriesMax);
    this.valuesAt = new Float64Array(entriesMax);
    this.timesAt = new Float64Array(entriesMax);
    this.count = new Uint16Array(entriesMax);
  }

  /**
   * Appends the samples with minTime ≤ t ≤ maxTime of the chunk with this number to `into`.
   * @returns false, with nothing done, where the chunk is not here any more
   */
  read(number: number, minTime: number, maxTime: number, into: SampleColumns): boolean {
    const entry = number % this.entriesMax;
    if (number <= 0 || this.number[entry] !== number) return false;
    const { times, values } = this;
    if (!times.holds(this.timesAt[entry]) || !values.holds(this.valuesAt[entry])) return false;
    const t = times.indexOf(this.timesAt[entry]);
    const v = values.indexOf(this.valuesAt[entry]);
    const from = firstNotBefore(times.numbers, t, t + this.count[entry], minTime);
    const to = firstNotBefore(times.numbers, from, t + this.count[entry], maxTime + 1);
    const at = into.length;
    into.reserve(at + to - from);
    copyNumbers(times, from, to, into, at);
    copyBits(values, v + from - t, v + to - t, into, at);
    into.length = at + to - from;
    return true;
  }

  /** Keeps the samples `from` … `length`-1 as those of a chunk, which only floats may be. @returns its number */
  keep({ t, bits, length }: SampleColumns, from: number): number {
    const count = length - from;
    if (count > 0xffff || !this.values.fits(count) || !this.times.fits(count)) return ASKED_ONCE;
    const number = ++this.kept;
    const entry = number % this.entriesMax;
    this.number[entry] = number;
    this.count[entry] = count;
    this.timesAt[entry] = this.timesOf(t, from, count);
    const position = this.values.take(count);
    this.values.bits.set(bits.subarray(2 * from, 2 * length), 2 * this.values.indexOf(position));
    this.valuesAt[entry] = position;
    return number;
  }

  /** The position of a column of times, which may be there already. */
  private timesOf(t: Float64Array, from: number, count: number): number {
    const { times, recent } = this;
    const mixed = Math.imul(t[from] | 0, 0x9e3779b1) ^ Math.imul(t[from + count - 1] | 0, 0x85ebca6b) ^ count;
    const slot = (mixed >>> 8) % RECENT_TIMES;
    const known = recent[slot];
    // An older column may be written over soon: the chunk would go with it.
    if (known >= 0 && times.isYoung(known) && times.equals(known, t, from, count)) return known;
    const position = times.take(count);
    times.numbers.set(t.subarray(from, from + count), times.indexOf(position));
    recent[slot] = position;
    return position;
  }
}

/** Numbers that are written one after the other, over the oldest ones. A position counts all that was ever written. */
class Ring {
  readonly numbers: Float64Array;
  readonly bits: Uint32Array;
  private end = 0;

  constructor(private readonly size: number) {
    this.numbers = new Float64Array(size);
    this.bits = new Uint32Array(this.numbers.buffer);
  }

  /** So much that many others are held beside it. */
  fits(count: number): boolean {
    return count * 8 <= this.size;
  }

  /** Room for `count` numbers in a row. @returns their position */
  take(count: number): number {
    const left = this.size - (this.end % this.size);
    const position = left < count ? this.end + left : this.end;
    this.end = position + count;
    return position;
  }

  holds(position: number): boolean {
    return position >= this.end - this.size;
  }

  isYoung(position: number): boolean {
    return position >= this.end - this.size / 2;
  }

  indexOf(position: number): number {
    return position % this.size;
  }

  equals(position: number, other: Float64Array, from: number, count: number): boolean {
    const { numbers } = this;
    const start = this.indexOf(position);
    if (position + count > this.end) return false;
    for (let i = 0; i < count; i++) if (numbers[start + i] !== other[from + i]) return false;
    return true;
  }
}

/** The first of the ascending numbers `from` … `to`-1 that is not below `bound`, or `to`. */
function firstNotBefore(numbers: Float64Array, from: number, to: number, bound: number): number {
  if (from === to || numbers[from] >= bound) return from;
  if (numbers[to - 1] < bound) return to;
  let low = from;
  let high = to - 1;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (numbers[middle] < bound) low = middle;
    else high = middle;
  }
  return high;
}

function copyNumbers({ numbers }: Ring, from: number, to: number, into: SampleColumns, at: number): void {
  const { t } = into;
  if (to - from > SMALL) t.set(numbers.subarray(from, to), at);
  else for (let i = from, out = at; i < to; i++, out++) t[out] = numbers[i];
}

/** By their bits: a NaN keeps its payload. */
function copyBits({ bits }: Ring, from: number, to: number, into: SampleColumns, at: number): void {
  const target = into.bits;
  if (to - from > SMALL) target.set(bits.subarray(2 * from, 2 * to), 2 * at);
  else for (let i = 2 * from, out = 2 * at; i < 2 * to; i++, out++) target[out] = bits[i];
}
