import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import type { WalCorruption } from './reader.ts';
import { type Segment, syncDirectory } from './segments.ts';

const COPY_BYTES = 1024 * 1024;

/**
 * Makes a log readable again whose replay stopped at `damage`: the damaged segment is cut at the end of its last good
 * record. What is cut off and all later segments are kept as `NAME.corrupt` (upstream deletes them).
 * @returns the files set aside
 * @throws the file system's error; then nothing was cut
 */
export function repair(directory: string, damage: WalCorruption, later: readonly Segment[]): string[] {
  const kept = [keepTail(damage.path, damage.goodBytes)];
  // The last first: a crash in between leaves segments without a gap.
  for (const { path } of later.toReversed()) {
    const aside = freeName(path);
    renameSync(path, aside);
    kept.push(aside);
  }
  truncateSync(damage.path, damage.goodBytes);
  syncDirectory(directory);
  return kept;
}

/** Copies a segment from `offset` on, to the same place in a sparse file, so that its pages keep their bounds. */
function keepTail(path: string, offset: number): string {
  const aside = freeName(path);
  const from = openSync(path, 'r');
  const to = openSync(aside, 'wx');
  try {
    const buffer = Buffer.allocUnsafe(COPY_BYTES);
    for (let at = offset; ; ) {
      const got = readSync(from, buffer, 0, COPY_BYTES, at);
      if (got === 0) break;
      at += writeSync(to, buffer, 0, got, at);
    }
    fsyncSync(to);
  } catch (error) {
    rmSync(aside);
    throw error;
  } finally {
    closeSync(from);
    closeSync(to);
  }
  return aside;
}

function freeName(path: string): string {
  let name = `${path}.corrupt`;
  for (let i = 1; existsSync(name); i++) name = `${path}.corrupt.${i}`;
  return name;
}
