import { SampleRecord } from './decode.ts';
import type { RecordConsumer } from './log-reader.ts';

/** Samples collected before they are handed on: about 24 bytes each. */
const COLLECTED_MAX = 1 << 19;
/** Samples of a log that may be small. */
const SMALL = 1 << 15;
/** References below this are numbered by an array. */
const DENSE_REFS_MAX = 1 << 24;

/**
 * Collects the samples of many records and hands them on series by series, those of a series in the order of the log.
 * A log goes round all series scrape by scrape; whoever takes it in that order waits for memory at every sample.
 */
export class SampleGrouper {
  /** Samples as they are decoded, one record after the other. */
  readonly collected = new SampleRecord();
  private readonly numbers = new RefNumbers();
  /** By sample: the number of its series. */
  private numberOf = new Uint32Array(0);
  /** The samples in the order of these numbers. */
  private order = new Uint32Array(0);

  /** Whether a series has samples here. Costs a look at each sample, once. */
  holds(ref: number): boolean {
    return this.numbers.isMarked(ref, this.collected);
  }

  /** To be asked before a record is added; a log that is not small gets its room at once. */
  get isFull(): boolean {
    const { collected } = this;
    if (collected.length > SMALL) collected.reserve(COLLECTED_MAX + SMALL);
    return collected.length >= COLLECTED_MAX;
  }

  /** Hands on everything collected, in as many pieces as the columns of the consumer need. Yields in between. */
  *handOn(consumer: Pick<RecordConsumer, 'columns' | 'samples'>): Generator<void> {
    const { collected } = this;
    if (collected.length === 0) return;
    this.number();
    yield;
    sortByNumber(this.numberOf, collected.length, this.numbers.size, this.order);
    yield;
    for (let from = 0; from < collected.length; ) {
      const columns = consumer.columns();
      const to = Math.min(collected.length, from + columns.capacity);
      gather(collected, this.order, from, to, columns);
      consumer.samples(columns);
      from = to;
      yield;
    }
    collected.length = 0;
    this.numbers.unmark();
  }

  private number(): void {
    const { refs, length } = this.collected;
    if (this.order.length < length) {
      this.numberOf = new Uint32Array(refs.length);
      this.order = new Uint32Array(refs.length);
    }
    this.numbers.number(refs, length, this.numberOf);
  }
}

/** A counting sort, which keeps the order of equals: `order` becomes the places of the sorted in `numberOf`. */
function sortByNumber(numberOf: Uint32Array, length: number, numbers: number, order: Uint32Array): void {
  const places = new Uint32Array(numbers + 1);
  for (let i = 0; i < length; i++) places[numberOf[i] + 1]++;
  for (let number = 1; number <= numbers; number++) places[number] += places[number - 1];
  for (let i = 0; i < length; i++) order[places[numberOf[i]]++] = i;
}

/** Copies the samples at `order[from, to)` to `into`. */
function gather(samples: SampleRecord, order: Uint32Array, from: number, to: number, into: SampleRecord): void {
  const { refs, times, bits } = samples;
  const { refs: toRefs, times: toTimes, bits: toBits } = into;
  for (let k = from, at = 0; k < to; k++, at++) {
    const i = order[k];
    toRefs[at] = refs[i];
    toTimes[at] = times[i];
    toBits[2 * at] = bits[2 * i];
    toBits[2 * at + 1] = bits[2 * i + 1];
  }
  into.length = to - from;
}

/** Numbers references in the order in which they are first seen. */
class RefNumbers {
  size = 0;
  /** By reference: its number plus one, 0 where it has none. */
  private dense = new Uint32Array(4096);
  private readonly sparse = new Map<number, number>();
  /** By reference: 1 where it is among the first `markedCount` samples, counted where somebody has asked for any. */
  private marks = new Uint8Array(0);
  private readonly markedFar = new Set<number>();
  private markedCount = 0;

  /** Whether `ref` is among the samples, to which others may have been added since the last call, and none taken away. */
  isMarked(ref: number, { refs, length }: SampleRecord): boolean {
    for (; this.markedCount < length; this.markedCount++) {
      const each = refs[this.markedCount];
      if (each < this.marks.length) this.marks[each] = 1;
      else this.markFar(each);
    }
    return ref < this.marks.length ? this.marks[ref] === 1 : this.markedFar.has(ref);
  }

  unmark(): void {
    if (this.markedCount === 0) return;
    this.marks.fill(0);
    this.markedFar.clear();
    this.markedCount = 0;
  }

  private markFar(ref: number): void {
    if (ref >= DENSE_REFS_MAX) this.markedFar.add(ref);
    else {
      const marks = new Uint8Array(Math.min(DENSE_REFS_MAX, Math.max(4096, ref * 2)));
      marks.set(this.marks);
      marks[ref] = 1;
      this.marks = marks;
    }
  }

  /** Puts the numbers of `refs` into `into`. */
  number(refs: Float64Array, length: number, into: Uint32Array): void {
    let { dense } = this;
    for (let i = 0; i < length; i++) {
      const ref = refs[i];
      const known = ref < dense.length ? dense[ref] : (this.sparse.get(ref) ?? 0);
      if (known > 0) into[i] = known - 1;
      else {
        into[i] = this.add(ref);
        dense = this.dense;
      }
    }
  }

  private add(ref: number): number {
    if (ref >= this.dense.length && ref < DENSE_REFS_MAX) this.grow(ref);
    if (ref < this.dense.length) this.dense[ref] = this.size + 1;
    else this.sparse.set(ref, this.size + 1);
    return this.size++;
  }

  private grow(ref: number): void {
    const dense = new Uint32Array(Math.min(DENSE_REFS_MAX, ref * 2));
    dense.set(this.dense);
    this.dense = dense;
  }
}
