import { closeSync, existsSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '@avalanche/model';

interface Active {
  readonly text: string;
  /** Where it stands in the file; -1 as long as it does not. */
  slot: number;
}

/** Bytes of one query in the file; the last of them is a comma. */
const ENTRY_BYTES = 1000;
/** Texts that are remembered as quick, and how long they may be. */
const QUICK_MAX = 256;
const QUICK_CHARACTERS = 1000;

/**
 * The queries that run, in a file of the data directory, so that after a crash it is known what they were: upstream's
 * `queries.active`. It begins with `[`, and each slot of ENTRY_BYTES holds one query as JSON, zeros and a comma, or
 * only zeros. The file has its full size from the start: writing an entry needs no room on the disk.
 */
export class ActiveQueries {
  private readonly free: number[] = [];
  /** Queries that began in this turn of the event loop. */
  private readonly begun = new Set<Active>();
  private turnEnd: NodeJS.Immediate | undefined;
  /** Queries that have ended in the turn in which they began, as most do: two writes would take longer than many of them. */
  private readonly quick = new Set<string>();
  private broken = false;

  private constructor(
    private readonly fd: number,
    slots: number,
    private readonly logger: Logger,
  ) {
    for (let slot = slots - 1; slot >= 0; slot--) this.free.push(slot);
  }

  /**
   * Tells in the log which queries the last run left behind, and begins anew.
   * @param slots how many queries run at once, at most
   * @throws Error of the file system where the file cannot be made
   */
  static open(directory: string, slots: number, logger: Logger): ActiveQueries {
    const path = join(directory, 'queries.active');
    logUnfinished(path, logger);
    const fd = openSync(path, 'w');
    try {
      allocate(fd, 1 + slots * ENTRY_BYTES);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    return new ActiveQueries(fd, slots, logger);
  }

  /**
   * Writes a query down: at once where it is new, and where it has been quick before, once it is still there at the end of
   * this turn. @returns what takes it out again
   */
  insert(text: string): () => void {
    const query: Active = { text, slot: -1 };
    this.begun.add(query);
    this.turnEnd ??= setImmediate(() => this.endTurn());
    if (!this.quick.has(text)) this.writeDown(query);
    return () => {
      if (this.begun.delete(query)) this.rememberQuick(text);
      if (query.slot >= 0) this.erase(query.slot);
    };
  }

  close(): void {
    clearImmediate(this.turnEnd);
    this.broken = true;
    closeSync(this.fd);
  }

  private endTurn(): void {
    this.turnEnd = undefined;
    for (const query of this.begun) if (query.slot < 0) this.writeDown(query);
    this.begun.clear();
  }

  private rememberQuick(text: string): void {
    if (text.length > QUICK_CHARACTERS) return;
    if (this.quick.size >= QUICK_MAX) this.quick.clear();
    this.quick.add(text);
  }

  private writeDown(query: Active): void {
    const slot = this.free.pop();
    if (slot === undefined) return;
    query.slot = slot;
    this.write(entryOf(query.text), slot);
  }

  private erase(slot: number): void {
    this.write(EMPTY_ENTRY, slot);
    this.free.push(slot);
  }

  /** No query fails because it cannot be written down. */
  private write(entry: Buffer, slot: number): void {
    if (this.broken) return;
    try {
      writeSync(this.fd, entry, 0, ENTRY_BYTES, 1 + slot * ENTRY_BYTES);
    } catch (error) {
      this.broken = true;
      this.logger.error('Active queries can no longer be written down', { error });
    }
  }
}

const EMPTY_ENTRY = Buffer.alloc(ENTRY_BYTES);
const ENTRY = Buffer.alloc(ENTRY_BYTES);

/** Valid until the next call. */
function entryOf(text: string): Buffer {
  ENTRY.fill(0, ENTRY.write(entryText(text)));
  ENTRY[ENTRY_BYTES - 1] = 0x2c;
  return ENTRY;
}

/** Writes zeros rather than leaving a hole: a full disk is found here, not in the middle of a query. */
function allocate(fd: number, bytes: number): void {
  const zeros = Buffer.alloc(Math.min(bytes, 1 << 20));
  for (let at = 0; at < bytes; at += zeros.length) writeSync(fd, zeros, 0, Math.min(zeros.length, bytes - at), at);
  ftruncateSync(fd, bytes);
  writeSync(fd, '[', 0);
  fsyncSync(fd);
}

/** The query with the time in seconds, cut to what fits with its comma. */
function entryText(text: string): string {
  const timestamp = Math.floor(Date.now() / 1000);
  for (let cut = text.slice(0, ENTRY_BYTES); ; ) {
    const json = JSON.stringify({ query: cut, timestamp_sec: timestamp });
    const over = Buffer.byteLength(json) - (ENTRY_BYTES - 1);
    if (over <= 0) return json;
    cut = cut.slice(0, -Math.ceil(over / 6)); // a character is six bytes at most, as `\u0001`
  }
}

function logUnfinished(path: string, logger: Logger): void {
  if (!existsSync(path)) return;
  try {
    const left = readFileSync(path, 'utf8').replaceAll('\0', '');
    if (left.length <= 1) return;
    logger.info("These queries didn't finish in prometheus' last run:", { queries: `${left.slice(0, -1)}]` });
  } catch (error) {
    logger.error('Failed to read query log file', { error });
  }
}
