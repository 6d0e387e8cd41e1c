import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** The data directory is in use by another process that is alive. */
export class DirectoryLocked extends Error {
  override readonly name = 'DirectoryLocked';
}

/** Directories that this process holds. The file alone cannot tell: in a container every process has the same id. */
const held = new Set<string>();

/**
 * Takes the `lock` file of a data directory. A lock whose process is gone, as after `kill -9`, is taken over.
 * @returns the function that gives it back
 * @throws DirectoryLocked where a live process holds it
 */
export function lockDirectory(directory: string): () => void {
  const path = join(resolve(directory), 'lock');
  if (held.has(path)) throw new DirectoryLocked(`${directory} is already open in this process`);
  for (let attempt = 0; ; attempt++) {
    try {
      writeFileSync(path, `${process.pid}\n`, { flag: 'wx' });
      held.add(path);
      return () => {
        if (held.delete(path)) rmSync(path, { force: true });
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || attempt > 0) throw error;
      const holder = Number(readFileSync(path, 'utf8'));
      if (holder > 0 && holder !== process.pid && isAlive(holder)) {
        throw new DirectoryLocked(`${directory} is in use by process ${holder}`);
      }
      rmSync(path, { force: true });
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
