import { compareStrings, type Matcher } from '@avalanche/model';
import type { Symbols } from './symbols.ts';

type Refs = Uint32Array;

/** Ascending series references; new ones nearly always go to the end. */
class RefList {
  private refs = new Uint32Array(4);
  private length = 0;

  add(ref: number): void {
    if (this.length === this.refs.length) {
      const bigger = new Uint32Array(this.length * 2);
      bigger.set(this.refs);
      this.refs = bigger;
    }
    let at = this.length++;
    // A log may name series in any order: one that has ended comes after the checkpoint of the living ones.
    for (; at > 0 && this.refs[at - 1] > ref; at--) this.refs[at] = this.refs[at - 1];
    this.refs[at] = ref;
  }

  /** Valid until the next `add` or `keep`. */
  view(): Refs {
    return this.refs.subarray(0, this.length);
  }

  keep(alive: (ref: number) => boolean): void {
    this.refs = this.refs.filter((ref, i) => i < this.length && alive(ref));
    this.length = this.refs.length;
    if (this.length === 0) this.refs = new Uint32Array(1);
  }
}

/** The inverted index of the head: for each label name and value, the series that carry it. */
export class Postings {
  private readonly byName = new Map<number, Map<number, RefList>>();
  private readonly everything = new RefList();

  constructor(private readonly symbols: Symbols) {}

  /** Adds a label of a series; cheap where references come in ascending order. */
  add(ref: number, name: number, value: number): void {
    let values = this.byName.get(name);
    if (!values) {
      values = new Map();
      this.byName.set(name, values);
    }
    let list = values.get(value);
    if (!list) {
      list = new RefList();
      values.set(value, list);
    }
    list.add(ref);
  }

  addSeries(ref: number): void {
    this.everything.add(ref);
  }

  all(): Refs {
    return this.everything.view();
  }

  labelNames(): string[] {
    return [...this.byName.keys()].map((name) => this.symbols.text(name)).sort(compareStrings);
  }

  labelValues(name: string): string[] {
    const values = this.byName.get(this.symbols.find(name));
    return values ? [...values.keys()].map((value) => this.symbols.text(value)).sort(compareStrings) : [];
  }

  /** How many series carry each value of a label name. */
  valueCounts(name: string): { readonly value: string; readonly series: number }[] {
    const values = this.byName.get(this.symbols.find(name)) ?? new Map<number, RefList>();
    return [...values].map(([value, refs]) => ({ value: this.symbols.text(value), series: refs.view().length }));
  }

  /** Drops collected series; label values and names that no series carries any more go too. */
  keep(alive: (ref: number) => boolean): void {
    this.everything.keep(alive);
    for (const [name, values] of this.byName) {
      for (const [value, list] of values) {
        list.keep(alive);
        if (list.view().length === 0) values.delete(value);
      }
      if (values.size === 0) this.byName.delete(name);
    }
  }

  /**
   * The series that satisfy every matcher, ascending. A matcher that accepts the empty string also accepts series
   * without the label: for those, the series with a refused value are subtracted.
   */
  select(matchers: readonly Matcher[]): Refs {
    let result: Refs | undefined;
    const subtract: Matcher[] = [];
    for (const matcher of matchers) {
      if (matcher.matches('')) {
        subtract.push(matcher);
        continue;
      }
      const accepted = this.accepted(matcher);
      result = result ? intersect(result, accepted) : accepted;
      if (result.length === 0) return result;
    }
    result ??= this.all();
    for (const matcher of subtract) {
      const refused = this.union(matcher.name, (value) => !matcher.matches(value));
      if (refused.length > 0) result = difference(result, refused);
    }
    return result;
  }

  private accepted(matcher: Matcher): Refs {
    const exact = matcher.type === '=' ? [matcher.value] : matcher.type === '=~' ? matcher.set : null;
    if (!exact) return this.union(matcher.name, (value) => matcher.matches(value));
    const values = this.byName.get(this.symbols.find(matcher.name));
    if (!values) return new Uint32Array(0);
    const lists: Refs[] = [];
    for (const value of new Set(exact)) {
      const list = values.get(this.symbols.find(value));
      if (list) lists.push(list.view());
    }
    return merge(lists);
  }

  private union(name: string, accepts: (value: string) => boolean): Refs {
    const lists: Refs[] = [];
    for (const [value, list] of this.byName.get(this.symbols.find(name)) ?? []) {
      if (accepts(this.symbols.text(value))) lists.push(list.view());
    }
    return merge(lists);
  }
}

/** The union of lists that have no reference in common (a series has one value of a label). */
function merge(lists: readonly Refs[]): Refs {
  if (lists.length === 1) return lists[0];
  const out = new Uint32Array(lists.reduce((sum, list) => sum + list.length, 0));
  let at = 0;
  for (const list of lists) {
    out.set(list, at);
    at += list.length;
  }
  return out.sort();
}

function intersect(a: Refs, b: Refs): Refs {
  const out = new Uint32Array(Math.min(a.length, b.length));
  let n = 0;
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (a[i] === b[j]) {
      out[n++] = a[i];
      i++;
      j++;
    } else if (a[i] < b[j]) i++;
    else j++;
  }
  return out.subarray(0, n);
}

function difference(a: Refs, b: Refs): Refs {
  const out = new Uint32Array(a.length);
  let n = 0;
  for (let i = 0, j = 0; i < a.length; i++) {
    while (j < b.length && b[j] < a[i]) j++;
    if (b[j] !== a[i]) out[n++] = a[i];
  }
  return out.subarray(0, n);
}
