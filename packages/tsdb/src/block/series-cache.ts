import type { Labels, SampleColumns } from '@avalanche/model';

/** A series of a block as its index has it, read and checked. Shared: not to be changed. */
export interface IndexedSeries {
  readonly ref: number;
  readonly labels: Labels;
  /** Milliseconds of the first and last sample of each chunk. */
  readonly minTime: Float64Array;
  readonly maxTime: Float64Array;
  /** segment · 2^32 + offset. */
  readonly chunkRef: Float64Array;
  /** The last values of chunks that were decoded to their end. */
  readonly lastValues: LastValues;
}

/** The last value of each chunk of a series, as far as it is known. */
export class LastValues {
  private bits = new Uint32Array(0);
  private known = new Uint8Array(0);

  has(chunk: number): boolean {
    return this.known[chunk] === 1;
  }

  /** Appends the value to `into`, at the time of its sample. */
  push(chunk: number, time: number, into: SampleColumns): void {
    into.pushBits(time, this.bits[2 * chunk], this.bits[2 * chunk + 1]);
  }

  /** Keeps the last sample of `from` as that of one of `count` chunks. */
  keep(chunk: number, count: number, { bits, length }: SampleColumns): void {
    if (this.known.length === 0) {
      this.bits = new Uint32Array(2 * count);
      this.known = new Uint8Array(count);
    }
    this.bits[2 * chunk] = bits[2 * length - 2];
    this.bits[2 * chunk + 1] = bits[2 * length - 1];
    this.known[chunk] = 1;
  }
}

/** Whether a series has a chunk that overlaps the range, both ends included. */
export function hasChunks({ minTime, maxTime }: IndexedSeries, from: number, to: number): boolean {
  for (let i = 0; i < minTime.length; i++) if (minTime[i] <= to && maxTime[i] >= from) return true;
  return false;
}

const DEFAULT_BYTES = 8 * 1024 * 1024;

/**
 * Series of all blocks that were read lately, in two generations: where the young one fills half of the room, the old one
 * goes. Equal label sets of different blocks are one object, so that merging blocks mostly compares addresses.
 */
export class SeriesCache {
  private readonly blocks = new Set<BlockSeriesCache>();
  private labels = new Map<string, Labels>();
  private bytes = 0;

  constructor(private readonly bytesMax = DEFAULT_BYTES) {}

  /** The part of one block. */
  ofBlock(): BlockSeriesCache {
    const cache = new BlockSeriesCache(this);
    this.blocks.add(cache);
    return cache;
  }

  /** The one object for these labels. */
  intern(labels: Labels): Labels {
    const known = this.labels.get(labels.key);
    if (known) return known;
    this.labels.set(labels.key, labels);
    this.grow(150 + 30 * labels.pairs.length);
    return labels;
  }

  grow(bytes: number): void {
    this.bytes += bytes;
    if (this.bytes * 2 < this.bytesMax) return;
    this.bytes = 0;
    this.labels = new Map();
    for (const block of this.blocks) block.age();
  }

  forget(block: BlockSeriesCache): void {
    this.blocks.delete(block);
  }
}

/** The series of one block, by reference. */
export class BlockSeriesCache {
  private young = new Map<number, IndexedSeries>();
  private old = new Map<number, IndexedSeries>();

  constructor(readonly shared: SeriesCache) {}

  get(ref: number): IndexedSeries | undefined {
    const series = this.young.get(ref);
    if (series) return series;
    const aged = this.old.get(ref);
    if (aged) this.set(aged);
    return aged;
  }

  set(series: IndexedSeries): void {
    this.young.set(series.ref, series);
    this.shared.grow(400 + 33 * series.chunkRef.length);
  }

  age(): void {
    this.old = this.young;
    this.young = new Map();
  }

  close(): void {
    this.shared.forget(this);
  }
}
