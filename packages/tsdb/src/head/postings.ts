import { compareStrings, type Matcher } from '@avalanche/model';
import { NO_REFS, type Refs } from '../query/refs.ts';
import { type LabelIndex, selectRefs } from '../query/select.ts';
import type { SeriesTable } from './series.ts';

/** Slots of series that share a label. New ones nearly always go to the end; where not, the next reader sorts. */
class SlotList {
  private slots = new Uint32Array(2);
  private length = 0;
  private sorted = true;

  get size(): number {
    return this.length;
  }

  add(slot: number): void {
    if (this.length === this.slots.length) {
      const bigger = new Uint32Array(Math.ceil(this.length * 1.5) + 1);
      bigger.set(this.slots);
      this.slots = bigger;
    }
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

/** Entries between two looks at the clock while the index is cleaned. */
const KEEP_STRIDE = 4096;

/** The inverted index of the head: for each label name and value, the slots of the series that carry it. */
export class Postings implements LabelIndex {
  private readonly byName = new Map<number, Map<number, SlotList>>();

  constructor(private readonly series: SeriesTable) {}

  /** Adds all labels of the series in `slot`. */
  add(slot: number): void {
    const symbols = this.series.labelSymbols(slot);
    for (let i = 0; i < symbols.length; i += 2) this.listOf(symbols[i], symbols[i + 1]).add(slot);
  }

  all(): Refs {
    const { refs, highestSlot, size } = this.series;
    const all = new Uint32Array(size);
    let n = 0;
    for (let slot = 1; slot <= highestSlot; slot++) if (refs[slot] !== 0) all[n++] = slot;
    return all;
  }

  *values(name: string): Generator<string> {
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
    return [...this.byName.keys()].map((name) => this.series.symbols.text(name)).sort(compareStrings);
  }

  /** Sorted. */
  labelValues(name: string): string[] {
    return [...this.values(name)].sort(compareStrings);
  }

  /** How many series carry each value of a label name. */
  valueCounts(name: string): { readonly value: string; readonly series: number }[] {
    const { symbols } = this.series;
    return [...this.valuesOf(name)].map(([value, list]) => ({ value: symbols.text(value), series: list.size }));
  }

  /** Drops removed series, and label values and names that none carries any more. Yields between small pieces of work. */
  *dropRemoved(): Generator<void> {
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
    return this.byName.get(this.series.symbols.find(name)) ?? NO_VALUES;
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
