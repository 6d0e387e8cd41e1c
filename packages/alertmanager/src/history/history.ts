import { appendFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Logger } from '@avalanche/model';
import { DayFiles, dayOf, makeDirectory } from '@avalanche/web';
import type { NotificationRecord } from './record.ts';

/** A day's file is followed by another one when it has this size. */
const FILE_BYTES_MAX = 8 * 1024 * 1024;
/** Records wait for the disk this long, so that a storm is written in few pieces. */
const WRITE_DELAY_MS = 100;
/** More records than this wait for the disk only where it hangs; the oldest are let go. */
const WAITING_MAX = 10_000;

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
  private readonly files: DayFiles;

  constructor(private readonly options: NotificationHistoryOptions) {
    makeDirectory(options.directory);
    this.files = new DayFiles(options.directory);
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
    for await (const line of this.files.linesNewestFirst()) {
      const record = parseRecord(line);
      if (record) yield record;
    }
  }

  /** Removes the files of days that have passed the retention. */
  async maintain(): Promise<void> {
    await this.files.removeExpired(this.options.clock.now(), this.options.retentionMs);
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
    const ofToday = (await this.files.names()).filter((name) => name.startsWith(day));
    const last = ofToday.at(-1);
    const size = last === undefined ? 0 : (await stat(join(this.options.directory, last))).size;
    const fits = last !== undefined && size + bytes <= FILE_BYTES_MAX;
    this.file = fits
      ? { name: last, bytes: size }
      : { name: ofToday.length === 0 ? `${day}.jsonl` : `${day}.${ofToday.length}.jsonl`, bytes: 0 };
    return this.file.name;
  }
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
