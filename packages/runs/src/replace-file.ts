import { closeSync, fdatasyncSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Puts a text in the place of a file: whatever ends the process or the power, there is the old one or the new one, whole.
 * @param pieces of the text, which are written as they are made
 * @throws the system's error, after which the old file is still there
 */
export async function replaceFile(
  file: string,
  pieces: Iterable<string> | AsyncIterable<string>,
  sync: (file: string) => Promise<void> = syncData,
): Promise<void> {
  const next = `${file}.tmp`;
  try {
    const handle = await open(next, 'w', 0o600);
    try {
      for await (const piece of pieces) await handle.writeFile(piece);
    } finally {
      await handle.close();
    }
    await sync(next);
    await rename(next, file);
  } catch (error) {
    await rm(next, { force: true }).catch(() => {}); // what cannot be removed is written over the next time
    throw error;
  }
  await syncFolder(file);
}

/** The same for a short text, at once: for what must be there when it is answered. @throws the system's error */
export function replaceFileNow(file: string, text: string): void {
  const next = `${file}.tmp`;
  try {
    writeFileSync(next, text, { mode: 0o600 });
    withDescriptor(next, fdatasyncSync);
    renameSync(next, file);
  } catch (error) {
    try {
      rmSync(next, { force: true });
    } catch {} // it is written over the next time
    throw error;
  }
  withDescriptor(dirname(file), fsyncSync);
}

/** Brings what a file holds to the disk. @throws the system's error */
export async function syncData(file: string): Promise<void> {
  const handle = await open(file, 'r');
  try {
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

/** Brings the name of a file, which a new or renamed one has not on the disk. @throws the system's error */
export async function syncFolder(file: string): Promise<void> {
  const folder = await open(dirname(file), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function withDescriptor(path: string, work: (descriptor: number) => void): void {
  const descriptor = openSync(path, 'r');
  try {
    work(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
