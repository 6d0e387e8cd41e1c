import { copyInto } from '../head/chunks.ts';

const NONE = 0xffff_ffff;
const LOG_BLOCK = 64 * 1024;
/** How many references are sorted into lists in one pass over the log. */
const PASS_REFS_MIN = 1024 * 1024;

/** A label pair as symbol numbers, and how many series carry it. */
export interface PairUse {
  readonly name: number;
  readonly value: number;
  readonly count: number;
}

/**
 * Collects which series carry which label pair, in typed arrays: a log of pair ids in the order of series, 4 bytes a
 * label, from which the lists are sorted out at the end, a bounded number of references at a time.
 */
export class PostingsBuilder {
  /** Series references in the order they were added. */
  private refs = new Uint32Array(1024);
  private series = 0;
  /** For each series the number of its pairs, then their ids; in blocks, so that growing copies nothing. */
  private readonly log: Uint32Array[] = [];
  private logLength = 0;
  // By pair id.
  private names = new Uint32Array(1024);
  private values = new Uint32Array(1024);
  private counts = new Uint32Array(1024);
  private pairs = 0;
  /** Open addressing: pair id + 1, 0 where free. */
  private slots = new Uint32Array(4096);
  private sorted: Uint32Array | undefined;

  get seriesCount(): number {
    return this.series;
  }

  /** References of all series. */
  all(): Uint32Array {
    return this.refs.subarray(0, this.series);
  }

  add(ref: number, pairs: Uint32Array, pairCount: number): void {
    if (this.series === this.refs.length) this.refs = copyInto(new Uint32Array(this.series * 2), this.refs);
    this.refs[this.series++] = ref;
    this.push(pairCount);
    for (let i = 0; i < 2 * pairCount; i += 2) {
      const id = this.pairId(pairs[i], pairs[i + 1]);
      this.counts[id]++;
      this.push(id);
    }
  }

  /** Visits the pairs sorted by name and value. */
  eachPair(visit: (pair: PairUse) => void): void {
    for (const id of this.ids) {
      visit({ name: this.names[id], value: this.values[id], count: this.counts[id] });
    }
  }

  /** Visits the lists in the order of `eachPair`; a list is valid during the visit. */
  eachList(visit: (list: Uint32Array) => void): void {
    const { ids } = this;
    const passRefs = Math.max(PASS_REFS_MIN, this.series);
    const sorted = new Uint32Array(passRefs);
    const next = new Uint32Array(this.pairs).fill(NONE);
    for (let first = 0; first < ids.length; ) {
      let end = first;
      let used = 0;
      for (; end < ids.length && used + this.counts[ids[end]] <= passRefs; end++) {
        next[ids[end]] = used;
        used += this.counts[ids[end]];
      }
      this.sortOut(sorted, next);
      for (let i = first; i < end; i++) {
        const to = next[ids[i]];
        visit(sorted.subarray(to - this.counts[ids[i]], to));
        next[ids[i]] = NONE;
      }
      first = end;
    }
  }

  /** One pass over the log: each reference goes where `next` of its pair says, unless that is NONE. */
  private sortOut(sorted: Uint32Array, next: Uint32Array): void {
    let series = -1;
    let left = 0;
    for (let i = 0; i < this.logLength; i++) {
      const entry = this.log[Math.floor(i / LOG_BLOCK)][i % LOG_BLOCK];
      if (left === 0) {
        series++;
        left = entry;
        continue;
      }
      left--;
      if (next[entry] !== NONE) sorted[next[entry]++] = this.refs[series];
    }
  }

  /** Pair ids in the order of lists; no series may be added after. */
  private get ids(): Uint32Array {
    this.sorted ??= this.sortedIds();
    return this.sorted;
  }

  /** Pair ids by name and value: numbers sort faster than a comparison function, so both are put into one. */
  private sortedIds(): Uint32Array {
    const names = [...new Set(this.names.subarray(0, this.pairs))].sort((a, b) => a - b);
    const rank = new Map(names.map((name, i) => [name, i]));
    const keys = new Float64Array(this.pairs);
    for (let id = 0; id < this.pairs; id++) {
      keys[id] = (rank.get(this.names[id]) as number) * 0x1_0000_0000 + this.values[id];
    }
    keys.sort();
    return Uint32Array.from(keys, (key) => {
      const name = names[Math.floor(key / 0x1_0000_0000)];
      return this.slots[this.slotOf(name, key % 0x1_0000_0000)] - 1;
    });
  }

  private push(entry: number): void {
    const at = this.logLength++ % LOG_BLOCK;
    if (at === 0) this.log.push(new Uint32Array(LOG_BLOCK));
    this.log[this.log.length - 1][at] = entry;
  }

  private pairId(name: number, value: number): number {
    const slot = this.slotOf(name, value);
    if (this.slots[slot] !== 0) return this.slots[slot] - 1;
    if (this.pairs === this.names.length) this.growPairs();
    const id = this.pairs++;
    this.names[id] = name;
    this.values[id] = value;
    this.slots[slot] = id + 1;
    if (this.pairs * 2 > this.slots.length) this.growSlots();
    return id;
  }

  private slotOf(name: number, value: number): number {
    const mask = this.slots.length - 1;
    let hash = Math.imul(value, 0x9e3779b1) ^ Math.imul(name, 0x85ebca6b);
    hash ^= hash >>> 15;
    let slot = hash & mask;
    for (; this.slots[slot] !== 0; slot = (slot + 1) & mask) {
      const id = this.slots[slot] - 1;
      if (this.names[id] === name && this.values[id] === value) break;
    }
    return slot;
  }

  private growPairs(): void {
    const size = this.pairs * 2;
    this.names = copyInto(new Uint32Array(size), this.names);
    this.values = copyInto(new Uint32Array(size), this.values);
    this.counts = copyInto(new Uint32Array(size), this.counts);
  }

  private growSlots(): void {
    this.slots = new Uint32Array(this.slots.length * 2);
    for (let id = 0; id < this.pairs; id++) this.slots[this.slotOf(this.names[id], this.values[id])] = id + 1;
  }
}
