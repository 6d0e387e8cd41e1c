import type { Labels } from '@avalanche/model';
import type { ExemplarStorage } from '../exemplars/storage.ts';
import { isKnownEncoding } from '../read-chunk.ts';
import type { Tombstone } from '../wal/decode.ts';
import type { LoggedHistogram } from '../wal/histograms.ts';
import type { LoggedExemplar, SampleBatch } from '../wal/records.ts';
import type { ReplaySink } from '../wal/replay.ts';
import { SPAN_MAX } from './chunks.ts';
import type { EntryMeta } from './disk-chunk-format.ts';
import type { ChunkPlace } from './disk-chunks-load.ts';
import type { Head } from './head.ts';

/** References below this are looked up in an array. */
const DENSE_MAX = 1 << 22;

/** Slots, or chunks, by the references of a log. */
class NumbersByRef {
  private dense = new Uint32Array(4096);
  private readonly sparse = new Map<number, number>();

  /** 0 where there is none. */
  get(ref: number): number {
    return ref < this.dense.length ? this.dense[ref] : (this.sparse.get(ref) ?? 0);
  }

  *values(): Generator<number> {
    for (const number of this.dense) if (number !== 0) yield number;
    yield* this.sparse.values();
  }

  set(ref: number, number: number): void {
    if (ref >= this.dense.length && ref < DENSE_MAX) {
      const bigger = new Uint32Array(Math.min(DENSE_MAX, ref * 2));
      bigger.set(this.dense);
      this.dense = bigger;
    }
    if (ref < this.dense.length) this.dense[ref] = number;
    else this.sparse.set(ref, number);
  }
}

/** Fills the head from a log: the series, the samples that are not in blocks yet, the deletions. */
export class HeadReplay implements ReplaySink {
  /** References other than the one that its series goes by: the log still needs their records. */
  readonly aliases: number[] = [];
  private readonly slots = new NumbersByRef();
  /** The newest chunk in files, until the log names its series. */
  private readonly chunks = new NumbersByRef();

  constructor(
    private readonly head: Head,
    private readonly exemplarStorage?: ExemplarStorage,
  ) {}

  /** Takes a chunk from a file, before the log. @returns why it cannot be right, or undefined */
  diskChunk({ ref, minTime, maxTime, encoding }: EntryMeta, place: ChunkPlace): string | undefined {
    const { head, chunks } = this;
    this.seen(ref);
    // Late samples are taken from their log.
    if (!isKnownEncoding(encoding) || maxTime < head.minValidTime) return undefined;
    const previous = chunks.get(ref);
    if (
      !(minTime <= maxTime && maxTime - minTime <= SPAN_MAX) ||
      (previous !== 0 && !head.endsBefore(previous, minTime))
    ) {
      return `the chunk of series ${ref} from ${minTime} to ${maxTime} is out of order`;
    }
    chunks.set(ref, head.adoptChunk({ minTime, maxTime, encoding, previous }, place));
    return undefined;
  }

  /** Call when all logs are read: forgets chunks of series that the log does not know, and deletions with nothing to hide. */
  finish(): void {
    this.head.forgetDeleted(this.head.minValidTime);
    for (const chunk of this.chunks.values()) this.head.dropChunks(chunk);
  }

  series(ref: number, labels: Labels): void {
    const { head } = this;
    let slot = head.series.find(labels);
    if (slot === 0) slot = head.createSeries(labels, ref);
    else if (head.series.walRefs[slot] !== ref) this.aliases.push(ref);
    this.know(ref, slot);
  }

  /** A series of a snapshot, with the label symbols `key[0, size)`. @returns its slot. @throws RangeError where there are two */
  knownSeries(ref: number, key: Uint32Array, size: number): number {
    const { head } = this;
    if (head.series.findSymbols(key, size) !== 0) throw new RangeError(`series ${ref} is there twice`);
    const slot = head.createFromSymbols(key, size, ref);
    this.know(ref, slot);
    return slot;
  }

  private know(ref: number, slot: number): void {
    this.slots.set(ref, slot);
    this.seen(ref);
    const chunk = this.chunks.get(ref);
    if (chunk === 0) return;
    this.chunks.set(ref, 0);
    this.head.attachChunks(slot, chunk);
  }

  samples(batch: SampleBatch): number {
    return batch.starts ? this.started(batch, batch.starts) : this.runs(batch);
  }

  private started({ refs, times, bits, length }: SampleBatch, starts: ArrayLike<number>): number {
    const { head } = this;
    let unknown = 0;
    for (let i = 0; i < length; i++) {
      const slot = this.slots.get(refs[i]);
      if (slot === 0) {
        this.seen(refs[i]);
        unknown++;
      } else if (times[i] > head.lastTime[slot] && times[i] >= head.minValidTime) {
        head.appendWithStart(slot, times[i], bits[2 * i], bits[2 * i + 1], starts[i]);
      }
    }
    return unknown;
  }

  private runs({ refs, times, bits, length }: SampleBatch): number {
    const run = { times, bits };
    let unknown = 0;
    for (let from = 0, to = 0; from < length; from = to) {
      const ref = refs[from];
      do to++;
      while (to < length && refs[to] === ref);
      const slot = this.slots.get(ref);
      if (slot !== 0) this.head.appendRun(slot, run, from, to);
      else {
        this.seen(ref);
        unknown += to - from;
      }
    }
    return unknown;
  }

  tombstones(tombstones: readonly Tombstone[]): number {
    let unknown = 0;
    for (const { ref, minTime, maxTime } of tombstones) {
      const slot = this.slots.get(ref);
      if (slot === 0) unknown++;
      else this.head.delete(slot, minTime, maxTime); // even before `minValidTime`: late samples may lie there
    }
    return unknown;
  }

  exemplars(exemplars: readonly LoggedExemplar[]): number {
    let unknown = 0;
    const halves = new Uint32Array(2);
    const value = new Float64Array(halves.buffer);
    for (const { ref, time, low, high, labels } of exemplars) {
      const slot = this.slots.get(ref);
      if (slot === 0) unknown++;
      else {
        halves[0] = low;
        halves[1] = high;
        this.exemplarStorage?.add(this.head.series.labels(slot), { labels, value: value[0], time, hasTime: false });
      }
    }
    return unknown;
  }

  histograms(histograms: readonly LoggedHistogram[]): number {
    const { head } = this;
    let unknown = 0;
    for (const { ref, time, histogram } of histograms) {
      const slot = this.slots.get(ref);
      if (slot === 0) {
        this.seen(ref);
        unknown++;
      } else if (time > head.lastTime[slot] && time >= head.minValidTime) {
        head.appendHistogramInOrder(slot, time, histogram);
      }
    }
    return unknown;
  }

  /** What replays the `wbl/` of the same directory, after its log. */
  late(): ReplaySink {
    const { head, slots } = this;
    return {
      series: () => {},
      samples: ({ refs, times, bits, length }) => {
        let unknown = 0;
        for (let i = 0; i < length; i++) {
          const slot = slots.get(refs[i]);
          if (slot === 0) unknown++;
          else head.late.add(slot, times[i], bits[2 * i], bits[2 * i + 1]);
        }
        return unknown;
      },
      histograms: (histograms) => {
        let unknown = 0;
        for (const { ref, time, histogram } of histograms) {
          const slot = slots.get(ref);
          if (slot === 0) unknown++;
          else head.late.addHistogram(slot, time, histogram);
        }
        return unknown;
      },
    };
  }

  /** A reference is never given out again: what is logged of a series that is gone must not become another's. */
  private seen(ref: number): void {
    if (ref > this.head.series.lastWalRef) this.head.series.lastWalRef = ref;
  }
}
