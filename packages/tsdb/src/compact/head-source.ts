import { SampleColumns } from '@avalanche/model';
import { ChunkColumns, ENCODING_XOR } from '../chunk-columns.ts';
import type { Head } from '../head/head.ts';
import type { OutOfOrderSamples } from '../head/out-of-order.ts';
import type { Intervals } from '../intervals.ts';
import { encodeChunks } from './encode.ts';
import type { TimeRange } from './trim.ts';

/** The series of a part of the head, in no order; can be sent to another thread. */
export interface SourceSeries {
  readonly symbols: readonly string[];
  /** Name and value of each label as indices into `symbols`: those of series i are `pairs[offsets[i], offsets[i + 1])`. */
  readonly pairs: Uint32Array<ArrayBuffer>;
  readonly offsets: Uint32Array<ArrayBuffer>;
}

/** Encoded chunks of several series, one after the other; can be sent to another thread. */
export interface SourceChunks {
  /** Chunks of each series. */
  readonly counts: Uint32Array<ArrayBuffer>;
  /** By chunk, over all series: milliseconds, and where its data ends in `bytes`. */
  readonly minTime: Float64Array<ArrayBuffer>;
  readonly maxTime: Float64Array<ArrayBuffer>;
  readonly ends: Uint32Array<ArrayBuffer>;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Deleted ranges of those series that have any. */
  readonly deleted: readonly (readonly [series: number, intervals: Intervals])[];
}

/** Where a block's series and chunks come from: a part of the head, asked piece by piece. */
export interface HeadSource {
  series(): Promise<SourceSeries>;
  /** The chunks of the series with these indices, in this order. */
  chunks(series: Uint32Array): Promise<SourceChunks>;
}

const SERIES_STRIDE = 2048;

/** Gathers a part of the head: the slots that `holds` chooses, with the chunks that `encode` adds for each. */
class SlotSource implements HeadSource {
  private slots: number[] = [];
  private readonly columns = new ChunkColumns();

  constructor(
    private readonly head: Head,
    private readonly holds: (slot: number) => boolean,
    private readonly encode: (slot: number, into: ChunkColumns) => void,
  ) {}

  async series(): Promise<SourceSeries> {
    const { series } = this.head;
    const local = new Map<number, number>();
    const symbols: string[] = [];
    const offsets: number[] = [0];
    const pairs: number[] = [];
    this.slots = [];
    for (let slot = 1; slot <= series.highestSlot; slot++) {
      if (slot % SERIES_STRIDE === 0) await nextTurn();
      if (series.refs[slot] === 0 || !this.holds(slot)) continue;
      this.slots.push(slot);
      for (const symbol of series.labelSymbols(slot)) {
        let index = local.get(symbol);
        if (index === undefined) {
          index = symbols.length;
          symbols.push(series.symbols.text(symbol));
          local.set(symbol, index);
        }
        pairs.push(index);
      }
      offsets.push(pairs.length);
    }
    return { symbols, pairs: Uint32Array.from(pairs), offsets: Uint32Array.from(offsets) };
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
      head.visitChunks(slot, minTime, maxTime - 1, (bytes, start, end, min, max) => {
        into.add(ENCODING_XOR, min, max, bytes, start, end);
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
      samples.length = 0;
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
      samples.length = 0;
      late.read(slot, minTime, maxTime - 1, samples);
      encodeChunks(samples, 0, into);
    },
  );
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
