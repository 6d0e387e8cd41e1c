import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { JobError } from '../errors.ts';
import { DEFAULT_PARSER_LIMITS, type ParserLimits, SequenceParser, type SequenceRecord } from './parser.ts';

export interface InputLimits extends ParserLimits {
  /** Bytes as they arrive, compressed or not. */
  readonly inputBytesMax: number;
  /** Bytes after decompression. */
  readonly inflatedBytesMax: number;
  /** Inflated to compressed, judged from `ratioFloorBytes` inflated bytes on. Real reads compress 3 to 20 times. */
  readonly inflationRatioMax: number;
  readonly ratioFloorBytes: number;
}

const MIB = 1024 * 1024;

export const DEFAULT_INPUT_LIMITS: InputLimits = {
  ...DEFAULT_PARSER_LIMITS,
  inputBytesMax: 256 * MIB,
  inflatedBytesMax: 2048 * MIB,
  inflationRatioMax: 100,
  ratioFloorBytes: 16 * MIB,
};

export interface ReadSummary {
  readonly records: number;
  readonly inputBytes: number;
  readonly inflatedBytes: number;
}

export interface ReadOptions {
  readonly limits?: InputLimits;
  /** Called between chunks; the returned promise holds the reading back, so that other work gets a turn. */
  readonly onChunk?: (inputBytes: number) => void | Promise<void>;
}

/**
 * Reads FASTA or FASTQ, plain or gzip (told by its first two bytes), and calls `onRecord` for each record. Memory is
 * bounded by the limits of one line and one record.
 * @throws JobError naming what is wrong with the input
 */
export async function readSequences(
  input: AsyncIterable<Uint8Array>,
  onRecord: (record: SequenceRecord) => void,
  options: ReadOptions = {},
): Promise<ReadSummary> {
  const limits = options.limits ?? DEFAULT_INPUT_LIMITS;
  const parser = new SequenceParser(limits, onRecord);
  const counted = new CountedInput(input, limits.inputBytesMax);
  let inflatedBytes = 0;
  for await (const chunk of inflated(counted)) {
    inflatedBytes += chunk.length;
    checkInflation(counted, inflatedBytes, limits);
    parser.push(chunk);
    await options.onChunk?.(counted.bytes);
  }
  parser.end();
  return { records: parser.records, inputBytes: counted.bytes, inflatedBytes };
}

/** {@link readSequences} of a file. */
export function readSequenceFile(
  path: string,
  onRecord: (record: SequenceRecord) => void,
  options: ReadOptions = {},
): Promise<ReadSummary> {
  return readSequences(createReadStream(path, { highWaterMark: 256 * 1024 }), onRecord, options);
}

class CountedInput {
  bytes = 0;
  compressed = false;

  constructor(
    private readonly input: AsyncIterable<Uint8Array>,
    private readonly bytesMax: number,
  ) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for await (const chunk of this.input) {
      this.bytes += chunk.length;
      if (this.bytes > this.bytesMax) throw new JobError('too_large', `more than ${this.bytesMax} bytes`);
      yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    }
  }
}

async function* inflated(input: CountedInput): AsyncGenerator<Buffer> {
  const chunks = input[Symbol.asyncIterator]();
  const head = await firstBytes(chunks, 2);
  const whole = joined(head, chunks);
  input.compressed = head[0] === 0x1f && head[1] === 0x8b;
  if (!input.compressed) {
    yield* whole;
    return;
  }
  const source = Readable.from(whole);
  const gunzip = createGunzip({ chunkSize: 64 * 1024 });
  source.once('error', (error) => gunzip.destroy(error));
  source.pipe(gunzip);
  try {
    for await (const chunk of gunzip) yield chunk as Buffer;
  } catch (error) {
    if (error instanceof JobError || !(error instanceof Error)) throw error;
    throw new JobError('bad_gzip', `not a whole gzip file: ${error.message}`, { cause: error });
  } finally {
    source.destroy();
    gunzip.destroy();
  }
}

async function firstBytes(chunks: AsyncGenerator<Buffer>, atLeast: number): Promise<Buffer> {
  let head: Buffer = Buffer.alloc(0);
  while (head.length < atLeast) {
    const next = await chunks.next();
    if (next.done) break;
    head = Buffer.concat([head, next.value]);
  }
  return head;
}

async function* joined(head: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  if (head.length > 0) yield head;
  yield* rest;
}

function checkInflation(input: CountedInput, inflatedBytes: number, limits: InputLimits): void {
  if (!input.compressed) return;
  if (inflatedBytes > limits.inflatedBytesMax) {
    throw new JobError('gzip_bomb', `inflates to more than ${limits.inflatedBytesMax} bytes`);
  }
  const ratio = inflatedBytes / Math.max(1, input.bytes);
  if (inflatedBytes > limits.ratioFloorBytes && ratio > limits.inflationRatioMax) {
    throw new JobError('gzip_bomb', `inflates more than ${limits.inflationRatioMax}-fold`);
  }
}
