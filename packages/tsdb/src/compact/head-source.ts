import { nextTurn, SampleColumns } from '@avalanche/model';
import { ChunkColumns } from '../chunk-columns.ts';
import { copyInto } from '../head/chunks.ts';
import type { Head } from '../head/head.ts';
import type { OutOfOrderSamples } from '../head/out-of-order.ts';
import type { Intervals } from '../intervals.ts';
import { encodeChunks } from './encode.ts';
import type { TimeRange } from './trim.ts';

/** Some series of a part of the head, in no order; can be sent to another thread. */
export interface SourceSeries {
  /** Symbols that come after those of the batches before. */
  readonly symbols: readonly string[];
  /** Name and value of each label, series by series, as indices into the symbols of all batches so far. */
  readonly pairs: Uint32Array<ArrayBuffer>;
  /** By series: how many entries of `pairs` are its own. */
  readonly lengths: Uint32Array<ArrayBuffer>;
}

/** Encoded chunks of several series, one after the other; can be sent to another thread. */
export interface SourceChunks {
  /** Chunks of each series. */
  readonly counts: Uint32Array<ArrayBuffer>;
  /** By chunk, over all series: milliseconds, and where its data ends in `bytes`. */
  readonly minTime: Float64Array<ArrayBuffer>;
  readonly maxTime: Float64Array<ArrayBuffer>;
  readonly encodings: Uint8Array<ArrayBuffer>;
  readonly ends: Uint32Array<ArrayBuffer>;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Deleted ranges of those series that have any. */
  readonly deleted: readonly (readonly [series: number, intervals: Intervals])[];
}

/** Where a block's series and chunks come from: a part of the head, asked piece by piece. */
export interface HeadSource {
  /** The next series, null after the last. */
  nextSeries(): Promise<SourceSeries | null>;
  /** The chunks of the series with these indices, counted over all batches, in this order. */
  chunks(series: Uint32Array): Promise<SourceChunks>;
}

/** Slots looked at for one batch: a millisecond or two of work while the code is cold. */
const SLOTS_PER_BATCH = 1024;

/** Gathers a part of the head: the slots that `holds` chooses, with the chunks that `encode` adds for each. */
class SlotSource implements HeadSource {
  private readonly slots: number[] = [];
  private nextSlot = 1;
  /** By symbol of the head: its index among those given, and one more; 0 where it was not. */
  private given = new Uint32Array(0);
  private givenCount = 0;
  private readonly columns = new ChunkColumns();

  constructor(
    private readonly head: Head,
    private readonly holds: (slot: number) => boolean,
    private readonly encode: (slot: number, into: ChunkColumns) => void,
  ) {}

  async nextSeries(): Promise<SourceSeries | null> {
    await nextTurn();
    const { series } = this.head;
    if (this.nextSlot > series.highestSlot) return null;
    const end = Math.min(series.highestSlot + 1, this.nextSlot + SLOTS_PER_BATCH);
    const first = this.slots.length;
    for (; this.nextSlot < end; this.nextSlot++) {
      if (series.refs[this.nextSlot] !== 0 && this.holds(this.nextSlot)) this.slots.push(this.nextSlot);
    }
    return this.labelsFrom(first);
  }

  /** The labels of the slots from index `first` on. */
  private labelsFrom(first: number): SourceSeries {
    const { series } = this.head;
    if (this.given.length < series.symbols.capacity) {
      this.given = copyInto(new Uint32Array(series.symbols.capacity * 2), this.given);
    }
    const lengths = Uint32Array.from({ length: this.slots.length - first }, (_, i) => {
      return series.labelSymbols(this.slots[first + i]).length;
    });
    const pairs = new Uint32Array(lengths.reduce((sum, length) => sum + length, 0));
    const symbols: string[] = [];
    let at = 0;
    for (let i = first; i < this.slots.length; i++) {
      const labels = series.labelSymbols(this.slots[i]);
      for (let n = 0; n < labels.length; n++) {
        if (this.given[labels[n]] === 0) {
          symbols.push(series.symbols.text(labels[n]));
          this.given[labels[n]] = ++this.givenCount;
        }
        pairs[at++] = this.given[labels[n]] - 1;
      }
    }
    return { symbols, pairs, lengths };
  }

  async chunks(indices: Uint32Array): Promise<SourceChunks> {
    const { columns } = this;
    columns.clear();
    const counts = new Uint32Array(indices.length);
    const deleted: [number, Intervals][] = [];
    for (let i = 0; i < indices.length; i++) {
      const slot = this.slots[indices[i]];
      const before = columns.length;
      this.encode(slot, columns);
      counts[i] = columns.length - before;
      const intervals = this.head.deleted.get(slot);
      if (intervals) deleted.push([i, intervals]);
    }
    const { length } = columns;
    return {
      counts,
      minTime: columns.minTime.slice(0, length),
      maxTime: columns.maxTime.slice(0, length),
      encodings: columns.encoding.slice(0, length),
      ends: columns.end.slice(0, length),
      bytes: columns.bytes.slice(0, length === 0 ? 0 : columns.end[length - 1]),
      deleted,
    };
  }
}

/** The in-order chunks of the head that overlap a range. */
export function headSource(head: Head, { minTime, maxTime }: TimeRange): HeadSource {
  return new SlotSource(
    head,
    (slot) => head.hasChunks(slot, minTime, maxTime - 1),
    (slot, into) => {
      head.visitChunks(slot, minTime, maxTime - 1, (bytes, start, end, min, max, encoding) => {
        into.add(encoding, min, max, bytes, start, end);
      });
    },
  );
}

/** Everything of the head in a range, late samples merged in, as a snapshot needs it. */
export function snapshotSource(head: Head, { minTime, maxTime }: TimeRange): HeadSource {
  const samples = new SampleColumns();
  return new SlotSource(
    head,
    (slot) => head.hasSamples(slot, minTime, maxTime - 1),
    (slot, into) => {
      samples.clear();
      head.read(slot, minTime, maxTime - 1, samples);
      encodeChunks(samples, 0, into);
    },
  );
}

/** Late samples in a range. */
export function lateSource(head: Head, late: OutOfOrderSamples, { minTime, maxTime }: TimeRange): HeadSource {
  const samples = new SampleColumns();
  return new SlotSource(
    head,
    (slot) => late.overlaps(slot, minTime, maxTime - 1),
    (slot, into) => {
      samples.clear();
      late.read(slot, minTime, maxTime - 1, samples);
      encodeChunks(samples, 0, into);
    },
  );
}
