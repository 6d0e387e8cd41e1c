import { type Labels, type Matcher, SampleColumns } from '@avalanche/model';
import type { Block } from '../block/block.ts';
import { hasChunks, type IndexedSeries } from '../block/series-cache.ts';
import { matching } from '../deletion.ts';
import type { Head } from '../head/head.ts';
import { mergeRuns } from '../query/merge-columns.ts';
import { BlockIndex } from '../query/querier.ts';
import type { Refs } from '../query/refs.ts';

/** One series over all of a data directory; its samples can be read until the walk goes on. */
export interface StoredSeries {
  readonly labels: Labels;
  /** The samples in order of time, a part at a time, each valid until the next. @throws BlockCorruption, UnsupportedChunk */
  parts(): Generator<SampleColumns>;
}

export interface StoredRange {
  /** The series that match any of these. */
  readonly matcherSets: readonly (readonly Matcher[])[];
  /** Milliseconds, both ends included. */
  readonly minTime: number;
  readonly maxTime: number;
}

/** A place that has series, standing at one of them. */
interface SeriesCursor {
  /** Sources of one group overlap in time; groups follow each other. */
  readonly group: number;
  /** Undefined after the last series. */
  readonly labels: Labels | undefined;
  next(): void;
  read(into: SampleColumns): void;
}

/**
 * Walks series by series through everything that blocks and head have in a range, in memory that is bounded by the
 * number of series in one block and the samples of one series in one block. In the order of labels, as upstream.
 */
export function* storedSeries(
  { head, blocks }: { readonly head: Head; readonly blocks: readonly Block[] },
  range: StoredRange,
): Generator<StoredSeries> {
  const inRange = blocks.filter(({ meta }) => meta.minTime <= range.maxTime && meta.maxTime > range.minTime);
  const groups = groupsOf(inRange, head.late.size > 0);
  const cursors: SeriesCursor[] = inRange.map((block, i) => new BlockCursor(block, range, groups[i]));
  const headGroup = head.late.size > 0 ? 0 : inRange.length;
  cursors.push(new HeadCursor(head, range, headGroup));
  const columns = new SampleColumns();
  for (const cursor of cursors) cursor.next();
  for (;;) {
    const same = smallest(cursors);
    const labels = same[0]?.labels;
    if (labels === undefined) return;
    yield { labels, parts: () => readParts(same, columns) };
    for (const cursor of same) cursor.next();
  }
}

/** @param same cursors at one series, by group */
function* readParts(same: readonly SeriesCursor[], columns: SampleColumns): Generator<SampleColumns> {
  columns.clear();
  for (let i = 0; i < same.length; i++) {
    const middle = columns.length;
    same[i].read(columns);
    mergeRuns(columns, 0, middle);
    if (same[i + 1]?.group === same[i].group) continue;
    if (columns.length > 0) yield columns;
    columns.clear();
  }
}

/** Numbers blocks, which come sorted by their start, so that those that overlap have the same number. */
function groupsOf(blocks: readonly Block[], together: boolean): number[] {
  let end = Number.NEGATIVE_INFINITY;
  let group = -1;
  return blocks.map(({ meta }) => {
    if (together) return 0;
    if (meta.minTime >= end) group++;
    end = Math.max(end, meta.maxTime);
    return group;
  });
}

function smallest(cursors: readonly SeriesCursor[]): SeriesCursor[] {
  let same: SeriesCursor[] = [];
  for (const cursor of cursors) {
    if (!cursor.labels) continue;
    const order = same[0]?.labels ? cursor.labels.compare(same[0].labels) : 0;
    if (order < 0) same = [cursor];
    else if (order === 0) same.push(cursor);
  }
  return same;
}

class BlockCursor implements SeriesCursor {
  labels: Labels | undefined = undefined;
  private series: IndexedSeries | undefined = undefined;
  private readonly refs: Refs;
  private at = 0;

  constructor(
    private readonly block: Block,
    private readonly range: StoredRange,
    readonly group: number,
  ) {
    this.refs = matching(new BlockIndex(block), range.matcherSets);
  }

  next(): void {
    const { block, refs, range } = this;
    this.series = undefined;
    while (this.at < refs.length && !this.series) {
      const series = block.series(refs[this.at++]);
      if (hasChunks(series, range.minTime, range.maxTime)) this.series = series;
    }
    this.labels = this.series?.labels;
  }

  read(into: SampleColumns): void {
    if (this.series) this.block.read(this.series, this.range.minTime, this.range.maxTime, into);
  }
}

class HeadCursor implements SeriesCursor {
  labels: Labels | undefined = undefined;
  private readonly slots: readonly number[];
  private readonly from: number;
  private at = 0;

  constructor(
    private readonly head: Head,
    private readonly range: StoredRange,
    readonly group: number,
  ) {
    // What is older is in blocks, even where the log still has it.
    this.from = head.late.size > 0 ? range.minTime : Math.max(range.minTime, head.minValidTime);
    const slots = Array.from(matching(head.postings, range.matcherSets)).filter(
      (slot) => head.series.refs[slot] !== 0 && head.hasSamples(slot, this.from, range.maxTime),
    );
    this.slots = byLabels(head, slots);
  }

  next(): void {
    const slot = this.slots[this.at++];
    this.labels = slot === undefined ? undefined : this.head.series.labels(slot);
  }

  read(into: SampleColumns): void {
    this.head.read(this.slots[this.at - 1], this.from, this.range.maxTime, into);
  }
}

function byLabels(head: Head, slots: readonly number[]): number[] {
  return slots
    .map((slot) => ({ slot, labels: head.series.labels(slot) }))
    .sort((a, b) => a.labels.compare(b.labels))
    .map(({ slot }) => slot);
}
