import { type FileHandle, open, rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { Pacer } from '../compute/task.ts';
import { type InputLimits, type ReadSummary, readSequenceFile, readSequences } from '../sequences/read.ts';

/**
 * Writes an upload to `path` and reads its sequences on the way, so that a wrong one is refused at once, in the
 * response, and never more of it is taken in than it takes to tell. Memory is one chunk and one record.
 * @throws JobError naming what is wrong; then there is no file
 */
export async function receiveSequences(body: Readable, path: string, limits: InputLimits): Promise<ReadSummary> {
  const file = await open(path, 'wx', 0o600);
  try {
    const pacer = new Pacer();
    const summary = await readSequences(written(body, file), () => {}, { limits, onChunk: () => pacer.pause() });
    await file.close();
    return summary;
  } catch (error) {
    await file.close().catch(() => {});
    await rm(path, { force: true });
    throw error;
  }
}

/** Reads a file of the data folder as {@link receiveSequences} reads an upload. @throws JobError */
export function checkSequences(path: string, limits: InputLimits): Promise<ReadSummary> {
  const pacer = new Pacer();
  return readSequenceFile(path, () => {}, { limits, onChunk: () => pacer.pause() });
}

async function* written(body: Readable, file: FileHandle): AsyncGenerator<Buffer> {
  // The request must survive a refusal: destroying it would take the connection away before the answer is sent.
  for await (const chunk of body.iterator({ destroyOnReturn: false })) {
    await file.write(chunk as Buffer);
    yield chunk as Buffer;
  }
}
