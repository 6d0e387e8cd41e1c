import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** Writes all of the bytes at the file's position (or at `position`); a short write is continued. */
export function writeFully(fd: number, bytes: Uint8Array, start: number, end: number, position?: number): void {
  for (let at = start; at < end; ) {
    at += writeSync(fd, bytes, at, end - at, position === undefined ? null : position + at - start);
  }
}

/** Makes the names in a directory last. */
export function syncDirectory(directory: string): void {
  const fd = openSync(directory, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Replaces a file so that a crash leaves the old or the new one whole. */
export function replaceFile(path: string, bytes: Uint8Array): void {
  const temporary = `${path}.tmp`;
  try {
    const fd = openSync(temporary, 'w');
    try {
      writeFully(fd, bytes, 0, bytes.length);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncDirectory(dirname(path));
}
