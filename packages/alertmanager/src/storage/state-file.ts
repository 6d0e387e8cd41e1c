import {
  closeSync,
  copyFileSync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  truncateSync,
} from 'node:fs';
import { ProtoReader, ProtoWriter, Slices } from '@avalanche/model';
import { Replacement, writeWhole } from './replacement.ts';

/** The file is written anew after this many records, or twice what was alive the last time where that is more. */
const APPENDED_MAX = 1_000;
/** How a record stands in the file: a protobuf message. */
export interface RecordFormat<Item> {
  readonly write: (item: Item, writer: ProtoWriter) => void;
  /** @throws Error where the bytes are no such record */
  readonly read: (reader: ProtoReader) => Item;
}

/** Errors of a disk that has no room: a process that starts then must be able to tell people so. */
const FULL: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT']);

/**
 * State in upstream's file format (protobuf messages, each behind its length as a varint; later ones of the same key
 * replace earlier ones), so that the real Alertmanager reads our file and we its own. Records are appended as they are
 * made, so that a killed process keeps them, and now and then the file is replaced as a whole by what is alive (new
 * file, fsync, rename), in turns of the event loop: what is appended meanwhile goes into both. What a crash or a damaged disk made unreadable is left out, and kept in `FILE.damaged`.
 */
export class StateFile<Item> {
  private readonly writer = new ProtoWriter(4096);
  private readonly message = new ProtoWriter(512);
  private replacement: Replacement<Item> | undefined;
  private compacting: Promise<void> | undefined;
  private descriptor: number;
  private size: number;
  private appended = 0;
  private appendedMax = APPENDED_MAX;
  private isClosed = false;

  private constructor(
    private readonly file: string,
    private readonly format: RecordFormat<Item>,
    private readonly alive: () => Iterable<Item>,
    /** How many bytes of the file were no records or made no sense, and were left out. */
    readonly dropped: number,
  ) {
    this.descriptor = openSync(file, 'a', 0o600);
    this.size = fstatSync(this.descriptor).size;
  }

  /** Opens or creates the file and gives every record to `restore`. @throws the system's error where it cannot be written */
  static open<Item>(
    file: string,
    format: RecordFormat<Item>,
    restore: (item: Item) => void,
    alive: () => Iterable<Item>,
  ): StateFile<Item> {
    const { records, torn, refused } = restoreAll(readAll(file), format, restore);
    const dropped = torn + refused;
    if (dropped > 0) unlessFull(() => copyFileSync(file, `${file}.damaged`));
    const state = new StateFile(file, format, alive, dropped);
    if (dropped === 0 && state.isLean(records)) return state;
    // what is appended must not stand behind what nobody can read
    if (!unlessFull(() => state.compactAtOnce()) && torn > 0) state.cutOff(torn);
    return state;
  }

  /** Whether each of the file's records is alive: it need not be replaced, which takes as long as reading it. */
  private isLean(records: number): boolean {
    let alive = 0;
    for (const _item of this.alive()) alive++;
    this.appended = records - alive;
    this.appendedMax = Math.max(APPENDED_MAX, 2 * alive);
    return this.appended === 0;
  }

  /** How many bytes a record takes, without its length. */
  static sizeOf<Item>(item: Item, format: RecordFormat<Item>): number {
    const writer = new ProtoWriter(512);
    format.write(item, writer);
    return writer.length;
  }

  /** Size of the file in bytes. */
  get bytes(): number {
    return this.size;
  }

  /**
   * Writes a record. With `sync` it is on the disk when this returns, else with the operating system.
   * @throws the system's error, after which nothing of the record is in the file; an Error where the file is closed
   */
  append(item: Item, { sync = false } = {}): void {
    if (this.isClosed) throw new Error(`${this.file} is closed`);
    if (this.appended >= this.appendedMax) this.compactWhenDue();
    this.message.reset();
    this.format.write(item, this.message);
    this.writer.reset();
    this.writer.delimited(this.message.written);
    try {
      const written = writeWhole(this.descriptor, this.writer.written);
      if (sync) fdatasyncSync(this.descriptor);
      this.size += written;
    } catch (error) {
      ftruncateSync(this.descriptor, this.size);
      throw error;
    }
    this.appended++;
    this.replacement?.follow(item);
  }

  /**
   * Replaces the file by what is alive; one that is under way is the answer to all who ask.
   * @throws the system's error, after which the old file is still there
   */
  compact(): Promise<void> {
    this.compacting ??= this.compactInTurns().finally(() => {
      this.compacting = undefined;
    });
    return this.compacting;
  }

  /** Replaces the file by what is alive a last time; nothing is written after it. @throws the system's error */
  close(): void {
    this.isClosed = true;
    if (this.replacement) this.replacement.isAbandoned = true;
    try {
      this.compactAtOnce();
    } finally {
      closeSync(this.descriptor);
    }
  }

  /** A disk without room for a second file may have room for a record; the next try is not made for each of them. */
  private compactWhenDue(): void {
    if (this.compacting) return;
    this.compact().catch(() => {
      this.appendedMax = this.appended + APPENDED_MAX;
    });
  }

  private async compactInTurns(): Promise<void> {
    const next = new Replacement(this.file, this.format);
    const slices = new Slices();
    this.replacement = next;
    try {
      for (const item of this.alive()) {
        next.add(item);
        if (slices.isOver()) await slices.next();
        if (next.isAbandoned) return next.discard();
      }
      await next.sync();
      if (next.isAbandoned) return next.discard();
      next.takePlace();
    } catch (error) {
      next.discard();
      throw error;
    } finally {
      this.replacement = undefined;
    }
    this.use(next);
  }

  private compactAtOnce(): void {
    const next = new Replacement(this.file, this.format);
    try {
      for (const item of this.alive()) next.add(item);
      next.takePlace();
    } catch (error) {
      next.discard();
      throw error;
    }
    this.use(next);
  }

  /** From here on the new file is the one, whatever fails. */
  private use(next: Replacement<Item>): void {
    closeSync(this.descriptor);
    this.descriptor = next.descriptor;
    this.size = next.size;
    this.appended = 0;
    this.appendedMax = Math.max(APPENDED_MAX, 2 * next.records);
    next.syncDirectory();
  }

  private cutOff(bytes: number): void {
    this.size -= bytes;
    truncateSync(this.file, this.size);
  }
}

/** How many records there were, and how many bytes were left out. */
interface Restored {
  readonly records: number;
  /** At the end: no records. */
  readonly torn: number;
  /** Records that `restore` did not take. */
  readonly refused: number;
}

function restoreAll<Item>(bytes: Uint8Array, format: RecordFormat<Item>, restore: (item: Item) => void): Restored {
  const reader = new ProtoReader(bytes);
  let good = 0;
  let records = 0;
  let refused = 0;
  try {
    while (good < bytes.length) {
      const outer = reader.enterDelimited();
      const item = format.read(reader);
      reader.leave(outer);
      if (!isTaken(item, restore)) refused += reader.position - good;
      good = reader.position;
      records++;
    }
  } catch {
    // told by what is left
  }
  return { records, torn: bytes.length - good, refused };
}

function isTaken<Item>(item: Item, restore: (item: Item) => void): boolean {
  try {
    restore(item);
    return true;
  } catch {
    return false;
  }
}

/** Whether `run` had room on the disk. @throws any other error of it */
function unlessFull(run: () => void): boolean {
  try {
    run();
    return true;
  } catch (error) {
    if (FULL.has((error as NodeJS.ErrnoException).code)) return false;
    throw error;
  }
}

function readAll(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Uint8Array();
    throw error;
  }
}
