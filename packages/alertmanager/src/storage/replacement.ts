import { closeSync, fdatasyncSync, fsync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { ProtoWriter } from '@avalanche/model';
import type { RecordFormat } from './state-file.ts';

/** Encoded records are handed to the system in pieces of about this size. */
const PIECE_BYTES = 256 * 1024;

/** The file that is to take a state file's place: written beside it, then renamed. */
export class Replacement<Item> {
  readonly descriptor: number;
  /** Bytes in the file. */
  size = 0;
  records = 0;
  /** Whether the state file was closed meanwhile; whoever writes this one then leaves it alone. */
  isAbandoned = false;
  private readonly path: string;
  private isSynced = false;
  private readonly piece = new ProtoWriter(4096);
  private readonly message = new ProtoWriter(512);

  /** @throws the system's error */
  constructor(
    private readonly file: string,
    private readonly format: RecordFormat<Item>,
  ) {
    this.path = `${file}.tmp`;
    rmSync(this.path, { force: true });
    this.descriptor = openSync(this.path, 'a', 0o600);
  }

  /** Adds what is alive. @throws the system's error */
  add(item: Item): void {
    this.follow(item);
    this.records++;
    if (this.piece.length >= PIECE_BYTES) this.flush();
  }

  /** Adds what is recorded meanwhile, behind what was added before. It is written later: that cannot fail. */
  follow(item: Item): void {
    this.message.reset();
    this.format.write(item, this.message);
    this.piece.delimited(this.message.written);
  }

  /** Brings what has been added to the disk, without holding the event loop. @throws the system's error */
  async sync(): Promise<void> {
    this.flush();
    this.isSynced = true;
    await promisify(fsync)(this.descriptor);
  }

  /** @throws the system's error */
  takePlace(): void {
    this.flush();
    if (!this.isSynced) fdatasyncSync(this.descriptor);
    renameSync(this.path, this.file);
  }

  /** After a failure before the file had its name. */
  discard(): void {
    closeSync(this.descriptor);
    if (!this.isAbandoned) rmSync(this.path, { force: true });
  }

  /** Makes the rename last. @throws the system's error */
  syncDirectory(): void {
    const descriptor = openSync(dirname(this.file), 'r');
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }

  private flush(): void {
    if (this.piece.length === 0) return;
    this.size += writeWhole(this.descriptor, this.piece.written);
    this.piece.reset();
    this.isSynced = false;
  }
}

export function writeWhole(descriptor: number, bytes: Uint8Array): number {
  let written = 0;
  while (written < bytes.length) written += writeSync(descriptor, bytes, written);
  return written;
}
