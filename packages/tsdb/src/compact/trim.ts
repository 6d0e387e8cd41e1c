import { SampleColumns } from '@avalanche/model';
import type { ChunkColumns } from '../chunk-columns.ts';
import { covers, dropIntervals, type Intervals, overlaps } from '../intervals.ts';
import { mergeRuns } from '../query/merge-columns.ts';
import { readChunk } from '../read-chunk.ts';
import { encodeChunks } from './encode.ts';

/** The time range that a block is to hold: minTime ≤ t < maxTime, milliseconds. */
export interface TimeRange {
  readonly minTime: number;
  readonly maxTime: number;
}

const samples = new SampleColumns(1024);

/**
 * Copies the chunks of one series from `input`, in order of time, to `output`: without what is deleted or outside the
 * range, and with chunks that overlap merged. Chunks that need none of this go over byte for byte.
 * @throws UnsupportedChunk where a chunk of an encoding that is not known would have to be cut or merged
 */
export function trimChunks(input: ChunkColumns, deleted: Intervals, range: TimeRange, output: ChunkColumns): void {
  for (let i = 0; i < input.length; ) {
    let end = i + 1;
    for (let max = input.maxTime[i]; end < input.length && input.minTime[end] <= max; end++) {
      max = Math.max(max, input.maxTime[end]);
    }
    if (end - i === 1 || allEqual(input, i, end)) trimOne(input, i, deleted, range, output);
    else rewrite(input, i, end, deleted, range, output);
    i = end;
  }
}

function trimOne(input: ChunkColumns, i: number, deleted: Intervals, range: TimeRange, output: ChunkColumns): void {
  const min = input.minTime[i];
  const max = input.maxTime[i];
  if (max < range.minTime || min >= range.maxTime || covers(deleted, min, max)) return;
  const whole = min >= range.minTime && max < range.maxTime && !overlaps(deleted, min, max);
  if (whole) output.add(input.encoding[i], min, max, input.bytes, input.start[i], input.end[i]);
  else rewrite(input, i, i + 1, deleted, range, output);
}

function rewrite(
  input: ChunkColumns,
  from: number,
  end: number,
  deleted: Intervals,
  range: TimeRange,
  output: ChunkColumns,
): void {
  samples.clear();
  for (let i = from; i < end; i++) {
    const middle = samples.length;
    const { bytes, start, end: ends, encoding } = input;
    const chunk = { bytes, start: start[i], end: ends[i], encoding: encoding[i] };
    readChunk(chunk, range.minTime, range.maxTime - 1, samples);
    mergeRuns(samples, 0, middle);
  }
  dropIntervals(samples, 0, deleted);
  encodeChunks(samples, 0, output);
}

/** Whether chunks are copies of each other, as when two blocks hold the same. */
function allEqual(input: ChunkColumns, from: number, end: number): boolean {
  const first = Buffer.from(
    input.bytes.buffer,
    input.bytes.byteOffset + input.start[from],
    input.end[from] - input.start[from],
  );
  for (let i = from + 1; i < end; i++) {
    const other = Buffer.from(
      input.bytes.buffer,
      input.bytes.byteOffset + input.start[i],
      input.end[i] - input.start[i],
    );
    if (input.encoding[i] !== input.encoding[from] || !first.equals(other)) return false;
  }
  return true;
}
