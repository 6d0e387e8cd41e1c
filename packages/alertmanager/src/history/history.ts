import { appendFile, type FileHandle, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, type Logger, nextTurn, turnIsOver } from '@avalanche/model';
import { makeDirectory } from '@avalanche/web';
import type { NotificationRecord } from './record.ts';

const FILE_NAME = /^\d{4}-\d{2}-\d{2}(\.\d+)?\.jsonl$/;
/** A day's file is followed by another one when it has this size. */
const FILE_BYTES_MAX = 8 * 1024 * 1024;
/** Records wait for the disk this long, so that a storm is written in few pieces. */
const WRITE_DELAY_MS = 100;
/** More records than this wait for the disk only where it hangs; the oldest are let go. */
const WAITING_MAX = 10_000;
const READ_BYTES = 256 * 1024;

export interface NotificationHistoryOptions {
  /** Is made where it is missing. */
  readonly directory: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long files are kept, in milliseconds. */
  readonly retentionMs: number;
}

/**
 * Every notification that was tried, for people to look up: files of JSON lines, one a day, oldest line first. Nothing
 * depends on it: a disk that takes no more loses records of it, and the log says so.
 */
export class NotificationHistory {
  /** Lines for the disk; as text they cost a fraction of what the records do. */
  private waiting: string[] = [];
  private writing: Promise<void> = Promise.resolve();
  private cancelWrite: (() => void) | undefined;
  private file = { name: '', bytes: 0 };
  /** Whether the file may end within a line: by a crash, or where the disk took but a part. */
  private mayBeTorn = true;
  private isFailing = false;

  constructor(private readonly options: NotificationHistoryOptions) {
    makeDirectory(options.directory);
  }

  add(record: NotificationRecord): void {
    this.waiting.push(`${JSON.stringify(record)}\n`);
    if (this.waiting.length > WAITING_MAX) this.waiting.shift();
    this.cancelWrite ??= this.options.clock.after(WRITE_DELAY_MS, () => void this.flush());
  }

  /** Writes what waits; never rejects. */
  flush(): Promise<void> {
    this.cancelWrite?.();
    this.cancelWrite = undefined;
    this.writing = this.writing.then(() => this.write());
    return this.writing;
  }

  /** Records from the newest to the oldest, read as far as they are asked for. */
  async *newestFirst(): AsyncGenerator<NotificationRecord> {
    await this.flush();
    for (const name of (await this.fileNames()).reverse()) {
      for await (const line of linesBackwards(join(this.options.directory, name))) {
        const record = parseRecord(line);
        if (record) yield record;
        if (turnIsOver()) await nextTurn();
      }
    }
  }

  /** Removes the files of days that have passed the retention. */
  async maintain(): Promise<void> {
    const oldest = dayOf(this.options.clock.now() - this.options.retentionMs);
    for (const name of await this.fileNames()) {
      if (name.slice(0, oldest.length) < oldest) await rm(join(this.options.directory, name), { force: true });
    }
  }

  /** In the order of time. */
  private async fileNames(): Promise<string[]> {
    const names = (await readdir(this.options.directory)).filter((name) => FILE_NAME.test(name));
    const part = (name: string): number => Number(name.split('.').at(-2) ?? 0) || 0;
    return names.sort((a, b) => a.slice(0, 10).localeCompare(b.slice(0, 10)) || part(a) - part(b));
  }

  private async write(): Promise<void> {
    const lines = this.waiting;
    if (lines.length === 0) return;
    this.waiting = [];
    const text = lines.join('');
    try {
      const name = await this.nameFor(Buffer.byteLength(text));
      // a record behind a torn one would be lost with it; an empty line is none
      const begin = this.mayBeTorn && this.file.bytes > 0 ? '\n' : '';
      await appendFile(join(this.options.directory, name), begin + text, { mode: 0o600 });
      this.file = { name, bytes: this.file.bytes + Buffer.byteLength(text) };
      this.mayBeTorn = false;
      this.isFailing = false;
    } catch (error) {
      if (!this.isFailing) this.options.logger.error('Notifications cannot be recorded', { error });
      this.mayBeTorn = true;
      this.isFailing = true;
      this.file = { name: '', bytes: 0 };
    }
  }

  private async nameFor(bytes: number): Promise<string> {
    const day = dayOf(this.options.clock.now());
    if (this.file.name.startsWith(day) && this.file.bytes + bytes <= FILE_BYTES_MAX) return this.file.name;
    const ofToday = (await this.fileNames()).filter((name) => name.startsWith(day));
    const last = ofToday.at(-1);
    const size = last === undefined ? 0 : (await stat(join(this.options.directory, last))).size;
    const fits = last !== undefined && size + bytes <= FILE_BYTES_MAX;
    this.file = fits
      ? { name: last, bytes: size }
      : { name: ofToday.length === 0 ? `${day}.jsonl` : `${day}.${ofToday.length}.jsonl`, bytes: 0 };
    return this.file.name;
  }
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** A line that a crash has torn is none. */
function parseRecord(line: string): NotificationRecord | undefined {
  if (line === '') return undefined;
  try {
    const value = JSON.parse(line) as Partial<NotificationRecord> | null;
    const isRecord =
      typeof value?.id === 'string' && Array.isArray(value.alerts) && Array.isArray(value.otherFingerprints);
    return isRecord ? (value as NotificationRecord) : undefined;
  } catch {
    return undefined;
  }
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
