import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { SampleRecord } from './decode.ts';
import { UndecodableRecord } from './log-reader.ts';
import { WalCorruption } from './reader.ts';
import { RECORD_SAMPLES } from './records.ts';
import { Pace, type SinkFeeder } from './replay.ts';
import {
  FREE_BUFFERS,
  FREE_MESSAGES,
  type PostedRecord,
  type ReplayJob,
  type ReplayMessage,
} from './replay-messages.ts';

/** Built beside the bundle of whoever uses this package; there is none where the source runs as it is, as in tests. */
const WORKER_FILE = new URL('./replay-worker.js', import.meta.url);
/** Samples that a shared buffer holds, 24 bytes each. */
const CAPACITY = 1 << 18;
const BUFFERS = 2;
/** Messages with records under way, 256 KiB each: so much the thread may be ahead. */
const MESSAGES_MAX = 32;
/** Samples handed on between two looks at the clock. */
const SLICE_SAMPLES = 4096;

/** The file of the thread, null where it has not been built. */
export function replayWorkerFile(): URL | null {
  return existsSync(fileURLToPath(WORKER_FILE)) ? WORKER_FILE : null;
}

/**
 * Reads segments for a sink with the help of a second thread: that one reads, checks, decompresses, decodes and sorts
 * while this one fills the head.
 * @returns the damage at which reading ended early
 */
export async function replayInThread(
  file: URL,
  paths: readonly string[],
  feeder: SinkFeeder,
): Promise<WalCorruption | undefined> {
  const buffers = Array.from({ length: BUFFERS }, () => new SharedArrayBuffer(SampleRecord.bytesFor(CAPACITY)));
  const free = new Int32Array(new SharedArrayBuffer(8));
  free[FREE_BUFFERS] = BUFFERS;
  free[FREE_MESSAGES] = MESSAGES_MAX;
  const job: ReplayJob = { paths, buffers, capacity: CAPACITY, free: free.buffer };
  const worker = new Worker(file, { workerData: job });
  try {
    const messages = new Messages(worker);
    const columns = buffers.map((buffer) => new SampleRecord(CAPACITY, buffer));
    const pace = new Pace();
    for (let turn = 0; ; ) {
      const message = await messages.next();
      if (message.type === 'samples') {
        await takeSamples(columns[turn++ % BUFFERS], message.length, feeder, pace);
        giveBack(free, FREE_BUFFERS);
      } else if (message.type === 'records') {
        for (const record of message.records) {
          takeRecord(record, feeder);
          if (pace.isDue) await pace.pause();
        }
        giveBack(free, FREE_MESSAGES);
      } else {
        feeder.recordCounts[RECORD_SAMPLES] += message.sampleRecords;
        const { damage } = message;
        return damage && new WalCorruption(damage.path, damage.offset, damage.goodBytes, damage.reason);
      }
    }
  } catch (error) {
    if (error instanceof WalCorruption) return error;
    throw error;
  } finally {
    await worker.terminate();
  }
}

function giveBack(free: Int32Array, what: number): void {
  Atomics.add(free, what, 1);
  Atomics.notify(free, what);
}

async function takeSamples(columns: SampleRecord, length: number, feeder: SinkFeeder, pace: Pace): Promise<void> {
  const { refs, times, bits } = columns;
  for (let from = 0; from < length; from += SLICE_SAMPLES) {
    const to = Math.min(length, from + SLICE_SAMPLES);
    feeder.samples({
      refs: refs.subarray(from, to),
      times: times.subarray(from, to),
      bits: bits.subarray(2 * from, 2 * to),
      length: to - from,
    });
    if (pace.isDue) await pace.pause();
  }
}

/** @throws WalCorruption where the record does not decode: what was read after it is not taken */
function takeRecord({ bytes, place }: PostedRecord, feeder: SinkFeeder): void {
  try {
    feeder.record(bytes, 0, bytes.length, place);
  } catch (error) {
    if (!(error instanceof UndecodableRecord)) throw error;
    throw new WalCorruption(place.path, place.offset, place.goodBytes, error.message);
  }
}

/** The messages of the thread, one at a time. */
class Messages {
  private readonly queue: ReplayMessage[] = [];
  private failure: Error | undefined = undefined;
  private wake: () => void = () => {};

  constructor(worker: Worker) {
    worker.on('message', (message: ReplayMessage) => {
      this.queue.push(message);
      this.wake();
    });
    const fail = (error: Error) => {
      this.failure ??= error;
      this.wake();
    };
    worker.on('error', fail);
    worker.on('exit', (code) => fail(new Error(`the thread that reads the write-ahead log ended with code ${code}`)));
  }

  /** @throws the error of the thread, once all that it has said before was taken */
  async next(): Promise<ReplayMessage> {
    for (;;) {
      const message = this.queue.shift();
      if (message) return message;
      if (this.failure) throw this.failure;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }
}
