import { silentLogger } from '@avalanche/model';
import { ENCODING_XOR } from '../chunk-columns.ts';
import type { DecodeBuffer, EncodeBuffer } from '../encoding.ts';
import type { SampleBatch } from '../wal/records.ts';
import { type ChunkMeta, ChunkStore, copyInto, SPAN_MAX } from './chunks.ts';
import { DiskChunks } from './disk-chunks.ts';
import type { ChunkPlace } from './disk-chunks-load.ts';
import { OPEN_CHUNK_SIZES, OpenChunks } from './open-chunks.ts';
import { SeriesTable } from './series.ts';
import { appendXor, newXorState, SAMPLE_BYTES_MAX, writeXorHeader, type XorState } from './xor.ts';

export const SAMPLES_PER_CHUNK = 120;
const CHUNK_BYTES_MAX = 1024;
/** By size class: up to here an open chunk has room for another sample, and is not to be closed for its size. */
export const ROOMY_BITS = Uint32Array.from(
  OPEN_CHUNK_SIZES,
  (size) => Math.min(size - SAMPLE_BYTES_MAX, CHUNK_BYTES_MAX - 19) * 8 - 7,
);
/** Gets the encoded chunks of a series: `bytes[start, end)`, times in milliseconds. */
export type ChunkVisitor = (
  bytes: Uint8Array,
  start: number,
  end: number,
  minTime: number,
  maxTime: number,
  encoding: number,
) => void;

/**
 * The chunks of the head's series: of each the one being written and the closed ones before it. State of a series lives in
 * columns by slot.
 */
export class SeriesChunks {
  readonly series = new SeriesTable();
  /** Time of the oldest and newest sample, in milliseconds; +Infinity and -Infinity while there is none. */
  minTime = Number.POSITIVE_INFINITY;
  maxTime = Number.NEGATIVE_INFINITY;
  /** Samples before this are in blocks and are not taken any more. */
  minValidTime = Number.NEGATIVE_INFINITY;
  /** By slot: the time of the newest sample, -Infinity while there is none. */
  lastTime = new Float64Array(1024);
  /** Chunks begun and dropped since the start. */
  chunksCreated = 0;
  chunksRemoved = 0;
  protected readonly closed: ChunkStore;
  protected readonly open = new OpenChunks();
  protected openCountTotal = 0;
  // Columns by slot. `openCount` 0 means that no chunk is being written.
  protected sizeClass = new Uint8Array(1024);
  protected handle = new Uint32Array(1024);
  protected openBits = new Uint32Array(1024);
  protected openCount = new Uint16Array(1024);
  protected openMinTime = new Float64Array(1024);
  protected cutAt = new Float64Array(1024);
  protected lastDelta = new Float64Array(1024);
  protected lastLow = new Uint32Array(1024);
  protected lastHigh = new Uint32Array(1024);
  protected leading = new Uint8Array(1024);
  protected trailing = new Uint8Array(1024);
  protected newest = new Uint32Array(1024);

  protected readonly state: XorState = newXorState();

  /**
   * @param chunkRangeMs chunks never cross a multiple of this (the block range)
   * @param disk where closed chunks go; without it they stay in memory
   */
  constructor(
    protected readonly chunkRangeMs: number,
    readonly disk = new DiskChunks(null, silentLogger),
  ) {
    this.closed = new ChunkStore(disk);
  }

  get chunkCount(): number {
    return this.closed.size + this.openCountTotal;
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
    if (this.newest[slot] === 0 && this.openStart(slot) === Number.POSITIVE_INFINITY) this.newest[slot] = newest;
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
   * @returns whether there was one of floats. @throws RangeError where it cannot be one
   */
  decodeOpenChunk(slot: number, from: DecodeBuffer): boolean {
    const count = from.uvarint();
    if (count === 0) return false;
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
    if (maxTime <= this.lastTime[slot] || maxTime < this.minValidTime) return true;
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
    return true;
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
      visit(bytes, start, end, closed.minTime(id), closed.maxTime[id], closed.encoding(id));
    }
    if (this.openCount[slot] === 0 || this.openMinTime[slot] > maxTime || this.lastTime[slot] < minTime) return;
    const start = open.offset(this.sizeClass[slot], this.handle[slot]);
    const bytes = open.bytes(this.sizeClass[slot], this.handle[slot]);
    writeXorHeader(bytes, start, this.openCount[slot]);
    visit(bytes, start, start + this.openBytes(slot), this.openMinTime[slot], this.lastTime[slot], ENCODING_XOR);
  }

  protected dropChunksBefore(slot: number, time: number): void {
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
    this.dropOpenBefore(slot, time);
  }

  protected dropOpenBefore(slot: number, time: number): void {
    if (this.openCount[slot] === 0 || this.lastTime[slot] >= time) return;
    this.dropOpenChunk(slot);
    this.chunksRemoved++;
  }

  /** When the chunk of a series that is being written began; +Infinity where there is none. */
  protected openStart(slot: number): number {
    return this.openCount[slot] > 0 ? this.openMinTime[slot] : Number.POSITIVE_INFINITY;
  }

  /** Ends the chunk that is being written, if any. */
  protected closeOpen(slot: number): void {
    if (this.openCount[slot] > 0) this.closeChunk(slot);
  }

  protected dropChunk(id: number): void {
    this.closed.drop(id);
    this.chunksRemoved++;
  }

  protected oldestFirst(newest: number): number[] {
    const ids: number[] = [];
    for (let id = newest; id !== 0; id = this.closed.previous[id]) ids.push(id);
    return ids.reverse();
  }

  /** Puts a chunk among those that a series has already; one that overlaps them is dropped. */
  protected insertChunk(slot: number, id: number): void {
    const { closed } = this;
    const maxTime = closed.maxTime[id];
    const minTime = closed.minTime(id);
    if (minTime > this.lastTime[slot]) this.closeOpen(slot);
    let newer = 0;
    let older = this.newest[slot];
    while (older !== 0 && closed.minTime(older) > maxTime) {
      newer = older;
      older = closed.previous[older];
    }
    if (maxTime >= this.openStart(slot) || (older !== 0 && closed.maxTime[older] >= minTime)) {
      this.dropChunk(id);
      return;
    }
    closed.previous[id] = older;
    if (newer === 0) this.newest[slot] = id;
    else closed.previous[newer] = id;
  }

  protected firstTime(slot: number): number {
    let first = this.openStart(slot);
    for (let id = this.newest[slot]; id !== 0; id = this.closed.previous[id]) first = this.closed.minTime(id);
    return first;
  }

  protected mustCut(slot: number, time: number): boolean {
    const count = this.openCount[slot];
    if (count === 0) return false;
    return time >= this.cutAt[slot] || count >= 2 * SAMPLES_PER_CHUNK || this.openBytes(slot) > CHUNK_BYTES_MAX - 19;
  }

  /** Of an open chunk that is a quarter full. */
  protected chunkEnd(slot: number): number {
    return chunkEnd(this.openMinTime[slot], this.lastTime[slot], this.cutAt[slot], 4);
  }

  /** The latest end of a chunk that begins at `time`. */
  protected rangeEnd(time: number): number {
    return Math.min((Math.floor(time / this.chunkRangeMs) + 1) * this.chunkRangeMs, time + SPAN_MAX);
  }

  protected openBytes(slot: number): number {
    return (this.openBits[slot] + 7) >>> 3;
  }

  protected closeChunk(slot: number): void {
    const sizeClass = this.sizeClass[slot];
    const handle = this.handle[slot];
    const bytes = this.open.bytes(sizeClass, handle);
    const start = this.open.offset(sizeClass, handle);
    writeXorHeader(bytes, start, this.openCount[slot]);
    this.newest[slot] = this.closed.add(bytes, start, this.openBytes(slot), this.series.walRefs[slot], {
      minTime: this.openMinTime[slot],
      maxTime: this.lastTime[slot],
      encoding: ENCODING_XOR,
      previous: this.newest[slot],
    });
    this.dropOpenChunk(slot);
  }

  protected dropOpenChunk(slot: number): void {
    this.open.release(this.sizeClass[slot], this.handle[slot]);
    this.openCount[slot] = 0;
    this.openCountTotal--;
  }

  protected loadState(slot: number, time: number): XorState {
    if (this.openCount[slot] === 0) {
      this.closeOpen(slot); // one of another kind
      this.sizeClass[slot] = OpenChunks.SMALLEST;
      this.handle[slot] = this.open.allocate(OpenChunks.SMALLEST);
      this.openBits[slot] = 0;
      this.openMinTime[slot] = time;
      this.cutAt[slot] = this.rangeEnd(time);
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

  protected storeState(slot: number, state: XorState): void {
    this.openBits[slot] = state.bitLength;
    this.openCount[slot] = state.count;
    this.lastTime[slot] = state.time;
    this.lastDelta[slot] = state.delta;
    this.lastLow[slot] = state.low;
    this.lastHigh[slot] = state.high;
    this.leading[slot] = state.leading;
    this.trailing[slot] = state.trailing;
  }

  protected growColumns(): void {
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
  }
}

/**
 * Upstream's computeChunkEndTime: spreads the rest of a range over chunks of about equal size, where one that lasts from
 * `start` to `last` is the `fullness`-th part of full.
 */
export function chunkEnd(start: number, last: number, rangeEnd: number, fullness: number): number {
  const chunks = (rangeEnd - start) / ((last - start + 1) * fullness);
  return chunks <= 1 ? rangeEnd : Math.floor(start + (rangeEnd - start) / Math.floor(chunks));
}
