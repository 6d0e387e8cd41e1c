import type { FloatHistogram, Labels } from '@avalanche/model';
import type { WalPosition } from '@avalanche/tsdb';
import { Batch } from './batch.ts';
import type { RemoteSeries } from './series.ts';

/** Samples that come within this time of the first go together, where the deadline has gone by meanwhile. */
const GATHER_MS = 100;

export interface ShardOptions {
  /** Samples that wait at most. */
  readonly capacity: number;
  /** Samples, histograms and exemplars of one request, at most. */
  readonly batchMax: number;
  /** Between a request and the next that is not full, in milliseconds. */
  readonly deadlineMs: number;
  /** Sends; false says that the batch was given up because the queue stops. Never fails. */
  readonly send: (batch: Batch) => Promise<boolean>;
  /** A batch has been settled or given up. */
  readonly settled: () => void;
}

/** Collects samples into batches and sends one after the other, so that the samples of a series stay in order. */
export class Shard {
  /** Behind the last that was settled. */
  done: WalPosition;
  /** A batch was given up: nothing is sent any more. */
  stopped = false;
  private partial: Batch;
  private readonly full: Batch[] = [];
  private readonly spare: Batch[] = [];
  private readonly fullMax: number;
  private sending = false;
  private flushing = false;
  private lastSentAt = Number.NEGATIVE_INFINITY;
  private timer: NodeJS.Timeout | undefined = undefined;

  constructor(
    private readonly options: ShardOptions,
    from: WalPosition,
  ) {
    this.done = from;
    this.fullMax = Math.max(1, Math.floor(options.capacity / options.batchMax));
    this.partial = new Batch(options.batchMax);
  }

  /** Whether everything that was added is settled. */
  get isIdle(): boolean {
    return !this.sending && this.full.length === 0 && this.partial.count === 0;
  }

  /** Makes room for one more. @returns false where there is none */
  reserve(): boolean {
    if (!this.partial.isFull) return true;
    if (this.full.length >= this.fullMax) return false;
    this.full.push(this.partial);
    this.partial = this.spare.pop() ?? new Batch(this.options.batchMax);
    this.kick();
    return true;
  }

  /** After `reserve`. */
  addSample(series: RemoteSeries, time: number, low: number, high: number): void {
    this.begin();
    this.partial.addSample(series, time, low, high);
  }

  /** After `reserve`. */
  addExemplar(
    series: RemoteSeries,
    exemplar: { readonly labels: Labels; readonly time: number; readonly low: number; readonly high: number },
  ): void {
    this.begin();
    const { labels, time, low, high } = exemplar;
    this.partial.exemplars.push({ series, labels, time, low, high });
  }

  /** After `reserve`. */
  addHistogram(series: RemoteSeries, time: number, histogram: FloatHistogram, start: number): void {
    this.begin();
    this.partial.histograms.push({ series, time, histogram, start });
  }

  /** Of the sample that was added last, in milliseconds since the epoch. */
  setStart(start: number): void {
    this.partial.setStart(start);
  }

  /** The last that was added stands in the log before this place. */
  mark(segment: number, offset: number, item: number): void {
    const { partial } = this;
    partial.segment = segment;
    partial.offset = offset;
    partial.item = item;
  }

  /** Sends what there is without waiting for more. */
  flush(): void {
    this.flushing = true;
    this.kick();
  }

  /** Waits for more again. */
  resume(): void {
    this.flushing = false;
  }

  /** Nothing is sent any more; what is under way is the sender's to end. */
  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  private begin(): void {
    if (this.partial.count > 0) return;
    this.partial.begunAt = performance.now();
    if (!this.sending) this.arm();
  }

  private kick(): void {
    if (this.sending || this.stopped) return;
    const batch = this.full.shift() ?? this.duePartial();
    if (!batch) return;
    this.sending = true;
    void this.send(batch);
  }

  private async send(batch: Batch): Promise<void> {
    const settled = await this.options.send(batch);
    this.lastSentAt = performance.now();
    if (settled) {
      this.sending = false;
      this.done = batch.end;
      batch.reset();
      this.spare.push(batch);
    } else this.stop();
    this.options.settled();
    this.kick();
  }

  private duePartial(): Batch | undefined {
    const { partial } = this;
    if (partial.count === 0) return undefined;
    if (!this.flushing && !partial.isFull && performance.now() < this.dueAt) {
      this.arm();
      return undefined;
    }
    this.partial = this.spare.pop() ?? new Batch(this.options.batchMax);
    return partial;
  }

  /** What has waited for the deadline since the last request goes as soon as what belongs to it has come. */
  private get dueAt(): number {
    return Math.max(this.partial.begunAt + GATHER_MS, this.lastSentAt + this.options.deadlineMs);
  }

  private arm(): void {
    clearTimeout(this.timer);
    if (this.stopped) return;
    this.timer = setTimeout(() => this.kick(), Math.max(1, Math.ceil(this.dueAt - performance.now())));
    this.timer.unref();
  }
}
