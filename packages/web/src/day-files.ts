import { type FileHandle, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { nextTurn, turnIsOver } from '@avalanche/model';

const FILE_NAME = /^\d{4}-\d{2}-\d{2}(\.\d+)?\.jsonl$/;
const READ_BYTES = 256 * 1024;
const CERTAIN_MS = 3_600_000;

/** A folder of files of JSON lines, one or more a day (`2026-11-23.jsonl`, `2026-11-23.1.jsonl`), oldest line first. */
export class DayFiles {
  /** Files that a look has found too old, with the time of the first such look, in milliseconds. */
  private readonly tooOld = new Map<string, number>();

  constructor(readonly directory: string) {}

  /** Names of the files in the order of time. */
  async names(): Promise<string[]> {
    const names = (await readdir(this.directory)).filter((name) => FILE_NAME.test(name));
    const part = (name: string): number => Number(name.split('.').at(-2) ?? 0) || 0;
    return names.sort((a, b) => a.slice(0, 10).localeCompare(b.slice(0, 10)) || part(a) - part(b));
  }

  /** Lines from the newest to the oldest, read as far as they are asked for. One that a crash has torn may be among them. */
  async *linesNewestFirst(): AsyncGenerator<string> {
    for (const name of (await this.names()).reverse()) {
      for await (const line of linesBackwards(join(this.directory, name))) {
        yield line;
        if (turnIsOver()) await nextTurn();
      }
    }
  }

  /**
   * Removes the files of days that are older than the retention, at the second look that finds them so, an hour or more
   * after the first: a clock that is ahead for a while, or read wrongly once, must not cost the history. One that is put
   * right before that is as if it had never been wrong. The looks of a process count together: one that never lives for
   * an hour removes nothing.
   * @param now milliseconds
   */
  async removeExpired(now: number, retentionMs: number): Promise<void> {
    const firstKept = dayOf(now - retentionMs);
    const names = (await this.names()).filter((name) => name.slice(0, firstKept.length) < firstKept);
    for (const name of this.tooOld.keys()) if (!names.includes(name)) this.tooOld.delete(name);
    for (const name of names) {
      const since = this.tooOld.get(name) ?? now;
      this.tooOld.set(name, Math.min(since, now));
      if (now - since >= CERTAIN_MS) await rm(join(this.directory, name), { force: true });
    }
  }
}

/** `2026-11-23`, in UTC. */
export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** The lines of a file from the last to the first; none where the retention has removed it meanwhile. */
async function* linesBackwards(file: string): AsyncGenerator<string> {
  const handle = await openExisting(file);
  if (!handle) return;
  try {
    let end = (await handle.stat()).size;
    /** The beginning of a line whose end has been read already, in pieces from its last to its first. */
    let rest: Buffer[] = [];
    while (end > 0) {
      const begin = Math.max(0, end - READ_BYTES);
      const piece = Buffer.alloc(end - begin);
      await handle.read(piece, 0, piece.length, begin);
      // what stands before the first line break may go on in the piece before
      const cut = begin === 0 ? 0 : piece.indexOf(0x0a) + 1;
      if (cut === 0 && begin > 0) rest.push(piece);
      else {
        const whole = Buffer.concat([piece.subarray(cut), ...rest.reverse()]).toString('utf8');
        rest = [piece.subarray(0, cut)];
        yield* whole.split('\n').reverse();
      }
      end = begin;
    }
  } finally {
    await handle.close();
  }
}

async function openExisting(file: string): Promise<FileHandle | undefined> {
  try {
    return await open(file, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
