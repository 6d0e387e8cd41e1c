import { closeSync, mkdtempSync, openSync, readSync, rmSync, writevSync } from 'node:fs';
import { join } from 'node:path';
import type { Labels } from '@avalanche/model';
import { BLOCK_RANGE_MS, compactionRanges } from '../compact/plan.ts';
import { SeriesTable } from '../head/series.ts';
import { BlockDraft, type Refusal } from './block-draft.ts';

/** A sample that does not fit after those before it. */
export class SampleRefused extends Error {
  override readonly name = 'SampleRefused';

  constructor(
    readonly reason: Refusal,
    /** Which one it is of those of its block's range, in the order they were added in. */
    readonly index: number,
    readonly labels: Labels,
  ) {
    super(reason);
  }
}

/** Upstream's ranges for imported blocks: 2 h and its multiples by 3, the longest within `maxMs`. Milliseconds. */
export function importRange(maxMs: number): number {
  return compactionRanges(BLOCK_RANGE_MS, maxMs).at(-1) ?? BLOCK_RANGE_MS;
}

const PAGE_SAMPLES = 512;
/** Pages of 10 KiB that wait to be full, over all ranges. */
const PAGES_MAX = 4096;

/**
 * Sorts samples that come in any order of ranges into ranges of time, on the disk, so that each range becomes a block
 * in memory bounded by that block and by the labels of all series.
 */
export class Backfill {
  private readonly temporary: string;
  private readonly seriesTable = new SeriesTable();
  private readonly pages = new Map<number, Page>();
  private readonly starts = new Set<number>();

  /**
   * @param directory where the blocks go; what is sorted goes to a directory there that `close` removes
   * @param rangeMs of a block
   */
  constructor(
    private readonly directory: string,
    private readonly rangeMs: number,
  ) {
    this.temporary = mkdtempSync(join(directory, 'tmp_backfill_'));
  }

  /** The number to add samples of this series by. */
  series(labels: Labels): number {
    return this.seriesTable.find(labels) || this.seriesTable.add(labels);
  }

  /** Adds a sample, time in milliseconds. @throws the file system's error */
  add(series: number, time: number, low: number, high: number): void {
    const start = Math.floor(time / this.rangeMs) * this.rangeMs;
    let page = this.pages.get(start);
    if (!page) {
      if (this.pages.size >= PAGES_MAX) this.flush();
      page = new Page();
      this.pages.set(start, page);
      this.starts.add(start);
    }
    page.add(series, time, low, high);
    if (page.length < PAGE_SAMPLES) return;
    this.writePage(start, page);
    page.length = 0;
  }

  /** Where the ranges that have samples begin, oldest first. */
  ranges(): number[] {
    this.flush();
    return [...this.starts].sort((a, b) => a - b);
  }

  /** Writes one of the ranges. @returns the block's ULID. @throws SampleRefused, or the file system's error */
  async writeRange(start: number, now: number): Promise<string | undefined> {
    const draft = new BlockDraft(this.rangeMs);
    const numbers = new Uint32Array(this.seriesTable.highestSlot + 1);
    const page = new Page();
    const fd = openSync(this.fileOf(start), 'r');
    let index = 0;
    try {
      while (page.read(fd)) {
        for (let i = 0; i < page.length; i++, index++) {
          const series = page.series[i];
          if (numbers[series] === 0) numbers[series] = draft.series(this.seriesTable.labels(series));
          const reason = draft.add(numbers[series], page.time[i], page.bits[2 * i], page.bits[2 * i + 1]);
          if (reason) throw new SampleRefused(reason, index, this.seriesTable.labels(series));
        }
      }
    } finally {
      closeSync(fd);
    }
    rmSync(this.fileOf(start));
    return (await draft.write(this.directory, now))?.ulid;
  }

  /** Idempotent. */
  close(): void {
    rmSync(this.temporary, { recursive: true, force: true });
  }

  private flush(): void {
    for (const [start, page] of this.pages) this.writePage(start, page);
    this.pages.clear();
  }

  private writePage(start: number, page: Page): void {
    if (page.length === 0) return;
    const fd = openSync(this.fileOf(start), 'a');
    try {
      page.write(fd);
    } finally {
      closeSync(fd);
    }
  }

  private fileOf(start: number): string {
    return join(this.temporary, String(start));
  }
}

/** Samples as columns; in a file their number and the columns, in this machine's byte order. */
class Page {
  length = 0;
  readonly series = new Uint32Array(PAGE_SAMPLES);
  readonly time = new Float64Array(PAGE_SAMPLES);
  readonly bits = new Uint32Array(2 * PAGE_SAMPLES);
  private readonly header = new Uint32Array(1);

  add(series: number, time: number, low: number, high: number): void {
    const at = this.length++;
    this.series[at] = series;
    this.time[at] = time;
    this.bits[2 * at] = low;
    this.bits[2 * at + 1] = high;
  }

  write(fd: number): void {
    this.header[0] = this.length;
    const parts = this.parts();
    const wanted = parts.reduce((sum, part) => sum + part.byteLength, 0);
    if (writevSync(fd, [this.header, ...parts]) !== wanted + this.header.byteLength) {
      throw new Error('a temporary file could not be written whole: the disk is full');
    }
  }

  /** @returns false at the end */
  read(fd: number): boolean {
    if (readSync(fd, this.header) === 0) return false;
    this.length = this.header[0];
    for (const part of this.parts()) {
      if (readSync(fd, part) !== part.byteLength) throw new Error('BUG: a temporary file of a backfill is cut short');
    }
    return true;
  }

  private parts(): [Uint32Array, Float64Array, Uint32Array] {
    const { length } = this;
    return [this.series.subarray(0, length), this.time.subarray(0, length), this.bits.subarray(0, 2 * length)];
  }
}
