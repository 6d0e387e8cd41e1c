import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { SampleRecord } from './decode.ts';
import { LogReader, type RecordConsumer, type RecordPlace } from './log-reader.ts';
import type { PostedRecord, ReplayJob, ReplayMessage } from './replay-messages.ts';

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

  record(bytes: Uint8Array, start: number, end: number, place: RecordPlace): void {
    this.records.push({ bytes: Uint8Array.from(bytes.subarray(start, end)), place });
    this.recordBytes += end - start;
    if (this.recordBytes > POSTED_BYTES) this.postRecords();
  }

  /** Waits until the main thread has given a buffer back. */
  columns(): SampleRecord {
    while (Atomics.load(this.free, 0) === 0) Atomics.wait(this.free, 0, 0);
    Atomics.sub(this.free, 0, 1);
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
    const transfer = this.records.map(({ bytes }) => bytes.buffer);
    this.port.postMessage({ type: 'records', records: this.records } satisfies ReplayMessage, transfer);
    this.records = [];
    this.recordBytes = 0;
  }
}

function run(port: MessagePort, job: ReplayJob): void {
  const poster = new Poster(port, job);
  const reader = new LogReader(poster);
  for (const _ of reader.read(job.paths));
  poster.postRecords();
  const { sampleRecords, sampleRecordsV2, damage } = reader;
  const { path, offset, goodBytes, reason } = damage ?? {};
  poster.post({
    type: 'end',
    sampleRecords,
    sampleRecordsV2,
    damage: damage && { path, offset, goodBytes, reason },
  } as ReplayMessage);
}

if (!parentPort) throw new Error('BUG: the replay thread was started as a program');
run(parentPort, workerData as ReplayJob);
