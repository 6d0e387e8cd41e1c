import { Labels } from '@avalanche/model';
import { copyInto } from './chunks.ts';
import { Symbols } from './symbols.ts';

/**
 * The labels of every series of the head, as symbols in one arena, and the way from labels to series reference.
 * References count from 1 and are never reused while the process runs.
 */
export class SeriesTable {
  readonly symbols = new Symbols();
  /** References handed out so far; also the highest one. */
  count = 0;
  /** 1 where the series exists, 0 where it was never created or has been collected. */
  alive = new Uint8Array(1024);
  private start = new Uint32Array(1024);
  private labelCount = new Uint16Array(1024);
  private arena = new Uint32Array(16 * 1024);
  private arenaUsed = 0;
  /** Open addressing: a series reference a slot, 0 where free. */
  private slots = new Uint32Array(4096);
  private occupied = 0;
  private scratch = new Uint32Array(64);

  /** The series of exactly these labels, or 0. */
  find(labels: Labels): number {
    const { pairs } = labels;
    const key = this.scratchFor(pairs.length);
    for (let i = 0; i < pairs.length; i++) {
      const symbol = this.symbols.find(pairs[i]);
      if (symbol < 0) return 0;
      key[i] = symbol;
    }
    return this.slots[this.slotOf(key, pairs.length)];
  }

  /** Adds a series under the next free reference, or under `ref` where a log being replayed names it. */
  add(labels: Labels, ref = this.count + 1): number {
    while (ref >= this.alive.length) this.growSeries();
    if ((this.occupied + 1) * 2 > this.slots.length) this.growSlots();
    const { pairs } = labels;
    const key = this.scratchFor(pairs.length);
    for (let i = 0; i < pairs.length; i++) key[i] = this.symbols.intern(pairs[i]);
    if (this.arenaUsed + pairs.length > this.arena.length) {
      this.arena = copyInto(new Uint32Array(this.arena.length * 2 + pairs.length), this.arena);
    }
    this.arena.set(key.subarray(0, pairs.length), this.arenaUsed);
    this.start[ref] = this.arenaUsed;
    this.labelCount[ref] = pairs.length >> 1;
    this.arenaUsed += pairs.length;
    this.alive[ref] = 1;
    this.count = Math.max(this.count, ref);
    this.slots[this.slotOf(key, pairs.length)] = ref;
    this.occupied++;
    return ref;
  }

  /** Forgets the series of `refs`. Their arena space is not reclaimed until restart. */
  remove(refs: readonly number[]): void {
    for (const ref of refs) this.alive[ref] = 0;
    this.rebuildSlots(this.slots.length);
  }

  labels(ref: number): Labels {
    const size = this.labelCount[ref] * 2;
    const pairs = new Array<string>(size);
    for (let i = 0; i < size; i++) pairs[i] = this.symbols.text(this.arena[this.start[ref] + i]);
    return Labels.fromSortedPairs(pairs);
  }

  /** Calls `visit` with the name and value symbols of each label of a series. */
  forEachLabel(ref: number, visit: (name: number, value: number) => void): void {
    const end = this.start[ref] + this.labelCount[ref] * 2;
    for (let i = this.start[ref]; i < end; i += 2) visit(this.arena[i], this.arena[i + 1]);
  }

  /** The slot that holds these label symbols, or the free one where they belong. */
  private slotOf(key: Uint32Array, size: number): number {
    const mask = this.slots.length - 1;
    let slot = hashSymbols(key, 0, size) & mask;
    while (this.slots[slot] !== 0 && !this.hasLabels(this.slots[slot], key, size)) slot = (slot + 1) & mask;
    return slot;
  }

  private hasLabels(ref: number, key: Uint32Array, size: number): boolean {
    if (this.labelCount[ref] * 2 !== size) return false;
    const start = this.start[ref];
    for (let i = 0; i < size; i++) if (this.arena[start + i] !== key[i]) return false;
    return true;
  }

  private scratchFor(size: number): Uint32Array {
    if (size > this.scratch.length) this.scratch = new Uint32Array(size * 2);
    return this.scratch;
  }

  private growSlots(): void {
    this.rebuildSlots(this.slots.length * 2);
  }

  private rebuildSlots(size: number): void {
    this.slots = new Uint32Array(size);
    this.occupied = 0;
    const mask = size - 1;
    for (let ref = 1; ref <= this.count; ref++) {
      if (this.alive[ref] === 0) continue;
      let slot = hashSymbols(this.arena, this.start[ref], this.labelCount[ref] * 2) & mask;
      while (this.slots[slot] !== 0) slot = (slot + 1) & mask;
      this.slots[slot] = ref;
      this.occupied++;
    }
  }

  private growSeries(): void {
    const size = this.alive.length * 2;
    this.alive = copyInto(new Uint8Array(size), this.alive);
    this.start = copyInto(new Uint32Array(size), this.start);
    this.labelCount = copyInto(new Uint16Array(size), this.labelCount);
  }
}

/** FNV-1a over the symbols, finished so that the low bits depend on all of them. */
function hashSymbols(symbols: Uint32Array, start: number, size: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < start + size; i++) hash = Math.imul(hash ^ symbols[i], 0x01000193);
  hash ^= hash >>> 15;
  return Math.imul(hash, 0x85ebca6b) >>> 8;
}
