import { NO_LINES, SampleLines, type SampleParser } from '@avalanche/exposition';

/** What stands behind a cached series instead of a reference. */
export const REF_UNKNOWN = 0;
/** Metric relabelling drops this series. */
export const REF_DROPPED = -1;

/**
 * What a target's last good body looked like, and the series reference that each of its series stands for. The next
 * body is walked beside it, byte by byte the same, without parsing or hashing (design.md 6.5); a series that stands
 * somewhere else is found by a hash table, made when the first one is looked for.
 *
 * Columns by slot; a slot is one series text. Slots are numbered in the order of the last good body, whose bytes hold
 * the texts; those that a scrape finds follow after them, and stay if it succeeds. A series that the last good body
 * does not have is forgotten, as upstream forgets it.
 */
export class ScrapeCache {
  /** Series reference, REF_UNKNOWN or REF_DROPPED. */
  refs = new Int32Array(0);
  /** The scrape in which the slot was last seen, 0 where its series has ended. */
  seenIn = new Uint32Array(0);
  /** Slots in use. */
  size = 0;
  /** Number of the current scrape, from 1. */
  scrape = 0;
  /** What the body is expected to look like, line `place` next. */
  expected: SampleLines = NO_LINES;
  place = 0;
  /** What `slotOf` gave last. */
  lastSlot = 0;
  private readonly last = new SampleLines();
  private lastFormat = '';
  private format = '';
  private lastSize = 0;
  private work: Workspace | undefined = undefined;

  /**
   * @param format series of bodies of different ones are not compared
   * @param describeAll whether comments that are the same as in the last body are to be parsed all the same
   */
  begin(parser: SampleParser, format: string, describeAll: boolean): void {
    this.scrape++;
    this.place = 0;
    this.format = format;
    this.expected = describeAll || format !== this.lastFormat ? NO_LINES : this.last;
    this.work = takeWorkspace();
    this.work.lines.open(parser.body, parser.size);
  }

  /** The parser has moved its series to other bytes, or added some. */
  follow(parser: SampleParser): void {
    this.work?.lines.move(parser.body, parser.size);
  }

  /** The slot of the parser's sample, made if its series is new. */
  slotOf(parser: SampleParser): number {
    const slot = parser.isExpected ? this.expected.slot[this.place++] : this.lookUp(parser);
    (this.work as Workspace).lines.add(parser, slot);
    this.lastSlot = slot;
    return slot;
  }

  /** Closes a good scrape: its body is what the next one is compared with. */
  end(): void {
    const { lines, index } = this.work as Workspace;
    const inOrder = index.size === 0 && lines.length === this.last.length;
    if (!inOrder) this.renumber(lines);
    this.last.copyFrom(lines);
    this.lastFormat = this.format;
    this.lastSize = this.size;
    this.release();
  }

  /** Ends a scrape that failed: all is as after the last good one. */
  abandon(): void {
    this.size = this.lastSize;
    this.release();
  }

  private release(): void {
    if (this.work) returnWorkspace(this.work);
    this.work = undefined;
    this.expected = NO_LINES;
  }

  private lookUp(parser: SampleParser): number {
    const { lines, index } = this.work as Workspace;
    if (index.size === 0) this.indexLast(index);
    const hash = hashOf(parser.body, parser.seriesStart, parser.seriesEnd);
    let place = index.first(hash);
    for (let slot = index.slotAt(place); slot >= 0; slot = index.slotAt(place)) {
      if (index.hash[slot] === hash) {
        const from = slot < this.lastSize ? this.last : lines;
        const line = index.line[slot];
        if (sameSeries(from, line, parser)) {
          // What follows it in the last body is expected next.
          if (from === this.expected) this.place = line + 1;
          return slot;
        }
      }
      place = index.after(place);
    }
    const slot = this.addSlot();
    index.put(place, slot, hash, lines.length);
    return slot;
  }

  private indexLast(index: SlotIndex): void {
    const { last } = this;
    index.reset(this.lastSize);
    let slot = 0;
    for (let line = 0; line < last.length; line++) {
      if (last.slot[line] !== slot) continue; // a series that stood before
      const hash = hashOf(last.body, last.start[line], last.end[line]);
      let place = index.first(hash);
      while (index.slotAt(place) >= 0) place = index.after(place);
      index.put(place, slot++, hash, line);
    }
  }

  private addSlot(): number {
    const slot = this.size++;
    if (slot >= this.refs.length) {
      const size = Math.max(64, slot * 2);
      this.refs = grown(this.refs, new Int32Array(size));
      this.seenIn = grown(this.seenIn, new Uint32Array(size));
    }
    this.refs[slot] = REF_UNKNOWN;
    this.seenIn[slot] = 0;
    return slot;
  }

  /** Numbers slots in the order of `lines` and forgets those that it does not have. */
  private renumber(lines: SampleLines): void {
    const moved = new Int32Array(this.size).fill(-1);
    const order = new Uint32Array(Math.min(this.size, lines.length));
    let size = 0;
    for (let i = 0; i < lines.length; i++) {
      const slot = lines.slot[i];
      if (moved[slot] < 0) {
        order[size] = slot;
        moved[slot] = size++;
      }
      lines.slot[i] = moved[slot];
    }
    const { refs, seenIn } = this;
    this.refs = new Int32Array(size);
    this.seenIn = new Uint32Array(size);
    for (let i = 0; i < size; i++) {
      this.refs[i] = refs[order[i]];
      this.seenIn[i] = seenIn[order[i]];
    }
    this.size = size;
  }
}

/** A hash table from series texts to slots, with linear probing; the texts stay where they are. */
class SlotIndex {
  /** By slot: the hash of its text and the first line that holds it. */
  hash = new Uint32Array(64);
  line = new Uint32Array(64);
  /** How many places the table has; 0 until `reset`. */
  size = 0;
  private table = new Int32Array(128);
  private used = 0;

  /** Empties the table and makes it ready for `slots` slots and some more. */
  reset(slots: number): void {
    let size = 128;
    while (size < slots * 3) size *= 2;
    if (this.table.length < size || this.table.length > size * 8) this.table = new Int32Array(size);
    else this.table.fill(0, 0, size);
    this.size = size;
    this.used = 0;
  }

  first(hash: number): number {
    return hash & (this.size - 1);
  }

  after(place: number): number {
    return (place + 1) & (this.size - 1);
  }

  /** The slot at a place, -1 where it is free. */
  slotAt(place: number): number {
    return this.table[place] - 1;
  }

  /** Puts a slot at a free place; slots come in ascending order. */
  put(place: number, slot: number, hash: number, line: number): void {
    if (slot >= this.hash.length) {
      this.hash = grown(this.hash, new Uint32Array(slot * 2));
      this.line = grown(this.line, new Uint32Array(slot * 2));
    }
    this.hash[slot] = hash;
    this.line[slot] = line;
    this.table[place] = slot + 1;
    if (++this.used * 2 > this.size) this.rebuild();
  }

  private rebuild(): void {
    const slots = this.used;
    this.reset(slots * 2);
    this.used = slots;
    for (let slot = 0; slot < slots; slot++) {
      let place = this.first(this.hash[slot]);
      while (this.table[place] !== 0) place = this.after(place);
      this.table[place] = slot + 1;
    }
  }
}

/** What a scrape needs only while it runs; shared by all targets, which seldom run at once. */
interface Workspace {
  readonly lines: SampleLines;
  readonly index: SlotIndex;
}

const WORKSPACES_MAX = 4;
/** A workspace that a giant body has made larger than this is not kept. */
const LINES_KEPT_MAX = 200_000;
const NO_BYTES = new Uint8Array(0);
const workspaces: Workspace[] = [];

function takeWorkspace(): Workspace {
  return workspaces.pop() ?? { lines: new SampleLines(), index: new SlotIndex() };
}

function returnWorkspace(work: Workspace): void {
  const tooLarge = work.lines.length > LINES_KEPT_MAX;
  work.lines.open(NO_BYTES, 0);
  work.index.size = 0;
  if (!tooLarge && workspaces.length < WORKSPACES_MAX) workspaces.push(work);
}

function sameSeries(lines: SampleLines, line: number, parser: SampleParser): boolean {
  const a = lines.body;
  const b = parser.body;
  const offset = parser.seriesStart - lines.start[line];
  const end = lines.end[line];
  if (end + offset !== parser.seriesEnd) return false;
  for (let i = lines.start[line]; i < end; i++) if (a[i] !== b[i + offset]) return false;
  return true;
}

/** Not to be foreseen, so that no target can make its series collide. */
const HASH_SEED = (Math.random() * 2 ** 32) >>> 0;

function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = HASH_SEED;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}

function grown<T extends { set(from: T): void }>(from: T, to: T): T {
  to.set(from);
  return to;
}
