import { type Labels, type Matcher, type SampleColumns, silentLogger } from '@avalanche/model';
import type { DecodeBuffer, EncodeBuffer } from '../encoding.ts';
import { addInterval, dropIntervals, type Intervals, NO_INTERVALS } from '../intervals.ts';
import { mergeRuns } from '../query/merge-columns.ts';
import type { Refs } from '../query/refs.ts';
import type { SampleBatch } from '../wal/records.ts';
import { type ChunkMeta, ChunkStore, copyInto, SPAN_MAX } from './chunks.ts';
import { DiskChunks } from './disk-chunks.ts';
import type { ChunkPlace } from './disk-chunks-load.ts';
import { OPEN_CHUNK_SIZES, OpenChunks } from './open-chunks.ts';
import { OutOfOrderSamples } from './out-of-order.ts';
import { Postings } from './postings.ts';
import { SeriesTable, slotOf } from './series.ts';
import { appendXor, readXor, SAMPLE_BYTES_MAX, writeXorHeader, type XorState } from './xor.ts';

/** What became of a sample: a code, not an exception, because it is decided once a sample. */
export const APPENDED = 0;
/** Older than the newest sample of its series. */
export const OUT_OF_ORDER = 1;
/** Same time as the newest sample, another value. */
export const DUPLICATE_TIMESTAMP = 2;
/** Older than what the head takes: half a block range behind its newest sample, or in a block already. */
export const OUT_OF_BOUNDS = 4;
/** Late by more than `out_of_order_time_window`. */
export const TOO_OLD = 5;
export type AppendOutcome =
  | typeof APPENDED
  | typeof OUT_OF_ORDER
  | typeof DUPLICATE_TIMESTAMP
  | typeof OUT_OF_BOUNDS
  | typeof TOO_OLD;

const SAMPLES_PER_CHUNK = 120;
const CHUNK_BYTES_MAX = 1024;
/** By size class: up to here an open chunk has room for another sample, and is not to be closed for its size. */
const ROOMY_BITS = Uint32Array.from(
  OPEN_CHUNK_SIZES,
  (size) => Math.min(size - SAMPLE_BYTES_MAX, CHUNK_BYTES_MAX - 19) * 8 - 7,
);
/** Series between two looks at the clock in `collect`. */
const COLLECT_STRIDE = 1024;

/** Samples as columns: `bits` holds value i as two halves, low at 2i and high at 2i+1. */
export interface HeadBatch {
  readonly refs: Uint32Array;
  /** Milliseconds since the epoch. */
  readonly times: Float64Array;
  readonly bits: Uint32Array;
  readonly length: number;
}

export interface HeadStats {
  readonly series: number;
  readonly chunks: number;
  /** Milliseconds; +Infinity and -Infinity while there is no sample. */
  readonly minTime: number;
  readonly maxTime: number;
  readonly labelNames: number;
  readonly symbols: number;
}

/** Gets the encoded XOR chunks of a series: `bytes[start, end)`, times in milliseconds. */
export type ChunkVisitor = (bytes: Uint8Array, start: number, end: number, minTime: number, maxTime: number) => void;

/**
 * Everything in memory: series labels, their index, chunks being written and closed chunks. State of a series lives
 * in columns by slot; nothing here is an object a sample, a chunk or a series.
 */
export class Head {
  readonly series = new SeriesTable();
  readonly postings = new Postings(this.series);
  /** Time of the oldest and newest sample, in milliseconds; +Infinity and -Infinity while there is none. */
  minTime = Number.POSITIVE_INFINITY;
  maxTime = Number.NEGATIVE_INFINITY;
  /** Samples before this are in blocks and are not taken any more. */
  minValidTime = Number.NEGATIVE_INFINITY;
  /** How late a sample may come, in milliseconds; 0: not at all (`out_of_order_time_window`). */
  outOfOrderWindowMs = 0;
  late = new OutOfOrderSamples();
  /** Late samples that a compaction is writing to blocks. */
  lateFrozen: OutOfOrderSamples | null = null;
  /** Deleted ranges by slot. */
  readonly deleted = new Map<number, Intervals>();
  /** By slot: the time of the newest sample, -Infinity while there is none. */
  lastTime = new Float64Array(1024);
  /** Samples that `judge` has refused since the start. */
  outOfOrderRefused = 0;
  outOfBoundsRefused = 0;
  tooOldRefused = 0;
  /** Series created and collected since the start. */
  seriesCreated = 0;
  seriesRemoved = 0;
  /** Chunks begun and dropped since the start. */
  chunksCreated = 0;
  chunksRemoved = 0;

  private readonly closed: ChunkStore;
  private readonly open = new OpenChunks();
  private openCountTotal = 0;

  // Columns by slot. `openCount` 0 means that no chunk is being written.
  private sizeClass = new Uint8Array(1024);
  private handle = new Uint32Array(1024);
  private openBits = new Uint32Array(1024);
  private openCount = new Uint16Array(1024);
  private openMinTime = new Float64Array(1024);
  private cutAt = new Float64Array(1024);
  private lastDelta = new Float64Array(1024);
  private lastLow = new Uint32Array(1024);
  private lastHigh = new Uint32Array(1024);
  private leading = new Uint8Array(1024);
  private trailing = new Uint8Array(1024);
  private newest = new Uint32Array(1024);
  /** 1 until the first collection after the series was made: it may be waiting for its first commit. */
  private young = new Uint8Array(1024);
  private readonly state: XorState = {
    bytes: new Uint8Array(0),
    base: 0,
    bitLength: 0,
    count: 0,
    time: 0,
    delta: 0,
    low: 0,
    high: 0,
    leading: 0,
    trailing: 0,
  };

  /**
   * @param chunkRangeMs chunks never cross a multiple of this (the block range)
   * @param disk where closed chunks go; without it they stay in memory
   */
  constructor(
    private readonly chunkRangeMs: number,
    readonly disk = new DiskChunks(null, silentLogger),
  ) {
    this.closed = new ChunkStore(disk);
  }

  get chunkCount(): number {
    return this.closed.size + this.openCountTotal;
  }

  get stats(): HeadStats {
    return {
      series: this.series.size,
      chunks: this.chunkCount,
      minTime: this.minTime,
      maxTime: this.maxTime,
      labelNames: this.postings.labelNames().length,
      symbols: this.series.symbols.size,
    };
  }

  /** Makes the series of these labels, which must not exist, and returns its slot. `walRef`: as in `SeriesTable.add`. */
  createSeries(labels: Labels, walRef?: number): number {
    return this.begin(this.series.add(labels, walRef));
  }

  /** As `createSeries`, of the label symbols `key[0, size)`. */
  createFromSymbols(key: Uint32Array, size: number, walRef: number): number {
    return this.begin(this.series.addSymbols(key, size, walRef));
  }

  private begin(slot: number): number {
    while (slot >= this.handle.length) this.growColumns();
    this.postings.add(slot);
    this.lastTime[slot] = Number.NEGATIVE_INFINITY;
    this.openCount[slot] = 0;
    this.newest[slot] = 0;
    this.young[slot] = 1;
    this.seriesCreated++;
    return slot;
  }

  /** The oldest time that an append may have, in milliseconds (upstream's appendableMinValidTime). */
  get appendableFrom(): number {
    return Math.max(this.minValidTime, this.maxTime - this.chunkRangeMs / 2);
  }

  /** How `append` would judge a sample. */
  judge(slot: number, time: number, low: number, high: number): AppendOutcome {
    const last = this.lastTime[slot];
    if (time > last && time >= this.appendableFrom) return APPENDED;
    return this.judgeLate(slot, time, low, high);
  }

  /** Adds a sample judged APPENDED; one equal to the newest is dropped. @returns whether it went to the late samples */
  append(slot: number, time: number, low: number, high: number): boolean {
    if (time <= this.lastTime[slot] || time < this.minValidTime) return this.appendLate(slot, time, low, high);
    this.appendInOrder(slot, time, low, high);
    return false;
  }

  /**
   * Adds the samples of a batch that are still wanted.
   * @returns how many went to the late samples
   */
  appendBatch({ refs, times, bits, length }: HeadBatch): number {
    const seriesRefs = this.series.refs;
    const { lastTime, lastDelta, lastLow, lastHigh, openCount, openBits, sizeClass, cutAt, minValidTime } = this;
    let late = 0;
    let minTime = this.minTime;
    let maxTime = this.maxTime;
    for (let i = 0; i < length; i++) {
      const slot = slotOf(refs[i]);
      if (seriesRefs[slot] !== refs[i]) continue; // collected while the batch was being made
      const time = times[i];
      const low = bits[2 * i];
      const high = bits[2 * i + 1];
      if (!(time > lastTime[slot] && time >= minValidTime)) {
        if (this.appendLate(slot, time, low, high)) late++;
        continue;
      }
      const count = openCount[slot];
      if (
        low === lastLow[slot] &&
        high === lastHigh[slot] &&
        time - lastTime[slot] === lastDelta[slot] &&
        count > 1 &&
        count !== SAMPLES_PER_CHUNK / 4 - 1 &&
        count < 2 * SAMPLES_PER_CHUNK &&
        openBits[slot] < ROOMY_BITS[sizeClass[slot]] &&
        time < cutAt[slot]
      ) {
        // The same step and the same value are two zero bits, which are there already.
        openBits[slot] += 2;
        openCount[slot] = count + 1;
        lastTime[slot] = time;
      } else this.appendChanged(slot, i, times, bits);
      if (time > maxTime) maxTime = time;
      if (time < minTime) minTime = time;
    }
    this.minTime = minTime;
    this.maxTime = maxTime;
    return late;
  }

  /** Adds sample `i` of a batch to the chunk of its series; by index, because numbers as arguments may cost an object. */
  private appendChanged(slot: number, i: number, times: Float64Array, bits: Uint32Array): void {
    this.appendInOrder(slot, times[i], bits[2 * i], bits[2 * i + 1]);
  }

  /** Adds a sample newer than all of its series. */
  appendInOrder(slot: number, time: number, low: number, high: number): void {
    if (this.mustCut(slot, time)) this.closeChunk(slot);
    const state = this.loadState(slot, time);
    appendXor(state, time, low, high);
    this.storeState(slot, state);
    if (this.openCount[slot] === SAMPLES_PER_CHUNK / 4) this.cutAt[slot] = this.chunkEnd(slot);
    if (time > this.maxTime) this.maxTime = time;
    if (time < this.minTime) this.minTime = time;
  }

  /** Adds samples `from` … `to` of one series; those that are not newer than its newest, or in blocks, are passed over. */
  appendRun(slot: number, { times, bits }: Pick<SampleBatch, 'times' | 'bits'>, from: number, to: number): void {
    let i = from;
    while (i < to && (times[i] <= this.lastTime[slot] || times[i] < this.minValidTime)) i++;
    if (i === to) return;
    if (times[i] < this.minTime) this.minTime = times[i];
    while (i < to) {
      if (this.mustCut(slot, times[i])) this.closeChunk(slot);
      const state = this.loadState(slot, times[i]);
      const roomBytes = Math.min(this.open.sizeOf(this.sizeClass[slot]) - SAMPLE_BYTES_MAX, CHUNK_BYTES_MAX - 19);
      const cutAt = this.cutAt[slot];
      do {
        appendXor(state, times[i], bits[2 * i], bits[2 * i + 1]);
        do i++;
        while (i < to && times[i] <= state.time);
      } while (
        i < to &&
        times[i] < cutAt &&
        state.bitLength <= roomBytes * 8 &&
        state.count < 2 * SAMPLES_PER_CHUNK &&
        state.count !== SAMPLES_PER_CHUNK / 4
      );
      this.storeState(slot, state);
      if (this.openCount[slot] === SAMPLES_PER_CHUNK / 4) this.cutAt[slot] = this.chunkEnd(slot);
    }
    if (this.lastTime[slot] > this.maxTime) this.maxTime = this.lastTime[slot];
  }

  /** Takes in a chunk that an earlier run has written. It is of no series before `attachChunks`. */
  adoptChunk(meta: ChunkMeta, place: ChunkPlace): number {
    this.chunksCreated++;
    return this.closed.adopt(meta, place);
  }

  /** Whether adopted chunk `id` ends before `time`. */
  endsBefore(id: number, time: number): boolean {
    return this.closed.maxTime[id] < time;
  }

  /** Forgets adopted chunks that are of no series: `newest` and those before it. */
  dropChunks(newest: number): void {
    for (let id = newest; id !== 0; ) {
      const previous = this.closed.previous[id];
      this.dropChunk(id);
      id = previous;
    }
  }

  /**
   * Gives a series adopted chunks: `newest` and those before it. Samples that are not newer than its newest chunk count
   * as present from now on.
   */
  attachChunks(slot: number, newest: number): void {
    if (this.newest[slot] === 0 && this.openCount[slot] === 0) this.newest[slot] = newest;
    else for (const id of this.oldestFirst(newest)) this.insertChunk(slot, id);
    if (this.newest[slot] === 0) return;
    this.lastTime[slot] = Math.max(this.lastTime[slot], this.closed.maxTime[this.newest[slot]]);
    this.maxTime = Math.max(this.maxTime, this.lastTime[slot]);
    this.minTime = Math.min(this.minTime, Math.max(this.firstTime(slot), this.minValidTime));
  }

  /** Writes what `decodeOpenChunk` needs to continue the chunk of a series. */
  encodeOpenChunk(slot: number, into: EncodeBuffer): void {
    into.putUvarint(this.openCount[slot]);
    if (this.openCount[slot] === 0) return;
    into.putUvarint(this.openBits[slot]);
    into.putVarint(this.openMinTime[slot]);
    into.putVarint(this.lastTime[slot]);
    into.putVarint(this.cutAt[slot]);
    into.putVarint(this.lastDelta[slot]);
    into.putUint32(this.lastLow[slot]);
    into.putUint32(this.lastHigh[slot]);
    into.putByte(this.leading[slot]);
    into.putByte(this.trailing[slot]);
    const bytes = this.open.bytes(this.sizeClass[slot], this.handle[slot]);
    const start = this.open.offset(this.sizeClass[slot], this.handle[slot]);
    into.putBytes(bytes.subarray(start, start + this.openBytes(slot)));
  }

  /**
   * Gives a new series its open chunk, unless it is in a block, or was closed later: then it is in a file.
   * @throws RangeError where it cannot be one
   */
  decodeOpenChunk(slot: number, from: DecodeBuffer): void {
    const count = from.uvarint();
    if (count === 0) return;
    const bits = from.uvarint();
    const minTime = from.varint();
    const maxTime = from.varint();
    const cutAt = from.varint();
    const delta = from.varint();
    const low = from.uint32();
    const high = from.uint32();
    const leading = from.byte();
    const trailing = from.byte();
    const length = (bits + 7) >>> 3;
    const source = from.position;
    from.skip(length);
    if (maxTime <= this.lastTime[slot] || maxTime < this.minValidTime) return;
    // Not by us: another program has cut its chunks elsewhere.
    if (minTime <= this.lastTime[slot]) throw new RangeError('chunks in files end within an open one');
    const sizeClass = OPEN_CHUNK_SIZES.findIndex((size) => size >= length);
    if (sizeClass < 0) throw new RangeError(`an open chunk of ${length} bytes`);
    const handle = this.open.allocate(sizeClass);
    const bytes = this.open.bytes(sizeClass, handle);
    const start = this.open.offset(sizeClass, handle);
    bytes.set(from.bytes.subarray(source, source + length), start);
    this.sizeClass[slot] = sizeClass;
    this.handle[slot] = handle;
    this.openBits[slot] = bits;
    this.openCount[slot] = count;
    this.openMinTime[slot] = minTime;
    this.lastTime[slot] = maxTime;
    this.cutAt[slot] = cutAt;
    this.lastDelta[slot] = delta;
    this.lastLow[slot] = low;
    this.lastHigh[slot] = high;
    this.leading[slot] = leading;
    this.trailing[slot] = trailing;
    this.openCountTotal++;
    this.chunksCreated++;
    this.minTime = Math.min(this.minTime, Math.max(minTime, this.minValidTime));
    this.maxTime = Math.max(this.maxTime, maxTime);
  }

  /** Slots of the series that satisfy every matcher, ascending; a copy. */
  select(matchers: readonly Matcher[]): Refs {
    const { refs } = this.series;
    return this.postings.select(matchers).filter((slot) => refs[slot] !== 0);
  }

  /** Whether a series never had a sample. */
  isEmpty(slot: number): boolean {
    return this.lastTime[slot] === Number.NEGATIVE_INFINITY;
  }

  /** Whether a series has a chunk or a late sample in the range. */
  hasSamples(slot: number, minTime: number, maxTime: number): boolean {
    if (this.late.overlaps(slot, minTime, maxTime)) return true;
    if (this.lateFrozen?.overlaps(slot, minTime, maxTime)) return true;
    return this.hasChunks(slot, minTime, maxTime);
  }

  /** Whether a series has a chunk that overlaps the range. */
  hasChunks(slot: number, minTime: number, maxTime: number): boolean {
    if (this.lastTime[slot] < minTime) return false;
    if (this.openCount[slot] > 0 && this.openMinTime[slot] <= maxTime) return true;
    for (let id = this.newest[slot]; id !== 0; id = this.closed.previous[id]) {
      if (this.closed.maxTime[id] < minTime) return false;
      if (this.closed.minTime(id) <= maxTime) return true;
    }
    return false;
  }

  /** Appends the samples of one series in the range to `into`, oldest first, and returns how many. */
  read(slot: number, minTime: number, maxTime: number, into: SampleColumns): number {
    const from = into.length;
    this.visitChunks(slot, minTime, maxTime, (bytes, start) => {
      readXor(bytes, start, (bytes[start] << 8) | bytes[start + 1], minTime, maxTime, into);
    });
    for (const late of [this.late, this.lateFrozen]) {
      if (!late?.has(slot)) continue;
      const middle = into.length;
      late.read(slot, minTime, maxTime, into);
      mergeRuns(into, from, middle);
    }
    const deleted = this.deleted.get(slot);
    if (deleted) dropIntervals(into, from, deleted);
    return into.length - from;
  }

  /** Visits the chunks of a series that overlap the range, oldest first; late samples are not in chunks. */
  visitChunks(slot: number, minTime: number, maxTime: number, visit: ChunkVisitor): void {
    const { closed, open } = this;
    const ids: number[] = [];
    for (let id = this.newest[slot]; id !== 0; id = closed.previous[id]) {
      if (closed.maxTime[id] < minTime) break;
      if (closed.minTime(id) <= maxTime) ids.push(id);
    }
    for (let i = ids.length - 1; i >= 0; i--) {
      const id = ids[i];
      closed.read(id);
      const { bytes, start, end } = closed.disk;
      visit(bytes, start, end, closed.minTime(id), closed.maxTime[id]);
    }
    if (this.openCount[slot] === 0 || this.openMinTime[slot] > maxTime || this.lastTime[slot] < minTime) return;
    const start = open.offset(this.sizeClass[slot], this.handle[slot]);
    const bytes = open.bytes(this.sizeClass[slot], this.handle[slot]);
    writeXorHeader(bytes, start, this.openCount[slot]);
    visit(bytes, start, start + this.openBytes(slot), this.openMinTime[slot], this.lastTime[slot]);
  }

  /** Deletes the samples of a series in the range. */
  delete(slot: number, minTime: number, maxTime: number): void {
    this.deleted.set(slot, addInterval(this.deleted.get(slot) ?? NO_INTERVALS, minTime, maxTime));
  }

  /**
   * Frees chunks that end before `time`, and series left without any, unless they may wait for their first commit; a
   * chunk that `time` cuts stays whole. Yields between small pieces of work; appends may go on in between.
   * @param removed is told each series that goes
   */
  *collect(time: number, removed: (walRef: number) => void): Generator<void> {
    this.minTime = Number.POSITIVE_INFINITY;
    let oldest = Number.POSITIVE_INFINITY;
    let gone = 0;
    for (let slot = 1; slot <= this.series.highestSlot; slot++) {
      if (slot % COLLECT_STRIDE === 0) yield;
      if (this.series.refs[slot] === 0) continue;
      this.dropChunksBefore(slot, time);
      const first = this.firstTime(slot);
      if (first !== Number.POSITIVE_INFINITY) oldest = Math.min(oldest, first);
      else if (this.isYoung(slot) || this.late.has(slot) || this.lateFrozen?.has(slot)) continue;
      else {
        removed(this.series.walRefs[slot]);
        this.series.remove(slot);
        this.deleted.delete(slot);
        gone++;
      }
    }
    this.minTime = Math.min(this.minTime, oldest);
    this.forgetDeleted(time);
    this.seriesRemoved += gone;
    if (gone === 0) return;
    yield* this.postings.dropRemoved();
    this.series.tidy();
  }

  private judgeLate(slot: number, time: number, low: number, high: number): AppendOutcome {
    const last = this.lastTime[slot];
    if (time >= this.appendableFrom && time === last) {
      return this.lastLow[slot] === low && this.lastHigh[slot] === high ? APPENDED : DUPLICATE_TIMESTAMP;
    }
    if (this.outOfOrderWindowMs > 0) {
      if (time >= this.maxTime - this.outOfOrderWindowMs) return APPENDED;
      this.tooOldRefused++;
      return TOO_OLD;
    }
    if (time >= this.appendableFrom) {
      this.outOfOrderRefused++;
      return OUT_OF_ORDER;
    }
    this.outOfBoundsRefused++;
    return OUT_OF_BOUNDS;
  }

  /** @returns whether the sample was kept */
  appendLate(slot: number, time: number, low: number, high: number): boolean {
    if (this.outOfOrderWindowMs === 0 || time === this.lastTime[slot]) return false;
    return this.late.add(slot, time, low, high);
  }

  private isYoung(slot: number): boolean {
    const young = this.young[slot] === 1 && this.isEmpty(slot);
    this.young[slot] = 0;
    return young;
  }

  /** Forgets deletions that end before `time` and before all late samples: they have nothing left to hide. */
  forgetDeleted(time: number): void {
    const oldest = Math.min(time, this.late.minTime, this.lateFrozen?.minTime ?? Number.POSITIVE_INFINITY);
    for (const [slot, intervals] of this.deleted) {
      if (intervals[intervals.length - 1] < oldest) this.deleted.delete(slot);
    }
  }

  private dropChunksBefore(slot: number, time: number): void {
    let keptAfter = 0;
    for (let id = this.newest[slot]; id !== 0; ) {
      const previous = this.closed.previous[id];
      if (this.closed.maxTime[id] < time) {
        this.dropChunk(id);
        if (keptAfter === 0) this.newest[slot] = previous;
        else this.closed.previous[keptAfter] = previous;
      } else keptAfter = id;
      id = previous;
    }
    if (this.openCount[slot] > 0 && this.lastTime[slot] < time) {
      this.dropOpenChunk(slot);
      this.chunksRemoved++;
    }
  }

  private dropChunk(id: number): void {
    this.closed.drop(id);
    this.chunksRemoved++;
  }

  private oldestFirst(newest: number): number[] {
    const ids: number[] = [];
    for (let id = newest; id !== 0; id = this.closed.previous[id]) ids.push(id);
    return ids.reverse();
  }

  /** Puts a chunk among those that a series has already; one that overlaps them is dropped. */
  private insertChunk(slot: number, id: number): void {
    const { closed } = this;
    const maxTime = closed.maxTime[id];
    const minTime = closed.minTime(id);
    if (this.openCount[slot] > 0 && minTime > this.lastTime[slot]) this.closeChunk(slot);
    let newer = 0;
    let older = this.newest[slot];
    while (older !== 0 && closed.minTime(older) > maxTime) {
      newer = older;
      older = closed.previous[older];
    }
    const overlapsOpen = this.openCount[slot] > 0 && maxTime >= this.openMinTime[slot];
    if (overlapsOpen || (older !== 0 && closed.maxTime[older] >= minTime)) {
      this.dropChunk(id);
      return;
    }
    closed.previous[id] = older;
    if (newer === 0) this.newest[slot] = id;
    else closed.previous[newer] = id;
  }

  private firstTime(slot: number): number {
    let first = this.openCount[slot] > 0 ? this.openMinTime[slot] : Number.POSITIVE_INFINITY;
    for (let id = this.newest[slot]; id !== 0; id = this.closed.previous[id]) first = this.closed.minTime(id);
    return first;
  }

  private mustCut(slot: number, time: number): boolean {
    const count = this.openCount[slot];
    if (count === 0) return false;
    return time >= this.cutAt[slot] || count >= 2 * SAMPLES_PER_CHUNK || this.openBytes(slot) > CHUNK_BYTES_MAX - 19;
  }

  /** Upstream's computeChunkEndTime: spreads the rest of the range over chunks of about equal size. */
  private chunkEnd(slot: number): number {
    const start = this.openMinTime[slot];
    const rangeEnd = this.cutAt[slot];
    const chunks = (rangeEnd - start) / ((this.lastTime[slot] - start + 1) * 4);
    return chunks <= 1 ? rangeEnd : Math.floor(start + (rangeEnd - start) / Math.floor(chunks));
  }

  private openBytes(slot: number): number {
    return (this.openBits[slot] + 7) >>> 3;
  }

  private closeChunk(slot: number): void {
    const sizeClass = this.sizeClass[slot];
    const handle = this.handle[slot];
    const bytes = this.open.bytes(sizeClass, handle);
    const start = this.open.offset(sizeClass, handle);
    writeXorHeader(bytes, start, this.openCount[slot]);
    this.newest[slot] = this.closed.add(bytes, start, this.openBytes(slot), this.series.walRefs[slot], {
      minTime: this.openMinTime[slot],
      maxTime: this.lastTime[slot],
      previous: this.newest[slot],
    });
    this.dropOpenChunk(slot);
  }

  private dropOpenChunk(slot: number): void {
    this.open.release(this.sizeClass[slot], this.handle[slot]);
    this.openCount[slot] = 0;
    this.openCountTotal--;
  }

  private loadState(slot: number, time: number): XorState {
    if (this.openCount[slot] === 0) {
      this.sizeClass[slot] = OpenChunks.SMALLEST;
      this.handle[slot] = this.open.allocate(OpenChunks.SMALLEST);
      this.openBits[slot] = 0;
      this.openMinTime[slot] = time;
      this.cutAt[slot] = Math.min((Math.floor(time / this.chunkRangeMs) + 1) * this.chunkRangeMs, time + SPAN_MAX);
      this.openCountTotal++;
      this.chunksCreated++;
    }
    while (this.openBytes(slot) + SAMPLE_BYTES_MAX > this.open.sizeOf(this.sizeClass[slot])) {
      this.handle[slot] = this.open.enlarge(this.sizeClass[slot], this.handle[slot]);
      this.sizeClass[slot]++;
    }
    const state = this.state;
    state.bytes = this.open.bytes(this.sizeClass[slot], this.handle[slot]);
    state.base = this.open.offset(this.sizeClass[slot], this.handle[slot]);
    state.bitLength = this.openBits[slot];
    state.count = this.openCount[slot];
    state.time = this.lastTime[slot];
    state.delta = this.lastDelta[slot];
    state.low = this.lastLow[slot];
    state.high = this.lastHigh[slot];
    state.leading = this.leading[slot];
    state.trailing = this.trailing[slot];
    return state;
  }

  private storeState(slot: number, state: XorState): void {
    this.openBits[slot] = state.bitLength;
    this.openCount[slot] = state.count;
    this.lastTime[slot] = state.time;
    this.lastDelta[slot] = state.delta;
    this.lastLow[slot] = state.low;
    this.lastHigh[slot] = state.high;
    this.leading[slot] = state.leading;
    this.trailing[slot] = state.trailing;
  }

  private growColumns(): void {
    const size = this.handle.length * 2;
    this.sizeClass = copyInto(new Uint8Array(size), this.sizeClass);
    this.handle = copyInto(new Uint32Array(size), this.handle);
    this.openBits = copyInto(new Uint32Array(size), this.openBits);
    this.openCount = copyInto(new Uint16Array(size), this.openCount);
    this.openMinTime = copyInto(new Float64Array(size), this.openMinTime);
    this.cutAt = copyInto(new Float64Array(size), this.cutAt);
    this.lastTime = copyInto(new Float64Array(size), this.lastTime);
    this.lastDelta = copyInto(new Float64Array(size), this.lastDelta);
    this.lastLow = copyInto(new Uint32Array(size), this.lastLow);
    this.lastHigh = copyInto(new Uint32Array(size), this.lastHigh);
    this.leading = copyInto(new Uint8Array(size), this.leading);
    this.trailing = copyInto(new Uint8Array(size), this.trailing);
    this.newest = copyInto(new Uint32Array(size), this.newest);
    this.young = copyInto(new Uint8Array(size), this.young);
  }
}
