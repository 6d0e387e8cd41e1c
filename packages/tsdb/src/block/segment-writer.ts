import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ChunkColumns } from '../chunk-columns.ts';
import { crc32c } from '../crc32c.ts';
import { CHUNKS_MAGIC, CHUNKS_VERSION, SEGMENT_HEADER_BYTES } from './chunk-reader.ts';
import { syncDirectory } from './durable.ts';
import { FileWriter } from './file-writer.ts';

export const SEGMENT_BYTES = 512 * 1024 * 1024;
/** What a chunk takes beside its data at most: length 5, encoding 1, checksum 4. */
const CHUNK_OVERHEAD_MAX = 10;

/** Writes the `chunks` directory of a block: segments of about `segmentBytes`, cut where upstream cuts them. */
export class SegmentWriter {
  /** Where each chunk of the last series lies: segment · 2^32 + offset. */
  refs = new Float64Array(64);
  private file: FileWriter | undefined;
  private segments = 0;

  constructor(
    private readonly directory: string,
    private readonly segmentBytes: number,
  ) {
    mkdirSync(directory);
  }

  /** Writes the chunks of a series and leaves their references in `refs`. */
  write(chunks: ChunkColumns): void {
    if (chunks.length > this.refs.length) this.refs = new Float64Array(chunks.length * 2);
    // Upstream plans a series ahead with the largest size that each chunk can have.
    let planned = this.file?.position ?? SEGMENT_HEADER_BYTES;
    for (let i = 0; i < chunks.length; i++) {
      const size = chunks.end[i] - chunks.start[i] + CHUNK_OVERHEAD_MAX;
      let file = this.file ?? this.cut();
      if (planned + size > this.segmentBytes && file.position > SEGMENT_HEADER_BYTES) {
        file = this.cut();
        planned = SEGMENT_HEADER_BYTES;
      }
      planned += size;
      this.refs[i] = (this.segments - 1) * 0x1_0000_0000 + file.position;
      writeChunk(file, chunks, i);
    }
  }

  /** Makes segments and directory last. */
  finish(): void {
    this.file?.finish();
    syncDirectory(this.directory);
  }

  close(): void {
    this.file?.close();
  }

  private cut(): FileWriter {
    this.file?.finish();
    const file = new FileWriter(join(this.directory, String(++this.segments).padStart(6, '0')));
    file.buffer.putUint32(CHUNKS_MAGIC);
    file.buffer.putByte(CHUNKS_VERSION);
    file.pad(SEGMENT_HEADER_BYTES);
    this.file = file;
    return file;
  }
}

function writeChunk(file: FileWriter, chunks: ChunkColumns, i: number): void {
  const { buffer } = file;
  const start = chunks.start[i];
  const end = chunks.end[i];
  buffer.putUvarint(end - start);
  buffer.reserve(1 + end - start + 4);
  const at = buffer.length;
  buffer.bytes[at] = chunks.encoding[i];
  buffer.bytes.set(chunks.bytes.subarray(start, end), at + 1);
  buffer.length = at + 1 + end - start;
  buffer.putUint32(crc32c(buffer.bytes, at, buffer.length));
  file.drain();
}
