import { compareStrings, type Labels, type Matcher, type SampleColumns, Slices, turnIsOver } from '@avalanche/model';
import type { Block } from '../block/block.ts';
import { hasChunks, type IndexedSeries } from '../block/series-cache.ts';
import type { Head } from '../head/head.ts';
import type { Reader } from '../readers.ts';
import { mergeRuns } from './merge-columns.ts';
import { intersect, type Refs } from './refs.ts';
import { type LabelIndex, selectSteps } from './select.ts';

/** One series of a querier: labels now, samples on request. */
export interface SelectedSeries {
  readonly labels: Labels;
  /**
   * Appends the samples with minTime ≤ t ≤ maxTime to `into`, in order of time, and returns how many.
   * @throws BlockCorruption, UnsupportedChunk
   */
  read(minTime: number, maxTime: number, into: SampleColumns): number;
  /** As `read`, for who needs only the latest of these samples: the others may be left out. */
  readLatest(minTime: number, maxTime: number, into: SampleColumns): number;
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
    const slices = new Slices();
    // The head first: the fewer commits there are since, the less is to be left out again.
    const fromHead = await this.selectFromHead(matchers, slices);
    const lists: SelectedSeries[][] = [];
    for (const block of this.blocks) {
      const known = block.selections.get(matchers);
      lists.push(this.selectFromBlock(block, known ?? (await this.findInBlock(block, matchers, slices))));
    }
    const filled = [...lists, fromHead].filter((list) => list.length > 0);
    if (filled.length < 2) return filled[0] ?? [];
    return slices.merge(filled, byLabels, (a, b) => new MergedSeries(a.labels, [a, b]));
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
    const slices = new Slices();
    for (const matchers of matcherSets) {
      for (const { labels } of await this.select(matchers)) {
        if (slices.isOver()) await slices.next();
        for (const [name] of labels.entries()) names.add(name);
      }
    }
    return [...names].sort(compareStrings);
  }

  /** Sorted values of one label over the series that match any of the matcher sets; over all where there are none. */
  async labelValues(name: string, matcherSets: readonly (readonly Matcher[])[]): Promise<string[]> {
    if (matcherSets.length === 0) return this.allLabelValues(name);
    const values = new Set<string>();
    const slices = new Slices();
    for (const index of this.indices()) {
      const sets: Refs[] = [];
      for (const matchers of matcherSets) sets.push(await slices.run(selectSteps(index, matchers)));
      for (const value of index.values(name)) {
        if (slices.isOver()) await slices.next();
        if (values.has(value)) continue;
        if (haveCommon(index.postings(name, value), sets)) values.add(value);
      }
    }
    return slices.sort([...values], compareStrings);
  }

  private async allLabelValues(name: string): Promise<string[]> {
    const values = new Set<string>();
    const slices = new Slices();
    for (const value of this.head.postings.values(name)) {
      if (slices.isOver()) await slices.next();
      values.add(value);
    }
    for (const { index } of this.blocks) {
      for (const batch of index.valuePostings(name)) {
        for (const value of batch.values) values.add(value);
        if (turnIsOver()) await slices.next();
      }
    }
    return slices.sort([...values], compareStrings);
  }

  /** Idempotent. */
  close(): void {
    this.release();
  }

  private *indices(): Generator<LabelIndex> {
    yield this.head.postings;
    for (const block of this.blocks) yield new BlockIndex(block);
  }

  private selectFromBlock(block: Block, found: readonly IndexedSeries[]): SelectedSeries[] {
    const list: SelectedSeries[] = [];
    for (const series of found) {
      if (hasChunks(series, this.minTime, this.maxTime)) list.push(new BlockSeries(block, series));
    }
    return list;
  }

  private async findInBlock(block: Block, matchers: readonly Matcher[], slices: Slices): Promise<IndexedSeries[]> {
    const found: IndexedSeries[] = [];
    for (const ref of await slices.run(selectSteps(new BlockIndex(block), matchers))) {
      if (slices.isOver()) await slices.next();
      found.push(block.series(ref));
    }
    block.selections.set(matchers, found);
    return found;
  }

  /** Appends go on meanwhile: what they add is known to the reader, and not for it. */
  private async selectFromHead(matchers: readonly Matcher[], slices: Slices): Promise<SelectedSeries[]> {
    const { head, maxTime } = this;
    const { reader } = this.view.sources;
    const list: SelectedSeries[] = [];
    const hasLate = head.late.size > 0 || head.lateFrozen !== null;
    const from = hasLate ? this.minTime : this.headFrom;
    if (from > maxTime || (!hasLate && from > head.maxTime)) return list;
    const slots = await slices.run(selectSteps(head.postings, matchers));
    reader.catchUp();
    for (const slot of slots) {
      if (slices.isOver()) {
        await slices.next();
        reader.catchUp();
      }
      if (head.series.refs[slot] === 0) continue; // collected meanwhile: what it had is in blocks
      const seenUntil = reader.seenUntil(slot, head.lastTime[slot]);
      if (head.hasSamples(slot, from, Math.min(maxTime, seenUntil))) {
        list.push(new HeadSeries(head, slot, from, seenUntil));
      }
    }
    return slices.sort(list, byLabels);
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

  readLatest(minTime: number, maxTime: number, into: SampleColumns): number {
    if (this.head.series.refs[this.slot] !== this.ref) return 0;
    return this.head.readLatest(this.slot, Math.max(minTime, this.from), Math.min(maxTime, this.seenUntil), into);
  }
}

class BlockSeries implements SelectedSeries {
  readonly labels: Labels;

  constructor(
    private readonly block: Block,
    private readonly series: IndexedSeries,
  ) {
    this.labels = series.labels;
  }

  read(minTime: number, maxTime: number, into: SampleColumns): number {
    return this.block.read(this.series, minTime, maxTime, into);
  }

  readLatest(minTime: number, maxTime: number, into: SampleColumns): number {
    return this.block.readLatest(this.series, minTime, maxTime, into);
  }
}

/** The same series in several places, oldest first; where two have a sample of one time, that of the first is taken. */
export class MergedSeries implements SelectedSeries {
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

  readLatest(minTime: number, maxTime: number, into: SampleColumns): number {
    return this.read(minTime, maxTime, into);
  }
}

function byLabels(a: SelectedSeries, b: SelectedSeries): number {
  return a.labels.compare(b.labels);
}

/** The index of a block as matchers need it. */
export class BlockIndex implements LabelIndex {
  /** The pair that `values` stands at, and where its postings lie: they are mostly asked for next. */
  private lastName = '';
  private lastValue = '';
  private lastOffset = -1;

  constructor(private readonly block: Block) {}

  all(): Refs {
    return this.block.index.all();
  }

  *values(name: string): Generator<string> {
    for (const { values, offsets } of this.block.index.valuePostings(name)) {
      for (let i = 0; i < values.length; i++) {
        this.lastName = name;
        this.lastValue = values[i];
        this.lastOffset = offsets[i];
        yield values[i];
      }
    }
  }

  postings(name: string, value: string): Refs {
    const { index } = this.block;
    const isLast = this.lastOffset >= 0 && name === this.lastName && value === this.lastValue;
    return isLast ? index.postingsAt(this.lastOffset) : index.postings(name, value);
  }
}

function haveCommon(refs: Refs, sets: readonly Refs[]): boolean {
  return sets.some((set) => intersect(refs, set).length > 0);
}
