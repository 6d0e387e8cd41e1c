import { spawnSync } from 'node:child_process';
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join, resolve } from 'node:path';

/** The data directory is in use by another process that is alive. */
export class DirectoryLocked extends Error {
  override readonly name = 'DirectoryLocked';
}

/** Directories that this process holds. The file alone cannot tell: in a container every process has the same id. */
const held = new Set<string>();
const ATTEMPTS_MAX = 3;
/** What flock(1) of util-linux and of busybox ends with where somebody else has the lock. */
const FLOCK_TAKEN = 1;

/**
 * Takes the `lock` file of a data directory with flock(2), as upstream does: each refuses what the other has open, and
 * the lock ends with its process, however that ends. Where the system has no flock(1), which is how Node comes to it,
 * the process id in the file is heeded instead, which upstream does not write.
 * @returns the function that gives it back
 * @throws DirectoryLocked where a live process holds it, or the file system's error
 */
export function lockDirectory(directory: string): () => void {
  const path = join(resolve(directory), 'lock');
  if (held.has(path)) throw new DirectoryLocked(`${directory} is already open in this process`);
  for (let attempt = 1; ; attempt++) {
    const fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o666);
    try {
      takeLock(fd, path, directory);
      // Whoever had it may have removed the file between our opening and locking it: then it is nobody's any more.
      if (!isSameFile(fd, path) && attempt < ATTEMPTS_MAX) {
        closeSync(fd);
        continue;
      }
      ftruncateSync(fd);
      writeSync(fd, `${process.pid}\n`, 0);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    held.add(path);
    return () => {
      if (!held.delete(path)) return;
      rmSync(path, { force: true });
      closeSync(fd);
    };
  }
}

/** @throws DirectoryLocked */
function takeLock(fd: number, path: string, directory: string): void {
  // The lock belongs to the open file, which the command shares with us: it stays when the command has ended.
  const { status } = spawnSync('flock', ['-n', '3'], { stdio: ['ignore', 'ignore', 'ignore', fd] });
  if (status === 0) return;
  const holder = Number(readFileSync(path, 'utf8'));
  const isLocked = status === FLOCK_TAKEN || (holder > 0 && holder !== process.pid && isAlive(holder));
  if (!isLocked) return;
  throw new DirectoryLocked(`${directory} is in use by ${holder > 0 ? `process ${holder}` : 'another process'}`);
}

function isSameFile(fd: number, path: string): boolean {
  const ours = fstatSync(fd);
  const named = statSync(path, { throwIfNoEntry: false });
  return named !== undefined && named.ino === ours.ino && named.dev === ours.dev;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
