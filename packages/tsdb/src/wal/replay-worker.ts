import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { SampleRecord, visitSeries } from './decode.ts';
import { LogReader, type RecordConsumer, type RecordPlace } from './log-reader.ts';
import { RECORD_SERIES } from './records.ts';
import {
  FREE_BUFFERS,
  FREE_MESSAGES,
  type PostedRecord,
  type ReplayJob,
  type ReplayMessage,
} from './replay-messages.ts';

/** Records are posted together up to this. */
const POSTED_BYTES = 256 * 1024;

/** Reads a log in a thread of its own; samples are decoded and sorted here, other records are passed on. */
class Poster implements RecordConsumer {
  private readonly buffers: readonly SampleRecord[];
  private readonly free: Int32Array;
  private next = 0;
  private records: PostedRecord[] = [];
  private recordBytes = 0;

  constructor(
    private readonly port: MessagePort,
    { buffers, capacity, free }: ReplayJob,
  ) {
    this.buffers = buffers.map((buffer) => new SampleRecord(capacity, buffer));
    this.free = new Int32Array(free);
  }

  /** @throws RangeError where a record of series does not decode: only here what was read before it is known. */
  record(bytes: Uint8Array, start: number, end: number, place: RecordPlace): void {
    if (bytes[start] === RECORD_SERIES) visitSeries(bytes, start, end, () => {});
    this.records.push({ bytes: Uint8Array.from(bytes.subarray(start, end)), place });
    this.recordBytes += end - start;
    if (this.recordBytes > POSTED_BYTES) this.postRecords();
  }

  /** Waits until the main thread has given a buffer back. */
  columns(): SampleRecord {
    this.take(FREE_BUFFERS);
    return this.buffers[this.next++ % this.buffers.length];
  }

  samples({ length }: SampleRecord): void {
    this.postRecords();
    this.post({ type: 'samples', length });
  }

  post(message: ReplayMessage): void {
    this.port.postMessage(message);
  }

  postRecords(): void {
    if (this.records.length === 0) return;
    this.take(FREE_MESSAGES);
    const transfer = this.records.map(({ bytes }) => bytes.buffer);
    this.port.postMessage({ type: 'records', records: this.records } satisfies ReplayMessage, transfer);
    this.records = [];
    this.recordBytes = 0;
  }

  /** Waits until one is free. */
  private take(what: number): void {
    while (Atomics.load(this.free, what) === 0) Atomics.wait(this.free, what, 0);
    Atomics.sub(this.free, what, 1);
  }
}

function run(port: MessagePort, job: ReplayJob): void {
  const poster = new Poster(port, job);
  const reader = new LogReader(poster);
  for (const _ of reader.read(job.paths));
  poster.postRecords();
  const { sampleRecords, damage } = reader;
  const { path, offset, goodBytes, reason } = damage ?? {};
  poster.post({
    type: 'end',
    sampleRecords,
    damage: damage && { path, offset, goodBytes, reason },
  } as ReplayMessage);
}

if (!parentPort) throw new Error('BUG: the replay thread was started as a program');
run(parentPort, workerData as ReplayJob);
