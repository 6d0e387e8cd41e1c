import { type FloatHistogram, isStaleHistogram, SampleColumns, STALE_HIGH, STALE_LOW } from '@avalanche/model';

/**
 * Samples that came late, within `out_of_order_time_window`: rare, so they lie beside the head's chunks as plain
 * columns by slot, sorted by time, until the next compaction makes blocks of them.
 */
export class OutOfOrderSamples {
  /** Milliseconds; +Infinity and -Infinity while there is none. */
  minTime = Number.POSITIVE_INFINITY;
  maxTime = Number.NEGATIVE_INFINITY;
  /** Samples held. */
  size = 0;
  private readonly bySlot = new Map<number, SampleColumns>();

  /** @returns false where the series has a sample of that time already, which stays */
  add(slot: number, time: number, low: number, high: number): boolean {
    let columns = this.bySlot.get(slot);
    if (!columns) {
      columns = new SampleColumns(8);
      this.bySlot.set(slot, columns);
    }
    const at = firstAtLeast(columns, time);
    if (at < columns.length && columns.t[at] === time) return false;
    columns.reserve(columns.length + 1);
    columns.t.copyWithin(at + 1, at, columns.length);
    columns.bits.copyWithin(2 * at + 2, 2 * at, 2 * columns.length);
    columns.t[at] = time;
    columns.bits[2 * at] = low;
    columns.bits[2 * at + 1] = high;
    columns.length++;
    columns.histograms?.splice(at, 0, undefined);
    this.size++;
    if (time < this.minTime) this.minTime = time;
    if (time > this.maxTime) this.maxTime = time;
    return true;
  }

  /** @returns false where the series has a sample of that time already, which stays */
  addHistogram(slot: number, time: number, histogram: FloatHistogram): boolean {
    if (isStaleHistogram(histogram)) return this.add(slot, time, STALE_LOW, STALE_HIGH);
    if (!this.add(slot, time, 0, 0)) return false;
    const columns = this.bySlot.get(slot) as SampleColumns;
    columns.histograms ??= new Array<undefined>(columns.length).fill(undefined);
    columns.histograms[firstAtLeast(columns, time)] = histogram;
    return true;
  }

  /** Slots of series that have such samples. */
  slots(): Iterable<number> {
    return this.bySlot.keys();
  }

  has(slot: number): boolean {
    return this.bySlot.has(slot);
  }

  overlaps(slot: number, minTime: number, maxTime: number): boolean {
    const columns = this.bySlot.get(slot);
    if (!columns) return false;
    const at = firstAtLeast(columns, minTime);
    return at < columns.length && columns.t[at] <= maxTime;
  }

  /** Appends the samples of one series in the range to `into` and returns how many. */
  read(slot: number, minTime: number, maxTime: number, into: SampleColumns): number {
    const columns = this.bySlot.get(slot);
    if (!columns) return 0;
    const start = firstAtLeast(columns, minTime);
    let end = start;
    while (end < columns.length && columns.t[end] <= maxTime) end++;
    const count = end - start;
    into.reserve(into.length + count);
    into.t.set(columns.t.subarray(start, end), into.length);
    into.bits.set(columns.bits.subarray(2 * start, 2 * end), 2 * into.length);
    if (columns.histograms !== null) {
      into.histograms ??= [];
      for (let i = 0; i < count; i++) into.histograms[into.length + i] = columns.histograms[start + i];
    }
    into.length += count;
    return count;
  }
}

function firstAtLeast(columns: SampleColumns, time: number): number {
  let low = 0;
  let high = columns.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (columns.t[middle] < time) low = middle + 1;
    else high = middle;
  }
  return low;
}
