import { closeSync, fstatSync, openSync, readdirSync, readSync, renameSync, rmSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32c } from '../crc32c.ts';
import { DecodeBuffer, EncodeBuffer } from '../encoding.ts';
import { Pace } from '../wal/replay.ts';
import { copyInto } from './chunks.ts';
import type { DiskPosition } from './disk-chunks.ts';
import type { Head } from './head.ts';
import type { HeadReplay } from './head-replay.ts';

// A snapshot of the head: `head_snapshot.SEGMENT`, what memory held when log segment SEGMENT began, or a little later.
// A start reads it and then the log from that segment on, instead of all of the log. It is not Prometheus's
// chunk_snapshot: that one has the labels of every series as text, and chunks that must be decoded to be continued.
//
//   file:  "AVHEAD2\n" | frames …
//   frame: type <1> | length <4> | payload | CRC-32C of all before <4>
//
// Frames of series come first, one frame of the rest is last; a file without it was not finished.

const MAGIC = Buffer.from('AVHEAD2\n');
const PREFIX = 'head_snapshot.';
const UNFINISHED = `${PREFIX}tmp`;
const FRAME_SERIES = 1;
const FRAME_END = 2;
const FRAME_HEADER_BYTES = 5;
/** Encoding this much takes well below a millisecond, once the code is warm. */
const FRAME_BYTES = 64 * 1024;
/** A frame is ended after the series that makes it full. */
const FRAME_BYTES_MAX = 16 * 1024 * 1024;

/** The snapshot cannot be used; the log has everything. */
export class SnapshotUnusable extends Error {
  override readonly name = 'SnapshotUnusable';
}

/** What the log still needs beside the series that the head has: references, and the segment up to which they may occur. */
export type ExpiringRefs = Map<number, number>;

/** Where a snapshot is, and the segment of the log with which replay begins after it. */
export interface SnapshotFile {
  readonly path: string;
  readonly segment: number;
}

/** The newest snapshot of a data directory; others and unfinished ones are removed. */
export function findSnapshot(directory: string): SnapshotFile | undefined {
  const names = readdirSync(directory).filter((name) => name.startsWith(PREFIX));
  const found = names
    .filter((name) => /^\d+$/.test(name.slice(PREFIX.length)))
    .map((name) => ({ path: join(directory, name), segment: Number(name.slice(PREFIX.length)) }))
    .sort((a, b) => b.segment - a.segment)[0];
  for (const name of names) {
    const path = join(directory, name);
    if (path !== found?.path && (name === UNFINISHED || /^\d+$/.test(name.slice(PREFIX.length)))) rmSync(path);
  }
  return found;
}

/** @throws the file system's error */
export function removeSnapshots(directory: string): void {
  for (const name of readdirSync(directory))
    if (name.startsWith(PREFIX)) rmSync(join(directory, name), { force: true });
}

export interface SnapshotOptions {
  readonly directory: string;
  readonly head: Head;
  /** The log segment that has just begun. */
  readonly segment: number;
  /** Series that the log does not know yet. */
  readonly unlogged: readonly number[];
  readonly expiring: ExpiringRefs;
  /** Makes the log last on the disk. */
  readonly syncLog: () => Promise<void>;
  readonly signal: AbortSignal;
}

/**
 * Writes a snapshot, piece by piece; appends may go on, collections and deletions may not.
 * @returns its size in bytes. @throws the file system's error or AbortError, with nothing left behind
 */
export async function writeHeadSnapshot(options: SnapshotOptions): Promise<number> {
  const { directory, head, segment, syncLog } = options;
  const temporary = join(directory, UNFINISHED);
  try {
    const file = await open(temporary, 'w');
    let size: number;
    try {
      const writer = new SnapshotWriter(file);
      await writeSeries(writer, options);
      // A chunk that was closed before its series was looked at is in neither the snapshot nor the log after it.
      await head.disk.sync();
      writeEnd(writer.frame, options);
      await writer.end(FRAME_END);
      size = writer.size;
      await syncLog(); // so that the snapshot has nothing that the log could lose
      await file.sync();
    } finally {
      await file.close();
    }
    renameSync(temporary, join(directory, PREFIX + String(segment).padStart(8, '0')));
    findSnapshot(directory); // removes the one before
    return size;
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

class SnapshotWriter {
  readonly frame = new EncodeBuffer(FRAME_BYTES + 4096);
  size = 0;

  constructor(private readonly file: FileHandle) {
    this.begin();
  }

  get isFull(): boolean {
    return this.frame.length > FRAME_BYTES;
  }

  /** Writes the frame and begins the next one. */
  async end(type: number): Promise<void> {
    const { frame } = this;
    frame.bytes[0] = type;
    frame.view.setUint32(1, frame.length - FRAME_HEADER_BYTES);
    frame.putUint32(crc32c(frame.bytes, 0, frame.length));
    if (this.size === 0) await this.write(MAGIC, MAGIC.length);
    await this.write(frame.bytes, frame.length);
    this.begin();
  }

  private async write(bytes: Uint8Array, length: number): Promise<void> {
    for (let at = 0; at < length; ) at += (await this.file.write(bytes, at, length - at)).bytesWritten;
    this.size += length;
  }

  private begin(): void {
    this.frame.reset();
    this.frame.reserve(FRAME_HEADER_BYTES);
    this.frame.length = FRAME_HEADER_BYTES;
  }
}

/** Each series: its labels, whose texts are written where they occur first, its reference, and its open chunk. */
async function writeSeries(writer: SnapshotWriter, { head, unlogged, signal }: SnapshotOptions): Promise<void> {
  const { series } = head;
  const { frame } = writer;
  // By symbol: the number that it has in the file, plus one.
  let numbers = new Uint32Array(series.symbols.capacity);
  let written = 0;
  const last = series.highestSlot;
  const skipped = new Unlogged(unlogged);
  for (let slot = 1; slot <= last; slot++) {
    if (series.refs[slot] === 0 || skipped.has(slot)) continue;
    const symbols = series.labelSymbols(slot);
    frame.putUvarint(symbols.length);
    if (series.symbols.capacity > numbers.length) {
      numbers = copyInto(new Uint32Array(series.symbols.capacity * 2), numbers);
    }
    for (let i = 0; i < symbols.length; i++) {
      const number = numbers[symbols[i]];
      frame.putUvarint(number === 0 ? written : number - 1);
      if (number > 0) continue;
      numbers[symbols[i]] = ++written;
      frame.putString(series.symbols.text(symbols[i]));
    }
    frame.putUvarint(series.walRefs[slot]);
    head.encodeOpenChunk(slot, frame);
    if (!writer.isFull) continue;
    await writer.end(FRAME_SERIES);
    signal.throwIfAborted();
    skipped.catchUp();
  }
  await writer.end(FRAME_SERIES);
}

/** The slots of a list that commits empty and new series fill. */
class Unlogged {
  private readonly slots = new Set<number>();
  private first: number | undefined = undefined;
  private counted = 0;

  constructor(private readonly list: readonly number[]) {
    this.catchUp();
  }

  has(slot: number): boolean {
    return this.slots.has(slot);
  }

  /** A list that begins with another slot has been emptied: those that were in it are logged now. */
  catchUp(): void {
    const { list } = this;
    if (list[0] !== this.first) {
      this.slots.clear();
      this.counted = 0;
      this.first = list[0];
    }
    for (; this.counted < list.length; this.counted++) this.slots.add(list[this.counted]);
  }
}

function writeEnd(into: EncodeBuffer, { head, expiring }: SnapshotOptions): void {
  const { series, disk, deleted } = head;
  into.putUvarint(series.lastWalRef);
  const { firstNumber, lastNumber, lastSize } = disk.position;
  for (const number of [firstNumber, lastNumber, lastSize]) into.putUvarint(number);
  into.putUvarint(expiring.size);
  for (const [ref, segment] of expiring) {
    into.putUvarint(ref);
    into.putUvarint(segment);
  }
  into.putUvarint(deleted.size);
  for (const [slot, intervals] of deleted) {
    into.putUvarint(series.walRefs[slot]);
    into.putUvarint(intervals.length);
    for (let i = 0; i < intervals.length; i++) into.putVarint(intervals[i]);
  }
}

/**
 * Fills the head from a snapshot, after its chunk files were read.
 * @param found the chunk files as they are
 * @returns the references that the log needs beside. @throws SnapshotUnusable, with a part of it in the head
 */
export async function readHeadSnapshot(
  { path }: SnapshotFile,
  head: Head,
  replay: HeadReplay,
  found: DiskPosition,
): Promise<ExpiringRefs> {
  const fd = openSync(path, 'r');
  try {
    const frames = new FrameReader(fd, path);
    const pace = new Pace();
    const symbols: number[] = [];
    for (;;) {
      const type = frames.next();
      if (pace.isDue) await pace.pause();
      if (type === FRAME_END) return readEnd(frames.payload, head, replay, found);
      if (type !== FRAME_SERIES) throw new SnapshotUnusable(`${path}: unknown frame type ${type}`);
      while (frames.payload.remaining > 0) readSeries(frames.payload, symbols, head, replay);
    }
  } catch (error) {
    if (error instanceof RangeError) throw new SnapshotUnusable(`${path}: ${error.message}`);
    throw error;
  } finally {
    closeSync(fd);
  }
}

let key = new Uint32Array(64);

function readSeries(from: DecodeBuffer, symbols: number[], head: Head, replay: HeadReplay): void {
  const size = from.uvarint();
  if (size > key.length) key = new Uint32Array(size * 2);
  for (let i = 0; i < size; i++) {
    const number = from.uvarint();
    if (number === symbols.length) symbols.push(head.series.symbols.intern(from.string()));
    key[i] = symbols[number];
  }
  const slot = replay.knownSeries(from.uvarint(), key, size);
  head.decodeOpenChunk(slot, from);
}

function readEnd(from: DecodeBuffer, head: Head, replay: HeadReplay, found: DiskPosition): ExpiringRefs {
  head.series.lastWalRef = Math.max(head.series.lastWalRef, from.uvarint());
  const position = { firstNumber: from.uvarint(), lastNumber: from.uvarint(), lastSize: from.uvarint() };
  checkChunkFiles(position, found);
  const expiring: ExpiringRefs = new Map();
  for (let n = from.uvarint(); n > 0; n--) expiring.set(from.uvarint(), from.uvarint());
  for (let n = from.uvarint(); n > 0; n--) {
    const ref = from.uvarint();
    for (let times = from.uvarint(); times > 0; times -= 2) {
      replay.tombstones([{ ref, minTime: from.varint(), maxTime: from.varint() }]);
    }
  }
  return expiring;
}

/** What was in chunk files is not in the log after the snapshot: all of them must be there as far as they went. */
function checkChunkFiles(then: DiskPosition, now: DiskPosition): void {
  if (then.lastNumber === 0) return;
  const isWhole =
    now.firstNumber <= then.firstNumber &&
    (now.lastNumber > then.lastNumber || (now.lastNumber === then.lastNumber && now.lastSize >= then.lastSize));
  if (!isWhole) throw new SnapshotUnusable('files of head chunks are missing');
}

class FrameReader {
  payload = new DecodeBuffer(new Uint8Array(0), 0, 0);
  private readonly size: number;
  private position = MAGIC.length;
  private bytes = new Uint8Array(4 * FRAME_BYTES);

  constructor(
    private readonly fd: number,
    private readonly path: string,
  ) {
    this.size = fstatSync(fd).size;
    this.read(0, MAGIC.length);
    if (MAGIC.compare(this.bytes, 0, MAGIC.length) !== 0) throw this.damaged(0, 'not a head snapshot');
  }

  /** Reads the next frame into `payload`. @returns its type. @throws SnapshotUnusable */
  next(): number {
    const { position } = this;
    this.read(position, FRAME_HEADER_BYTES);
    const length = new DataView(this.bytes.buffer).getUint32(1);
    const total = FRAME_HEADER_BYTES + length + 4;
    if (length > FRAME_BYTES_MAX) throw this.damaged(position, `a frame of ${length} bytes`);
    if (total > this.bytes.length) this.bytes = new Uint8Array(total);
    this.read(position, total);
    const end = total - 4;
    if (crc32c(this.bytes, 0, end) !== new DataView(this.bytes.buffer).getUint32(end)) {
      throw this.damaged(position, 'checksum mismatch');
    }
    this.payload = new DecodeBuffer(this.bytes, FRAME_HEADER_BYTES, end);
    this.position = position + total;
    return this.bytes[0];
  }

  private read(position: number, length: number): void {
    if (position + length > this.size) throw this.damaged(position, 'the file ends here');
    for (let at = 0; at < length; ) {
      const count = readSync(this.fd, this.bytes, at, length - at, position + at);
      if (count === 0) throw this.damaged(position, 'the file ends here');
      at += count;
    }
  }

  private damaged(offset: number, reason: string): SnapshotUnusable {
    return new SnapshotUnusable(`${this.path} is damaged at offset ${offset}: ${reason}`);
  }
}
