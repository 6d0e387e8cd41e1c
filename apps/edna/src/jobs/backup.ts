import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { JobError } from '../errors.ts';
import { readTar, TAR_END, tarHeader, tarPadding } from './tar.ts';

export interface BackupTask {
  readonly root: string;
  /** Folders of `root` that go into the archive. */
  readonly folders: readonly string[];
  readonly directory: string;
  /** Names the archive, with the time. */
  readonly name: string;
  readonly onProgress: (done: number) => void;
}

export interface BackupResult {
  readonly file: string;
  readonly files: number;
  readonly sizeBytes: number;
  /** Every file of the archive was read back and had the checksum of what was written. */
  readonly verified: true;
}

/** Archives kept; the oldest go first. */
const BACKUPS_KEPT = 5;

/** Writes a tar.gz of the folders, reads it back, and only then gives it its name. @throws JobError backup_failed */
export async function backUp(task: BackupTask): Promise<BackupResult> {
  const file = `${task.name}.tar.gz`;
  const path = join(task.directory, file);
  const unfinished = `${path}.part`;
  try {
    const paths = (await Promise.all(task.folders.map((folder) => filesBelow(join(task.root, folder))))).flat();
    const sums = new Map<string, string>();
    const archive = Readable.from(archiveOf(task, paths, sums));
    await pipeline(archive, createGzip({ level: 6 }), createWriteStream(unfinished, { mode: 0o600 }));
    await verifyArchive(unfinished, sums);
    task.onProgress(1);
    await rename(unfinished, path);
    await forgetOldest(task.directory);
    return { file, files: sums.size, sizeBytes: (await stat(path)).size, verified: true };
  } catch (error) {
    await rm(unfinished, { force: true });
    const why = error instanceof Error ? error.message : String(error);
    throw new JobError('backup_failed', `the backup failed: ${why}`, { cause: error });
  }
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile() && !/\.(tmp|part)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

async function* archiveOf(task: BackupTask, paths: readonly string[], sums: Map<string, string>) {
  for (const [i, path] of paths.entries()) {
    const name = relative(task.root, path);
    const file = await open(path).catch((error: NodeJS.ErrnoException) => {
      // Jobs end and are forgotten meanwhile.
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (!file) continue;
    try {
      const { size, mtimeMs } = await file.stat();
      yield tarHeader(name, size, mtimeMs / 1000);
      const hash = createHash('sha256');
      // A file that grows while we read gives what it had; job files never shrink, they are replaced.
      let left = size;
      const buffer = Buffer.allocUnsafe(64 * 1024);
      while (left > 0) {
        const { bytesRead } = await file.read(buffer, 0, Math.min(left, buffer.length));
        if (bytesRead === 0) throw new Error(`${name} became shorter while it was read`);
        const data = Buffer.from(buffer.subarray(0, bytesRead));
        hash.update(data);
        left -= bytesRead;
        yield data;
      }
      yield tarPadding(size);
      sums.set(name, hash.digest('hex'));
    } finally {
      await file.close();
    }
    // Verification is the second half.
    task.onProgress((i + 1) / paths.length / 2);
  }
  yield TAR_END;
}

/** @throws Error where a file is missing, added or different */
export async function verifyArchive(path: string, sums: ReadonlyMap<string, string>): Promise<void> {
  const missing = new Set(sums.keys());
  let hash = createHash('sha256');
  const inflated = createReadStream(path).compose(createGunzip()) as AsyncIterable<Buffer>;
  for await (const { name, data, last } of readTar(inflated)) {
    hash.update(data);
    if (!last) continue;
    if (hash.digest('hex') !== sums.get(name)) throw new Error(`${name} differs from what was written`);
    missing.delete(name);
    hash = createHash('sha256');
  }
  const [first] = missing;
  if (first !== undefined) throw new Error(`${first} is missing in the archive`);
}

async function forgetOldest(directory: string): Promise<void> {
  const archives = (await readdir(directory)).filter((name) => name.endsWith('.tar.gz')).sort();
  const oldest = archives.slice(0, Math.max(0, archives.length - BACKUPS_KEPT));
  await Promise.all(oldest.map((name) => rm(join(directory, name), { force: true })));
}
