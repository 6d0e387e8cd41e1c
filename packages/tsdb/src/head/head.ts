import { type Labels, type Matcher, METRIC_NAME, type SampleColumns } from '@avalanche/model';
import { ChunkStore, copyInto } from './chunks.ts';
import { OpenChunks } from './open-chunks.ts';
import { Postings } from './postings.ts';
import { SeriesTable } from './series.ts';
import { appendXor, readXor, SAMPLE_BYTES_MAX, type XorState } from './xor.ts';

/** What became of a sample: a code, not an exception, because it is decided once a sample. */
export const APPENDED = 0;
/** Older than the newest sample of its series. */
export const OUT_OF_ORDER = 1;
/** Same time as the newest sample, another value. */
export const DUPLICATE_TIMESTAMP = 2;
export type AppendOutcome = typeof APPENDED | typeof OUT_OF_ORDER | typeof DUPLICATE_TIMESTAMP;

const SAMPLES_PER_CHUNK = 120;
const CHUNK_BYTES_MAX = 1024;

/** Series with the most values, samples and labels, as `/api/v1/status/tsdb` shows them. */
export interface HeadStats {
  readonly series: number;
  readonly chunks: number;
  readonly minTime: number;
  readonly maxTime: number;
  readonly labelNames: number;
  readonly symbols: number;
}

/**
 * Everything in memory: series labels, their index, chunks being written and closed chunks. State of a series lives
 * in columns by series reference; nothing here is an object a sample, a chunk or a series.
 */
export class Head {
  readonly series = new SeriesTable();
  readonly postings = new Postings(this.series.symbols);
  /** Time of the oldest and newest sample, in milliseconds; +Infinity and -Infinity while there is none. */
  minTime = Number.POSITIVE_INFINITY;
  maxTime = Number.NEGATIVE_INFINITY;

  private readonly closed = new ChunkStore();
  private readonly open = new OpenChunks();
  private seriesCount = 0;
  /** References up to this one existed at the last truncation: a younger series may still be waiting for its commit. */
  private settledRef = 0;

  // Columns by series reference. `openCount` 0 means that no chunk is being written.
  private sizeClass = new Uint8Array(1024);
  private handle = new Uint32Array(1024);
  private openBits = new Uint32Array(1024);
  private openCount = new Uint16Array(1024);
  private openMinTime = new Float64Array(1024);
  private cutAt = new Float64Array(1024);
  private lastTime = new Float64Array(1024);
  private lastDelta = new Float64Array(1024);
  private lastLow = new Uint32Array(1024);
  private lastHigh = new Uint32Array(1024);
  private leading = new Uint8Array(1024);
  private trailing = new Uint8Array(1024);
  private newest = new Uint32Array(1024);
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

  /** @param chunkRangeMs chunks never cross a multiple of this (the block range) */
  constructor(private readonly chunkRangeMs: number) {}

  get stats(): HeadStats {
    return {
      series: this.seriesCount,
      chunks: this.closed.size + this.openChunks(),
      minTime: this.minTime,
      maxTime: this.maxTime,
      labelNames: this.postings.labelNames().length,
      symbols: this.series.symbols.size,
    };
  }

  /** The series of these labels, created where it is missing. `ref` is the reference that a replayed log gave it. */
  createSeries(labels: Labels, ref?: number): number {
    const created = this.series.add(labels, ref);
    while (created >= this.handle.length) this.growColumns();
    this.series.forEachLabel(created, (name, value) => this.postings.add(created, name, value));
    this.postings.addSeries(created);
    this.lastTime[created] = Number.NEGATIVE_INFINITY;
    this.seriesCount++;
    return created;
  }

  /** How `append` would judge a sample, nothing changed. */
  judge(ref: number, time: number, low: number, high: number): AppendOutcome {
    const last = this.lastTime[ref];
    if (time > last) return APPENDED;
    if (time < last) return OUT_OF_ORDER;
    return this.lastLow[ref] === low && this.lastHigh[ref] === high ? APPENDED : DUPLICATE_TIMESTAMP;
  }

  /** Adds a sample judged APPENDED; one equal to the newest is dropped. */
  append(ref: number, time: number, low: number, high: number): void {
    if (time <= this.lastTime[ref]) return;
    if (this.mustCut(ref, time)) this.closeChunk(ref);
    const state = this.loadState(ref, time);
    appendXor(state, time, low, high);
    this.storeState(ref, state);
    if (this.openCount[ref] === SAMPLES_PER_CHUNK / 4) this.cutAt[ref] = this.chunkEnd(ref);
    if (time > this.maxTime) this.maxTime = time;
    if (time < this.minTime) this.minTime = time;
  }

  select(matchers: readonly Matcher[]): Uint32Array {
    return this.postings.select(matchers);
  }

  /** Whether a series never had a sample. */
  isEmpty(ref: number): boolean {
    return this.lastTime[ref] === Number.NEGATIVE_INFINITY;
  }

  /** Whether a series has a chunk that overlaps the range. */
  hasSamples(ref: number, minTime: number, maxTime: number): boolean {
    if (this.lastTime[ref] < minTime) return false;
    if (this.openCount[ref] > 0 && this.openMinTime[ref] <= maxTime) return true;
    for (let id = this.newest[ref]; id !== 0; id = this.closed.previous[id]) {
      if (this.closed.maxTime[id] < minTime) return false;
      if (this.closed.minTime[id] <= maxTime) return true;
    }
    return false;
  }

  /** Appends the samples of one series in the range to `into`, oldest first, and returns how many. */
  read(ref: number, minTime: number, maxTime: number, into: SampleColumns): number {
    const chunks: number[] = [];
    for (let id = this.newest[ref]; id !== 0; id = this.closed.previous[id]) {
      if (this.closed.maxTime[id] < minTime) break;
      if (this.closed.minTime[id] <= maxTime) chunks.push(id);
    }
    let total = 0;
    for (let i = chunks.length - 1; i >= 0; i--) {
      const id = chunks[i];
      const bytes = this.closed.bytesOf(id);
      total += readXor(bytes, this.closed.offsetOf(id), this.closed.count[id], minTime, maxTime, into);
    }
    if (this.openCount[ref] > 0 && this.openMinTime[ref] <= maxTime && this.lastTime[ref] >= minTime) {
      const sizeClass = this.sizeClass[ref];
      const bytes = this.open.bytes(sizeClass, this.handle[ref]);
      const base = this.open.offset(sizeClass, this.handle[ref]);
      total += readXor(bytes, base, this.openCount[ref], minTime, maxTime, into);
    }
    return total;
  }

  /**
   * Drops chunks that end before `time`, and series left without any, unless they are new since the last call and may
   * wait for their first commit; a chunk that `time` cuts stays whole.
   * @returns how many series were collected
   */
  truncateBefore(time: number): number {
    const gone: number[] = [];
    let oldest = Number.POSITIVE_INFINITY;
    for (let ref = 1; ref <= this.series.count; ref++) {
      if (this.series.alive[ref] === 0) continue;
      this.dropChunksBefore(ref, time);
      if (this.openCount[ref] > 0 && this.lastTime[ref] < time) this.dropOpenChunk(ref);
      const first = this.firstTime(ref);
      if (first === Number.POSITIVE_INFINITY) {
        if (ref <= this.settledRef || !this.isEmpty(ref)) gone.push(ref);
      } else oldest = Math.min(oldest, first);
    }
    this.minTime = oldest;
    this.settledRef = this.series.count;
    if (gone.length > 0) this.collect(gone);
    return gone.length;
  }

  /** The metric names with the most series, largest first. */
  seriesByMetric(limit: number): { readonly name: string; readonly value: number }[] {
    return this.postings
      .valueCounts(METRIC_NAME)
      .map(({ value, series }) => ({ name: value, value: series }))
      .sort((a, b) => b.value - a.value)
      .slice(0, limit);
  }

  private collect(refs: readonly number[]): void {
    this.series.remove(refs);
    this.postings.keep((ref) => this.series.alive[ref] === 1);
    this.seriesCount -= refs.length;
  }

  private dropChunksBefore(ref: number, time: number): void {
    let keptBefore = 0;
    for (let id = this.newest[ref]; id !== 0; ) {
      const previous = this.closed.previous[id];
      if (this.closed.maxTime[id] < time) {
        this.closed.drop(id);
        if (keptBefore === 0) this.newest[ref] = previous;
        else this.closed.previous[keptBefore] = previous;
      } else keptBefore = id;
      id = previous;
    }
  }

  private firstTime(ref: number): number {
    let first = this.openCount[ref] > 0 ? this.openMinTime[ref] : Number.POSITIVE_INFINITY;
    for (let id = this.newest[ref]; id !== 0; id = this.closed.previous[id]) first = this.closed.minTime[id];
    return first;
  }

  private mustCut(ref: number, time: number): boolean {
    const count = this.openCount[ref];
    if (count === 0) return false;
    return time >= this.cutAt[ref] || count >= 2 * SAMPLES_PER_CHUNK || this.openBytes(ref) > CHUNK_BYTES_MAX - 19;
  }

  /** Upstream's computeChunkEndTime: spreads the rest of the range over chunks of about equal size. */
  private chunkEnd(ref: number): number {
    const start = this.openMinTime[ref];
    const rangeEnd = this.cutAt[ref];
    const chunks = (rangeEnd - start) / ((this.lastTime[ref] - start + 1) * 4);
    return chunks <= 1 ? rangeEnd : Math.floor(start + (rangeEnd - start) / Math.floor(chunks));
  }

  private openBytes(ref: number): number {
    return (this.openBits[ref] + 7) >>> 3;
  }

  private closeChunk(ref: number): void {
    const sizeClass = this.sizeClass[ref];
    const handle = this.handle[ref];
    this.newest[ref] = this.closed.add(
      this.open.bytes(sizeClass, handle),
      this.open.offset(sizeClass, handle),
      this.openBytes(ref),
      {
        count: this.openCount[ref],
        minTime: this.openMinTime[ref],
        maxTime: this.lastTime[ref],
        previous: this.newest[ref],
      },
    );
    this.dropOpenChunk(ref);
  }

  private dropOpenChunk(ref: number): void {
    this.open.release(this.sizeClass[ref], this.handle[ref]);
    this.openCount[ref] = 0;
  }

  private loadState(ref: number, time: number): XorState {
    if (this.openCount[ref] === 0) {
      this.sizeClass[ref] = OpenChunks.SMALLEST;
      this.handle[ref] = this.open.allocate(OpenChunks.SMALLEST);
      this.openBits[ref] = 0;
      this.openMinTime[ref] = time;
      this.cutAt[ref] = (Math.floor(time / this.chunkRangeMs) + 1) * this.chunkRangeMs;
    } else if (this.openBytes(ref) + SAMPLE_BYTES_MAX > this.open.sizeOf(this.sizeClass[ref])) {
      this.handle[ref] = this.open.enlarge(this.sizeClass[ref], this.handle[ref]);
      this.sizeClass[ref]++;
    }
    const state = this.state;
    state.bytes = this.open.bytes(this.sizeClass[ref], this.handle[ref]);
    state.base = this.open.offset(this.sizeClass[ref], this.handle[ref]);
    state.bitLength = this.openBits[ref];
    state.count = this.openCount[ref];
    state.time = this.lastTime[ref];
    state.delta = this.lastDelta[ref];
    state.low = this.lastLow[ref];
    state.high = this.lastHigh[ref];
    state.leading = this.leading[ref];
    state.trailing = this.trailing[ref];
    return state;
  }

  private storeState(ref: number, state: XorState): void {
    this.openBits[ref] = state.bitLength;
    this.openCount[ref] = state.count;
    this.lastTime[ref] = state.time;
    this.lastDelta[ref] = state.delta;
    this.lastLow[ref] = state.low;
    this.lastHigh[ref] = state.high;
    this.leading[ref] = state.leading;
    this.trailing[ref] = state.trailing;
  }

  private openChunks(): number {
    let open = 0;
    for (let ref = 1; ref <= this.series.count; ref++) if (this.openCount[ref] > 0) open++;
    return open;
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
  }
}
