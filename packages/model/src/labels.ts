import { compareStrings } from './strings.ts';

/** The label that carries the metric name. */
export const METRIC_NAME = '__name__';

/**
 * An immutable label set, sorted by name, without empty values (an empty value means "no such label").
 * Names and values alternate in one flat array: `[name0, value0, name1, value1, …]`.
 */
export class Labels {
  static readonly EMPTY = new Labels([]);

  private cachedKey: string | undefined = undefined;
  private cachedNameless: Labels | undefined = undefined;

  private constructor(
    /** Names and values in turn, sorted by name. Not to be changed. */
    readonly pairs: readonly string[],
  ) {}

  /** Takes over `pairs`, which must be sorted by name, unique and without empty values. */
  static fromSortedPairs(pairs: readonly string[]): Labels {
    return pairs.length === 0 ? Labels.EMPTY : new Labels(pairs);
  }

  /** Builds a set from name/value entries in any order; of a name given twice the last wins. */
  static fromEntries(entries: Iterable<readonly [string, string]>): Labels {
    return Labels.fromMap(new Map(entries));
  }

  static from(record: Readonly<Record<string, string>>): Labels {
    return Labels.fromEntries(Object.entries(record));
  }

  static fromMap(map: ReadonlyMap<string, string>): Labels {
    const names = [...map.keys()].filter((name) => map.get(name) !== '').sort(compareStrings);
    const pairs: string[] = [];
    for (const name of names) pairs.push(name, map.get(name) as string);
    return Labels.fromSortedPairs(pairs);
  }

  get size(): number {
    return this.pairs.length >> 1;
  }

  /** The value of `name`, or `''` where there is no such label. */
  get(name: string): string {
    const pairs = this.pairs;
    for (let i = 0; i < pairs.length; i += 2) if (pairs[i] === name) return pairs[i + 1];
    return '';
  }

  has(name: string): boolean {
    return this.get(name) !== '';
  }

  get metricName(): string {
    return this.get(METRIC_NAME);
  }

  /** A string that is equal for equal label sets only, to key maps by: joined by a lone surrogate, which no UTF-8 text holds. */
  get key(): string {
    this.cachedKey ??= this.pairs.join('\udfff');
    return this.cachedKey;
  }

  /** These labels without the metric name. */
  get nameless(): Labels {
    this.cachedNameless ??= this.without(METRIC_NAME);
    return this.cachedNameless;
  }

  /** A string that is equal for label sets that agree on the labels named, as `keep(...names).key` is, and cheaper. */
  keyOf(names: readonly string[]): string {
    if (names.length === 1) return this.get(names[0]);
    let key = '';
    for (const name of names) key += `${this.get(name)}\udfff`;
    return key;
  }

  /** As `keyOf`, of all labels but the metric name and those named. */
  keyWithout(names: readonly string[]): string {
    if (names.length === 0) return this.nameless.key;
    const { pairs } = this;
    let key = '';
    for (let i = 0; i < pairs.length; i += 2) {
      if (pairs[i] !== METRIC_NAME && !names.includes(pairs[i])) key += `${pairs[i]}\udfff${pairs[i + 1]}\udfff`;
    }
    return key;
  }

  equals(other: Labels): boolean {
    return this === other || this.key === other.key;
  }

  /** Upstream's order: name by name and value by value; a prefix sorts first. */
  compare(other: Labels): number {
    const a = this.pairs;
    const b = other.pairs;
    const n = Math.min(a.length, b.length);
    for (let i = 0; i < n; i++) {
      if (a[i] !== b[i]) return compareStrings(a[i], b[i]);
    }
    return a.length - b.length;
  }

  /** These labels without those named. */
  without(...names: readonly string[]): Labels {
    return this.filter((name) => !names.includes(name));
  }

  /** These labels without all but those named. */
  keep(...names: readonly string[]): Labels {
    return this.filter((name) => names.includes(name));
  }

  filter(keep: (name: string, value: string) => boolean): Labels {
    const out: string[] = [];
    for (let i = 0; i < this.pairs.length; i += 2) {
      if (keep(this.pairs[i], this.pairs[i + 1])) out.push(this.pairs[i], this.pairs[i + 1]);
    }
    return out.length === this.pairs.length ? this : Labels.fromSortedPairs(out);
  }

  /** These labels with `changes` laid over them; an empty value removes a label. */
  with(changes: Readonly<Record<string, string>>): Labels {
    const map = new Map(this.entries());
    for (const [name, value] of Object.entries(changes)) map.set(name, value);
    return Labels.fromMap(map);
  }

  *entries(): IterableIterator<[string, string]> {
    for (let i = 0; i < this.pairs.length; i += 2) yield [this.pairs[i], this.pairs[i + 1]];
  }

  /** These labels with one of them set, or removed where the value is empty. */
  withLabel(name: string, value: string): Labels {
    const { pairs } = this;
    let at = 0;
    while (at < pairs.length && compareStrings(pairs[at], name) < 0) at += 2;
    const there = pairs[at] === name;
    if (value === '' && !there) return this;
    const before = pairs.slice(0, at);
    if (value !== '') before.push(name, value);
    return Labels.fromSortedPairs(before.concat(pairs.slice(there ? at + 2 : at)));
  }

  /** The JSON form of the HTTP APIs: an object in label order. */
  toJSON(): Record<string, string> {
    const { pairs } = this;
    const out: Record<string, string> = {};
    for (let i = 0; i < pairs.length; i += 2) {
      if (pairs[i] === '__proto__') return Object.fromEntries(this.entries());
      out[pairs[i]] = pairs[i + 1];
    }
    return out;
  }

  /** `name{a="b"}` as PromQL writes it; names that are not classic identifiers are quoted inside the braces. */
  toString(): string {
    const name = this.metricName;
    const bareName = name !== '' && /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name);
    const inside: string[] = [];
    if (name !== '' && !bareName) inside.push(JSON.stringify(name));
    for (const [label, value] of this.entries()) {
      if (label === METRIC_NAME) continue;
      const printed = /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(label) ? label : JSON.stringify(label);
      inside.push(`${printed}=${JSON.stringify(value)}`);
    }
    if (inside.length === 0) return bareName ? name : '{}';
    return `${bareName ? name : ''}{${inside.join(', ')}}`;
  }
}
