import { compareStrings, type Labels, type Matcher, type SampleColumns } from '@avalanche/model';
import type { Block } from '../block/block.ts';
import { SeriesEntry } from '../block/series-entry.ts';
import type { Head } from '../head/head.ts';
import type { Reader } from '../readers.ts';
import { mergeRuns } from './merge-columns.ts';
import { intersect, type Refs } from './refs.ts';
import { type LabelIndex, selectRefs } from './select.ts';

/** One series of a querier: labels now, samples on request. */
export interface SelectedSeries {
  readonly labels: Labels;
  /**
   * Appends the samples with minTime ≤ t ≤ maxTime to `into`, in order of time, and returns how many.
   * @throws BlockCorruption, UnsupportedChunk
   */
  read(minTime: number, maxTime: number, into: SampleColumns): number;
}

/** What a view reads from. */
export interface ViewSources {
  readonly head: Head;
  /** Oldest first; kept open by the view. */
  readonly blocks: readonly Block[];
  readonly reader: Reader;
  /** Called once, at the end. */
  readonly release: () => void;
}

const SLICE_MS = 8;

/**
 * The database as it is at one moment: all that is read through it shows the same commits, whole ones only. Blocks and
 * head are held until it is closed.
 */
export class TsdbView {
  /** What is older is in blocks, even where the head still has it. */
  readonly headFrom: number;
  private closed = false;

  constructor(readonly sources: ViewSources) {
    this.headFrom = sources.head.minValidTime;
    for (const block of sources.blocks) block.retain();
  }

  /** Reads of a time range in milliseconds, both ends included. */
  querier(minTime: number, maxTime: number): TsdbQuerier {
    return new TsdbQuerier(this, minTime, maxTime, () => {});
  }

  /** Idempotent. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    for (const block of this.sources.blocks) block.release();
    this.sources.release();
  }
}

/** Reads of one time range over head and blocks. */
export class TsdbQuerier {
  private readonly head: Head;
  /** Those that overlap the range, oldest first. */
  private readonly blocks: readonly Block[];
  private readonly headFrom: number;
  private readonly entry = new SeriesEntry();

  /** @param release is called at the end, perhaps more than once */
  constructor(
    private readonly view: TsdbView,
    private readonly minTime: number,
    private readonly maxTime: number,
    private readonly release: () => void,
  ) {
    const { head, blocks } = view.sources;
    this.head = head;
    this.blocks = blocks.filter(({ meta }) => meta.minTime <= maxTime && meta.maxTime > minTime);
    this.headFrom = Math.max(minTime, view.headFrom);
  }

  /** The series that match and have samples in the range, sorted by labels. */
  async select(matchers: readonly Matcher[]): Promise<readonly SelectedSeries[]> {
    const fromHead = this.selectFromHead(matchers); // before any other turn of the event loop
    const lists: SelectedSeries[][] = [];
    const slice = new Slice();
    for (const block of this.blocks) {
      const list: SelectedSeries[] = [];
      for (const ref of selectRefs(new BlockIndex(block), matchers)) {
        if (slice.isOver()) await slice.next();
        const labels = this.labelsInRange(block, ref);
        if (labels) list.push(new BlockSeries(labels, block, ref));
      }
      lists.push(list);
    }
    return mergeByLabels([...lists, fromHead]);
  }

  /** The label sets alone, sorted. */
  async series(matchers: readonly Matcher[]): Promise<Labels[]> {
    return (await this.select(matchers)).map(({ labels }) => labels);
  }

  /** Sorted label names of the series that match any of the matcher sets; of all series where there are none. */
  async labelNames(matcherSets: readonly (readonly Matcher[])[]): Promise<string[]> {
    const names = new Set<string>();
    if (matcherSets.length === 0) {
      for (const name of this.head.postings.labelNames()) names.add(name);
      for (const block of this.blocks) for (const name of block.index.labelNames()) names.add(name);
    }
    for (const matchers of matcherSets) {
      for (const labels of await this.series(matchers)) for (const [name] of labels.entries()) names.add(name);
    }
    return [...names].sort(compareStrings);
  }

  /** Sorted values of one label over the series that match any of the matcher sets; over all where there are none. */
  async labelValues(name: string, matcherSets: readonly (readonly Matcher[])[]): Promise<string[]> {
    const values = new Set<string>();
    const { head, blocks } = this;
    const indices: LabelIndex[] = [head.postings, ...blocks.map((block) => new BlockIndex(block))];
    const slice = new Slice();
    for (const index of indices) {
      const sets = matcherSets.map((matchers) => selectRefs(index, matchers).slice());
      for (const value of index.values(name)) {
        if (values.has(value)) continue;
        if (slice.isOver()) await slice.next();
        if (sets.length === 0 || haveCommon(index.postings(name, value), sets)) values.add(value);
      }
    }
    return [...values].sort(compareStrings);
  }

  /** Idempotent. */
  close(): void {
    this.release();
  }

  private selectFromHead(matchers: readonly Matcher[]): SelectedSeries[] {
    const { head, maxTime } = this;
    const { reader } = this.view.sources;
    const list: SelectedSeries[] = [];
    const hasLate = head.late.size > 0 || head.lateFrozen !== null;
    const from = hasLate ? this.minTime : this.headFrom;
    if (from > maxTime) return list;
    reader.catchUp();
    for (const slot of head.select(matchers)) {
      const seenUntil = reader.seenUntil(slot, head.lastTime[slot]);
      if (head.hasSamples(slot, from, Math.min(maxTime, seenUntil))) {
        list.push(new HeadSeries(head, slot, from, seenUntil));
      }
    }
    return list.sort((a, b) => a.labels.compare(b.labels));
  }

  private labelsInRange({ index }: Block, ref: number): Labels | undefined {
    const { entry, minTime, maxTime } = this;
    index.readSeries(ref, entry);
    for (let i = 0; i < entry.chunkCount; i++) {
      if (entry.minTime[i] <= maxTime && entry.maxTime[i] >= minTime) return index.labelsOf(entry);
    }
    return undefined;
  }
}

/** A series of the head up to a moment: what was committed later does not show. */
class HeadSeries implements SelectedSeries {
  readonly labels: Labels;
  private readonly ref: number;

  constructor(
    private readonly head: Head,
    private readonly slot: number,
    private readonly from: number,
    private readonly seenUntil: number,
  ) {
    this.labels = head.series.labels(slot);
    this.ref = head.series.refs[slot];
  }

  read(minTime: number, maxTime: number, into: SampleColumns): number {
    if (this.head.series.refs[this.slot] !== this.ref) return 0;
    return this.head.read(this.slot, Math.max(minTime, this.from), Math.min(maxTime, this.seenUntil), into);
  }
}

class BlockSeries implements SelectedSeries {
  constructor(
    readonly labels: Labels,
    private readonly block: Block,
    private readonly ref: number,
  ) {}

  read(minTime: number, maxTime: number, into: SampleColumns): number {
    return this.block.read(this.ref, minTime, maxTime, into);
  }
}

/** The same series in several places, oldest first; where two have a sample of one time, that of the first is taken. */
class MergedSeries implements SelectedSeries {
  constructor(
    readonly labels: Labels,
    private readonly parts: readonly SelectedSeries[],
  ) {}

  read(minTime: number, maxTime: number, into: SampleColumns): number {
    const from = into.length;
    for (const part of this.parts) {
      const middle = into.length;
      part.read(minTime, maxTime, into);
      mergeRuns(into, from, middle);
    }
    return into.length - from;
  }
}

/** Merges lists that are each sorted by labels; a series in several of them becomes one. */
function mergeByLabels(lists: readonly (readonly SelectedSeries[])[]): readonly SelectedSeries[] {
  const filled = lists.filter((list) => list.length > 0);
  if (filled.length <= 1) return filled[0] ?? [];
  const half = filled.length >> 1;
  return mergeTwo(mergeByLabels(filled.slice(0, half)), mergeByLabels(filled.slice(half)));
}

function mergeTwo(a: readonly SelectedSeries[], b: readonly SelectedSeries[]): SelectedSeries[] {
  const out: SelectedSeries[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    const order = a[i].labels.compare(b[j].labels);
    if (order < 0) out.push(a[i++]);
    else if (order > 0) out.push(b[j++]);
    else out.push(new MergedSeries(a[i].labels, [a[i++], b[j++]]));
  }
  while (i < a.length) out.push(a[i++]);
  while (j < b.length) out.push(b[j++]);
  return out;
}

/** The index of a block as matchers need it. */
export class BlockIndex implements LabelIndex {
  constructor(private readonly block: Block) {}

  all(): Refs {
    return this.block.index.all();
  }

  values(name: string): Iterable<string> {
    return this.block.index.labelValues(name);
  }

  postings(name: string, value: string): Refs {
    return this.block.index.postings(name, value);
  }
}

function haveCommon(refs: Refs, sets: readonly Refs[]): boolean {
  return sets.some((set) => intersect(refs, set).length > 0);
}

/** Counts the time between two turns of the event loop. */
class Slice {
  private end = performance.now() + SLICE_MS;
  private calls = 0;

  isOver(): boolean {
    return (++this.calls & 31) === 0 && performance.now() > this.end;
  }

  async next(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.end = performance.now() + SLICE_MS;
  }
}
