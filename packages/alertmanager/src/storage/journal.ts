import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** The file is written anew after this many records, or twice what was alive the last time where that is more. */
const APPENDED_MAX = 1_000;

/**
 * State as a file of JSON lines, one record each; a later record of the same key replaces an earlier one. Records are
 * appended as they are made, so that a killed process keeps them, and now and then the file is replaced as a whole by
 * what is alive (new file, fsync, rename). A line torn by a crash is dropped when read.
 */
export class Journal<Item> {
  private descriptor: number;
  private appended = 0;
  private appendedMax = APPENDED_MAX;

  private constructor(
    private readonly file: string,
    private readonly alive: () => Iterable<Item>,
    /** Lines that were torn or no record, and were left out. */
    readonly dropped: number,
  ) {
    this.descriptor = openSync(file, 'a', 0o600);
  }

  /** Opens or creates the file and gives every record to `restore`. @throws the system's error where it cannot be written */
  static open<Item>(file: string, restore: (item: Item) => void, alive: () => Iterable<Item>): Journal<Item> {
    let dropped = 0;
    for (const line of readLines(file)) {
      try {
        if (line !== '') restore(JSON.parse(line) as Item);
      } catch {
        dropped++;
      }
    }
    const journal = new Journal(file, alive, dropped);
    journal.compact();
    return journal;
  }

  /** Writes a record. With `sync` it is on the disk when this returns, else with the operating system. */
  append(item: Item, { sync = false } = {}): void {
    // before writing, so that what is alive need not hold this record yet
    if (this.appended >= this.appendedMax) this.compact();
    writeFileSync(this.descriptor, `${JSON.stringify(item)}\n`);
    if (sync) fsyncSync(this.descriptor);
    this.appended++;
  }

  /** Replaces the file by what is alive. */
  compact(): void {
    const next = `${this.file}.tmp`;
    const descriptor = openSync(next, 'w', 0o600);
    try {
      const lines = [...this.alive()].map((item) => `${JSON.stringify(item)}\n`);
      writeFileSync(descriptor, lines.join(''));
      this.appendedMax = Math.max(APPENDED_MAX, 2 * lines.length);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(next, this.file);
    syncDirectory(dirname(this.file));
    closeSync(this.descriptor);
    this.descriptor = openSync(this.file, 'a', 0o600);
    this.appended = 0;
  }

  close(): void {
    this.compact();
    closeSync(this.descriptor);
  }
}

function readLines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
