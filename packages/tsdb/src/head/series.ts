import { Labels } from '@avalanche/model';
import { copyInto } from './chunks.ts';
import { Symbols } from './symbols.ts';

/** A reference is `generation << SLOT_BITS | slot`: 16 million series at once, and 31 bits in all. */
const SLOT_BITS = 24;
const SLOT_MASK = (1 << SLOT_BITS) - 1;
const GENERATIONS = 128;
/** Label sets that were asked for lately are kept as objects, one for each remainder of the slot. */
const LABELS_KEPT = 8192;

/** The slot part of a series reference. It holds the series only where `SeriesTable.refs` has that same reference. */
export function slotOf(ref: number): number {
  return ref & SLOT_MASK;
}

/**
 * The labels of every series of the head, as symbols in one arena, and the way from labels to series.
 *
 * A series lives in a slot, the index of all columns of the head. Slots are used again after a series is collected,
 * one collection later and under another generation, so that a reference kept elsewhere never becomes another series'.
 */
export class SeriesTable {
  readonly symbols = new Symbols();
  /** The highest slot in use; slot 0 is none. */
  highestSlot = 0;
  /** Series that exist. */
  size = 0;
  /** By slot: the reference of the series that lives there, 0 where none does. */
  refs = new Uint32Array(1024);
  /** By slot: the reference by which the log knows the series. */
  walRefs = new Float64Array(1024);
  /** The highest reference that any log record has used. */
  lastWalRef = 0;
  private generation = new Uint8Array(1024);
  private start = new Uint32Array(1024);
  private labelCount = new Uint16Array(1024);
  private arena = new Uint32Array(16 * 1024);
  private arenaUsed = 0;
  private arenaWasted = 0;
  private readonly free: number[] = [];
  private readonly kept = new Array<Labels>(LABELS_KEPT).fill(Labels.EMPTY);
  private readonly keptFor = new Uint32Array(LABELS_KEPT);
  /** Slots that were emptied since the last collection: readers and appenders may still hold their references. */
  private quarantine: number[] = [];
  /** Open addressing by labels: a slot each, 0 where free. Slots of removed series stay until the next rebuild. */
  private table = new Uint32Array(4096);
  private occupied = 0;
  private scratch = new Uint32Array(64);

  /** The slot of the series with exactly these labels, or 0. */
  find(labels: Labels): number {
    const { pairs } = labels;
    const key = this.scratchFor(pairs.length);
    for (let i = 0; i < pairs.length; i++) {
      const symbol = this.symbols.find(pairs[i]);
      if (symbol < 0) return 0;
      key[i] = symbol;
    }
    return this.table[this.placeOf(key, pairs.length)];
  }

  /** Adds a series that is not there yet and returns its slot. `walRef` is what a replayed log calls it. */
  add(labels: Labels, walRef = this.lastWalRef + 1): number {
    const { pairs } = labels;
    const key = this.scratchFor(pairs.length);
    for (let i = 0; i < pairs.length; i++) key[i] = this.symbols.intern(pairs[i]);
    return this.addSymbols(key, pairs.length, walRef);
  }

  /** The slot of the series with the label symbols `key[0, size)`, or 0. */
  findSymbols(key: Uint32Array, size: number): number {
    return this.table[this.placeOf(key, size)];
  }

  /** As `add`, of label symbols. */
  addSymbols(key: Uint32Array, size: number, walRef: number): number {
    if ((this.occupied + 1) * 2 > this.table.length) this.rebuildTable(this.size * 4);
    const slot = this.free.pop() ?? this.nextSlot();
    if (this.arenaUsed + size > this.arena.length) {
      this.arena = copyInto(new Uint32Array(Math.ceil(this.arena.length * 1.5) + size), this.arena);
    }
    const start = this.arenaUsed;
    for (let i = 0; i < size; i++) this.arena[start + i] = key[i];
    this.start[slot] = start;
    this.labelCount[slot] = size >> 1;
    this.arenaUsed += size;
    this.refs[slot] = (this.generation[slot] << SLOT_BITS) | slot;
    this.walRefs[slot] = walRef;
    this.lastWalRef = Math.max(this.lastWalRef, walRef);
    this.table[this.placeOf(key, size)] = slot;
    this.occupied++;
    this.size++;
    return slot;
  }

  /** Forgets the series in `slot`; `tidy` makes its room free again. */
  remove(slot: number): void {
    this.refs[slot] = 0;
    this.generation[slot] = (this.generation[slot] + 1) % GENERATIONS;
    this.arenaWasted += this.labelCount[slot] * 2;
    this.quarantine.push(slot);
    this.size--;
  }

  /**
   * After series were removed: frees the slots of the removals before these, their symbols and their label room.
   * Call when the postings hold no removed slot any more.
   */
  tidy(): void {
    const emptied = this.quarantine;
    this.quarantine = [];
    for (const slot of this.freedNext) this.free.push(slot);
    this.freedNext = emptied;
    if (this.arenaWasted * 2 > this.arenaUsed) this.compactArena();
    this.freeSymbols();
    this.rebuildTable(this.size * 3);
  }

  /** Slots freed by the next `tidy`. */
  private freedNext: number[] = [];

  labels(slot: number): Labels {
    const place = slot % LABELS_KEPT;
    if (this.keptFor[place] === this.refs[slot] && this.refs[slot] !== 0) return this.kept[place];
    const labels = this.newLabels(slot);
    this.kept[place] = labels;
    this.keptFor[place] = this.refs[slot];
    return labels;
  }

  private newLabels(slot: number): Labels {
    const size = this.labelCount[slot] * 2;
    const pairs = new Array<string>(size);
    for (let i = 0; i < size; i++) pairs[i] = this.symbols.text(this.arena[this.start[slot] + i]);
    return Labels.fromSortedPairs(pairs);
  }

  /** Name and value symbols in turn, a view that is valid until the next `add`. */
  labelSymbols(slot: number): Uint32Array {
    return this.arena.subarray(this.start[slot], this.start[slot] + this.labelCount[slot] * 2);
  }

  /** The place in the table of these label symbols, or the free one where they belong. */
  private placeOf(key: Uint32Array, size: number): number {
    const mask = this.table.length - 1;
    let place = hashSymbols(key, 0, size) & mask;
    while (this.table[place] !== 0 && !this.hasLabels(this.table[place], key, size)) place = (place + 1) & mask;
    return place;
  }

  private hasLabels(slot: number, key: Uint32Array, size: number): boolean {
    if (this.refs[slot] === 0 || this.labelCount[slot] * 2 !== size) return false;
    const start = this.start[slot];
    for (let i = 0; i < size; i++) if (this.arena[start + i] !== key[i]) return false;
    return true;
  }

  private scratchFor(size: number): Uint32Array {
    if (size > this.scratch.length) this.scratch = new Uint32Array(size * 2);
    return this.scratch;
  }

  /** @param entries how many the table must be able to hold without filling up */
  private rebuildTable(entries: number): void {
    let size = 4096;
    while (size < entries) size *= 2;
    this.table = new Uint32Array(size);
    this.occupied = this.size;
    const mask = size - 1;
    for (let slot = 1; slot <= this.highestSlot; slot++) {
      if (this.refs[slot] === 0) continue;
      let place = hashSymbols(this.arena, this.start[slot], this.labelCount[slot] * 2) & mask;
      while (this.table[place] !== 0) place = (place + 1) & mask;
      this.table[place] = slot;
    }
  }

  private compactArena(): void {
    const arena = new Uint32Array(Math.max(16 * 1024, Math.ceil((this.arenaUsed - this.arenaWasted) * 1.25)));
    let used = 0;
    for (let slot = 1; slot <= this.highestSlot; slot++) {
      if (this.refs[slot] === 0) continue;
      arena.set(this.labelSymbols(slot), used);
      this.start[slot] = used;
      used += this.labelCount[slot] * 2;
    }
    this.arena = arena;
    this.arenaUsed = used;
    this.arenaWasted = 0;
  }

  private freeSymbols(): void {
    const used = new Uint8Array(this.symbols.capacity);
    for (let slot = 1; slot <= this.highestSlot; slot++) {
      if (this.refs[slot] === 0) continue;
      const end = this.start[slot] + this.labelCount[slot] * 2;
      for (let i = this.start[slot]; i < end; i++) used[this.arena[i]] = 1;
    }
    this.symbols.keep(used);
  }

  private nextSlot(): number {
    if (this.highestSlot === SLOT_MASK) throw new RangeError(`the head holds ${SLOT_MASK} series, the most it can`);
    const slot = ++this.highestSlot;
    if (slot === this.refs.length) this.grow();
    return slot;
  }

  private grow(): void {
    const size = this.refs.length * 2;
    this.refs = copyInto(new Uint32Array(size), this.refs);
    this.walRefs = copyInto(new Float64Array(size), this.walRefs);
    this.generation = copyInto(new Uint8Array(size), this.generation);
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
