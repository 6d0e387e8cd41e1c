import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Lines appended after which the file is written anew, if that many are more than twice what is alive. */
const APPENDED_MAX = 1_000;

/**
 * State as a file of JSON lines, one record each; a later record of the same key replaces an earlier one. Records are
 * appended as they are made, so that a killed process keeps them, and now and then the file is replaced as a whole by
 * what is alive (new file, fsync, rename). A line torn by a crash is dropped when read.
 */
export class Journal<Item> {
  private descriptor: number;
  private appended = 0;

  private constructor(
    private readonly file: string,
    private readonly alive: () => Iterable<Item>,
  ) {
    this.descriptor = openSync(file, 'a', 0o600);
  }

  /** Opens or creates the file and gives every record to `restore`. @throws the system's error where it cannot be written */
  static open<Item>(file: string, restore: (item: Item) => void, alive: () => Iterable<Item>): Journal<Item> {
    for (const line of readLines(file)) {
      const item = parseLine<Item>(line);
      if (item !== undefined) restore(item);
    }
    const journal = new Journal(file, alive);
    journal.compact();
    return journal;
  }

  /** Writes a record. With `sync` it is on the disk when this returns, else with the operating system. */
  append(item: Item, { sync = false } = {}): void {
    writeFileSync(this.descriptor, `${JSON.stringify(item)}\n`);
    if (sync) fsyncSync(this.descriptor);
    if (++this.appended > APPENDED_MAX) this.compactIfWorthIt();
  }

  /** Replaces the file by what is alive. */
  compact(): void {
    const next = `${this.file}.tmp`;
    const descriptor = openSync(next, 'w', 0o600);
    try {
      let text = '';
      for (const item of this.alive()) text += `${JSON.stringify(item)}\n`;
      writeFileSync(descriptor, text);
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

  private compactIfWorthIt(): void {
    const count = [...this.alive()].length;
    if (this.appended > 2 * count) this.compact();
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

function parseLine<Item>(line: string): Item | undefined {
  if (line === '') return undefined;
  try {
    return JSON.parse(line) as Item;
  } catch {
    return undefined; // torn by a crash
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
