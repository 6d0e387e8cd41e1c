import type { Labels, Matcher, SampleColumns } from '@avalanche/model';
import { type CachePart, Generations } from './generations.ts';

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
  /** The numbers of chunks that are kept decoded; NOT_ASKED and ASKED_ONCE for the others. */
  readonly decoded: Float64Array;
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
 * Series of all blocks that were read lately. Equal label sets of different blocks are one object, so that merging blocks
 * mostly compares addresses.
 */
export class SeriesCache {
  private labels = new Map<string, Labels>();
  private readonly generations: Generations;

  constructor(bytesMax = DEFAULT_BYTES) {
    this.generations = new Generations(bytesMax, () => {
      this.labels = new Map();
    });
  }

  /** The series of one block, by reference. */
  ofBlock(): CachePart<IndexedSeries> {
    return this.generations.part(({ chunkRef }) => 500 + 41 * chunkRef.length);
  }

  /** What was selected from one block. */
  selections(): Selections {
    return new Selections(this.generations);
  }

  /** The one object for these labels. */
  intern(labels: Labels): Labels {
    const known = this.labels.get(labels.key);
    if (known) return known;
    this.labels.set(labels.key, labels);
    this.generations.grow(150 + 30 * labels.pairs.length);
    return labels;
  }
}

/** Longer selections cost more memory than finding them again costs time. */
const SELECTED_MAX = 10_000;

/**
 * What matchers selected from one block, which does not change. Known by the list of matchers itself: a query that is asked
 * again was parsed once.
 */
export class Selections {
  private known = new WeakMap<readonly Matcher[], readonly IndexedSeries[]>();

  constructor(private readonly shared: Generations) {
    shared.join(this);
  }

  get(matchers: readonly Matcher[]): readonly IndexedSeries[] | undefined {
    return this.known.get(matchers);
  }

  set(matchers: readonly Matcher[], series: readonly IndexedSeries[]): void {
    if (series.length > SELECTED_MAX) return;
    this.known.set(matchers, series);
    this.shared.grow(100 + 8 * series.length);
  }

  /** The series themselves are no longer counted as kept. */
  age(): void {
    this.known = new WeakMap();
  }

  close(): void {
    this.shared.forget(this);
  }
}
