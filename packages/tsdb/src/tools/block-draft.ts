import { type Labels, newUlid } from '@avalanche/model';
import type { BlockMeta } from '../block/meta.ts';
import { writeHeadBlock } from '../compact/head-block.ts';
import { headSource } from '../compact/head-source.ts';
import { copyInto } from '../head/chunks.ts';
import { Head } from '../head/head.ts';

/** Why a sample cannot be in the block, in upstream's words. */
export type Refusal = 'out of order sample' | 'duplicate sample for timestamp';

/** Upstream commits after so many samples; within them what is late is dropped without a word. */
const BATCH_SAMPLES = 5000;

/**
 * One block in the making, from samples that come in the order of time within each series: the same block that
 * upstream's block writer makes of the same samples, refusals included. Encoded in memory until it is written.
 */
export class BlockDraft {
  private readonly head: Head;
  private batch = 1;
  private inBatch = 0;
  // By slot: the batch of its newest sample, and the newest sample of the batches before.
  private batchOf = new Uint32Array(1024);
  private committedTime = new Float64Array(1024);
  private committedBits = new Uint32Array(2048);
  private lastBits = new Uint32Array(2048);

  /** @param rangeMs of blocks; all samples must lie in one such range */
  constructor(rangeMs: number) {
    this.head = new Head(2 * rangeMs); // as upstream, whose chunks end where a block of this range would
  }

  /** The number to add samples of this series by. */
  series(labels: Labels): number {
    return this.head.series.find(labels) || this.create(labels);
  }

  /** Adds a sample, time in milliseconds. @returns why it is refused, or null */
  add(series: number, time: number, low: number, high: number): Refusal | null {
    const { head } = this;
    this.enterBatch(series);
    const committed = this.committedTime[series];
    if (time < committed) return 'out of order sample';
    if (time === committed && !this.equalsCommitted(series, low, high)) return 'duplicate sample for timestamp';
    if (time > head.lastTime[series]) {
      head.appendInOrder(series, time, low, high);
      this.lastBits[2 * series] = low;
      this.lastBits[2 * series + 1] = high;
    }
    if (++this.inBatch === BATCH_SAMPLES) {
      this.batch++;
      this.inBatch = 0;
    }
    return null;
  }

  /** Writes the block below `parent`. @returns null where there is no sample. @throws the file system's error */
  write(parent: string, now: number): Promise<BlockMeta | null> {
    const { minTime, maxTime } = this.head;
    if (minTime > maxTime) return Promise.resolve(null);
    const ulid = newUlid(now);
    const range = { minTime, maxTime: maxTime + 1 };
    const job = { parent, ulid, ...range, compaction: { level: 1, sources: [ulid] } };
    return writeHeadBlock(headSource(this.head, range), job, () => undefined);
  }

  private create(labels: Labels): number {
    const slot = this.head.createSeries(labels);
    if (slot >= this.batchOf.length) this.grow();
    return slot;
  }

  /** What the series had before the current batch is committed. */
  private enterBatch(series: number): void {
    if (this.batchOf[series] === this.batch) return;
    this.batchOf[series] = this.batch;
    this.committedTime[series] = this.head.lastTime[series];
    this.committedBits[2 * series] = this.lastBits[2 * series];
    this.committedBits[2 * series + 1] = this.lastBits[2 * series + 1];
  }

  private equalsCommitted(series: number, low: number, high: number): boolean {
    return this.committedBits[2 * series] === low && this.committedBits[2 * series + 1] === high;
  }

  private grow(): void {
    const size = this.batchOf.length * 2;
    this.batchOf = copyInto(new Uint32Array(size), this.batchOf);
    this.committedTime = copyInto(new Float64Array(size), this.committedTime);
    this.committedBits = copyInto(new Uint32Array(2 * size), this.committedBits);
    this.lastBits = copyInto(new Uint32Array(2 * size), this.lastBits);
  }
}
