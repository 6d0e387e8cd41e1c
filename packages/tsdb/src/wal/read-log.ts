import { statSync } from 'node:fs';
import type { Logger } from '@avalanche/model';
import type { WalCorruption } from './reader.ts';
import { type ReplayReport, type ReplaySink, replayHere, SinkFeeder } from './replay.ts';
import { replayInThread, replayWorkerFile } from './replay-thread.ts';
import { type Checkpoint, listCheckpoints, listSegments, type Segment, segmentsAfter } from './segments.ts';

export interface ReadLogOptions {
  readonly logger: Logger;
  /** The built file of the thread that reads ahead; null for none. Default: where the build puts it. */
  readonly replayWorker?: URL | null | undefined;
  /** The first segment to be read; what is before it is passed over. Default: all, with the checkpoint. */
  readonly from?: number | undefined;
  /** The size of a log from which that thread is used. */
  readonly replayWorkerBytes?: number | undefined;
}

/** A log as it was found. */
export interface LogContents extends Pick<ReplayReport, 'records' | 'unknownRefs' | 'samples'> {
  readonly checkpoint: Checkpoint | undefined;
  /** After the checkpoint. */
  readonly segments: readonly Segment[];
  /** Where reading ended early; all before it was handed on. */
  readonly damage: WalCorruption | undefined;
}

/**
 * A thread takes a while to start, and the second core costs a quarter more CPU time: measured on two cores, the time
 * to be ready is the same with logs of 26 and of 229 MB.
 */
const WORKER_BYTES = 256 * 1024 * 1024;

/**
 * Hands the newest checkpoint of a log and the segments after it to `sink`, and changes nothing.
 * @throws WalGap where a segment is missing, or the file system's error
 */
export async function readLog(directory: string, sink: ReplaySink, options: ReadLogOptions): Promise<LogContents> {
  const checkpoint = listCheckpoints(directory)[0];
  const segments = segmentsAfter(directory, checkpoint);
  const { from } = options;
  const before = checkpoint && from === undefined ? listSegments(checkpoint.path) : [];
  const read = segments.filter(({ index }) => index >= (from ?? 0));
  const paths = [...before, ...read].map(({ path }) => path);
  const feeder = new SinkFeeder(sink, options.logger);
  const { replayWorker = replayWorkerFile(), replayWorkerBytes = WORKER_BYTES } = options;
  const isLarge = paths.reduce((sum, path) => sum + statSync(path).size, 0) >= replayWorkerBytes;
  const damage = await (replayWorker && isLarge
    ? replayInThread(replayWorker, paths, feeder)
    : replayHere(paths, feeder));
  return { ...feeder.counts, checkpoint, segments, damage };
}
