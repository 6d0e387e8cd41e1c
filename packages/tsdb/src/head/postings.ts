import { compareStrings, type Matcher } from '@avalanche/model';
import { NO_REFS, type Refs } from '../query/refs.ts';
import { type LabelIndex, selectRefs } from '../query/select.ts';
import type { SeriesTable } from './series.ts';

const NO_SLOTS = new Uint32Array(0);

/** Slots of series that share a label. New ones nearly always go to the end; where not, the next reader sorts. */
class SlotList {
  private slots = NO_SLOTS;
  private length = 0;
  private sorted = true;

  get size(): number {
    return this.length;
  }

  /** Makes room for `more` slots. */
  reserve(more: number): void {
    const needed = this.length + more;
    if (needed <= this.slots.length) return;
    const bigger = new Uint32Array(Math.max(needed, Math.ceil(this.length * 1.5)));
    bigger.set(this.slots);
    this.slots = bigger;
  }

  add(slot: number): void {
    if (this.length === this.slots.length) this.reserve(2);
    if (this.length > 0 && this.slots[this.length - 1] > slot) this.sorted = false;
    this.slots[this.length++] = slot;
  }

  /** Ascending; valid until the next `add` or `keep`. */
  view(): Refs {
    const view = this.slots.subarray(0, this.length);
    if (!this.sorted) view.sort();
    this.sorted = true;
    return view;
  }

  /** Drops the slots that are empty in `refs`. */
  keep(refs: Uint32Array): void {
    let kept = 0;
    for (let i = 0; i < this.length; i++) if (refs[this.slots[i]] !== 0) this.slots[kept++] = this.slots[i];
    this.length = kept;
    if (kept * 4 < this.slots.length) this.slots = this.slots.slice(0, kept);
  }
}

/** Series that are added together. */
const BATCH = 4096;
/** From so many on it pays to count them first. */
const MANY = 256;

/** Entries between two looks at the clock while the index is cleaned. */
const KEEP_STRIDE = 4096;

/** The inverted index of the head: for each label name and value, the slots of the series that carry it. */
export class Postings implements LabelIndex {
  private readonly byName = new Map<number, Map<number, SlotList>>();
  /** Slots that are not in the lists yet. */
  private readonly waiting = new Uint32Array(BATCH);
  private waitingCount = 0;

  constructor(private readonly series: SeriesTable) {}

  /** Adds all labels of the series in `slot`, with those of others, or when the index is read. */
  add(slot: number): void {
    this.waiting[this.waitingCount++] = slot;
    if (this.waitingCount === BATCH) this.settle();
  }

  all(): Refs {
    const { refs, highestSlot, size } = this.series;
    const all = new Uint32Array(size);
    let n = 0;
    for (let slot = 1; slot <= highestSlot; slot++) if (refs[slot] !== 0) all[n++] = slot;
    return all;
  }

  *values(name: string): Generator<string> {
    this.settle();
    const { symbols } = this.series;
    for (const value of this.valuesOf(name).keys()) yield symbols.text(value);
  }

  postings(name: string, value: string): Refs {
    return this.valuesOf(name).get(this.series.symbols.find(value))?.view() ?? NO_REFS;
  }

  /** Slots of the series that satisfy every matcher, ascending. Some may just have been emptied. */
  select(matchers: readonly Matcher[]): Refs {
    return selectRefs(this, matchers);
  }

  /** Sorted. */
  labelNames(): string[] {
    this.settle();
    return [...this.byName.keys()].map((name) => this.series.symbols.text(name)).sort(compareStrings);
  }

  /** Sorted. */
  labelValues(name: string): string[] {
    return [...this.values(name)].sort(compareStrings);
  }

  /** Drops removed series, and label values and names that none carries any more. Yields between small pieces of work. */
  *dropRemoved(): Generator<void> {
    this.settle();
    let work = 0;
    for (const [name, values] of this.byName) {
      for (const [value, list] of values) {
        work += list.size;
        list.keep(this.series.refs);
        if (list.size === 0) values.delete(value);
        if (work > KEEP_STRIDE) {
          work = 0;
          yield;
        }
      }
      if (values.size === 0) this.byName.delete(name);
    }
  }

  private valuesOf(name: string): ReadonlyMap<number, SlotList> {
    this.settle();
    return this.byName.get(this.series.symbols.find(name)) ?? NO_VALUES;
  }

  /** Puts the waiting slots into their lists. */
  private settle(): void {
    if (this.waitingCount === 0) return;
    if (this.waitingCount >= MANY) this.addTogether();
    else for (let n = 0; n < this.waitingCount; n++) this.addOne(this.waiting[n]);
    this.waitingCount = 0;
  }

  private addOne(slot: number): void {
    const symbols = this.series.labelSymbols(slot);
    for (let i = 0; i < symbols.length; i += 2) this.listOf(symbols[i], symbols[i + 1]).add(slot);
  }

  /**
   * Adds the waiting slots: counted first, so that lists grow once, and with the list of a value found
   * by its symbol alone, as nearly all values are of one name.
   */
  private addTogether(): void {
    const { series, waiting, waitingCount } = this;
    const lists: SlotList[] = [];
    const counts: number[] = [];
    const listOfPair: number[] = [];
    const nameOf = new Uint32Array(series.symbols.capacity);
    const numberOf = new Uint32Array(series.symbols.capacity);
    for (let n = 0; n < waitingCount; n++) {
      const symbols = series.labelSymbols(waiting[n]);
      for (let i = 0; i < symbols.length; i += 2) {
        const name = symbols[i];
        const value = symbols[i + 1];
        if (numberOf[value] === 0 || nameOf[value] !== name) {
          counts.push(0);
          numberOf[value] = lists.push(this.listOf(name, value));
          nameOf[value] = name;
        }
        const number = numberOf[value] - 1;
        counts[number]++;
        listOfPair.push(number);
      }
    }
    for (let i = 0; i < lists.length; i++) lists[i].reserve(counts[i]);
    for (let n = 0, pair = 0; n < waitingCount; n++) {
      for (let i = series.labelSymbols(waiting[n]).length; i > 0; i -= 2) lists[listOfPair[pair++]].add(waiting[n]);
    }
  }

  private listOf(name: number, value: number): SlotList {
    let values = this.byName.get(name);
    if (!values) {
      values = new Map();
      this.byName.set(name, values);
    }
    let list = values.get(value);
    if (!list) {
      list = new SlotList();
      values.set(value, list);
    }
    return list;
  }
}

const NO_VALUES: ReadonlyMap<number, SlotList> = new Map();
