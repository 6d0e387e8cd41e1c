import { Labels } from '@avalanche/model';
import { DecodeBuffer } from '../encoding.ts';
import { Interner } from './interner.ts';
import {
  type LoggedExemplar,
  METRIC_TYPES,
  RECORD_SAMPLES_V2,
  readStart,
  type SampleBatch,
  type SeriesMetadata,
} from './records.ts';

/** Samples as growing columns, reused from record to record. */
export class SampleRecord implements SampleBatch {
  refs: Float64Array;
  times: Float64Array;
  bits: Uint32Array;
  /** There where a record with start times was decoded. */
  starts: Float64Array | null = null;
  length = 0;

  /** @param buffer where the columns are to lie, with `bytesFor(capacity)` bytes */
  constructor(capacity = 2048, buffer: ArrayBufferLike = new ArrayBuffer(SampleRecord.bytesFor(capacity))) {
    this.refs = new Float64Array(buffer, 0, capacity);
    this.times = new Float64Array(buffer, 8 * capacity, capacity);
    this.bits = new Uint32Array(buffer, 16 * capacity, 2 * capacity);
  }

  static bytesFor(capacity: number): number {
    return 24 * capacity;
  }

  get capacity(): number {
    return this.refs.length;
  }

  reserve(capacity: number): void {
    if (capacity <= this.refs.length) return;
    const size = Math.max(capacity, this.refs.length * 2);
    const { refs, times, bits, length } = this;
    this.refs = new Float64Array(size);
    this.times = new Float64Array(size);
    this.bits = new Uint32Array(2 * size);
    this.refs.set(refs.subarray(0, length));
    this.times.set(times.subarray(0, length));
    this.bits.set(bits.subarray(0, 2 * length));
    if (this.starts === null) return;
    const { starts } = this;
    this.starts = new Float64Array(size);
    this.starts.set(starts.subarray(0, length));
  }
}

const SAMPLE_BYTES_MIN = 10;
/** A base reference and a base time. */
const BASE_BYTES = 16;

/**
 * Adds a samples record (types 2 and 11) to the columns.
 * @throws RangeError where the record is cut short, overlong, or names a reference beyond 2^53; nothing is added then
 */
export function decodeSamples(bytes: Uint8Array, start: number, end: number, into: SampleRecord): void {
  into.reserve(into.length + Math.ceil((end - start) / SAMPLE_BYTES_MIN));
  if (end - start <= 1) return;
  if (bytes[start] === RECORD_SAMPLES_V2) decodeSamplesV2(body(bytes, start, end), into);
  else {
    into.starts?.fill(0, into.length);
    decodeSamplesV1(bytes, start + 1, end, into);
  }
}

/** The hot loop of replay: deltas of up to three bytes are read in place, longer ones by `longVarint`. */
function decodeSamplesV1(bytes: Uint8Array, start: number, end: number, into: SampleRecord): void {
  if (end - start < BASE_BYTES) throw new RangeError('the record ends too early');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const baseRef = safeRef(view.getInt32(start) * 0x1_0000_0000 + view.getUint32(start + 4));
  const baseTime = view.getInt32(start + 8) * 0x1_0000_0000 + view.getUint32(start + 12);
  const { refs, times, bits } = into;
  let at = start + BASE_BYTES;
  let count = into.length;
  while (at < end) {
    let zigzag = bytes[at++];
    if (zigzag >= 0x80) {
      const second = bytes[at++];
      zigzag = (zigzag & 0x7f) | ((second & 0x7f) << 7);
      if (second >= 0x80) {
        const third = bytes[at++];
        zigzag |= third << 14;
        if (third >= 0x80) {
          zigzag = -1;
          refs[count] = safeRef(baseRef + longVarint(bytes, at - 3));
          at = varintEnd;
        }
      }
    }
    if (zigzag >= 0) refs[count] = baseRef + ((zigzag >>> 1) ^ -(zigzag & 1));
    zigzag = bytes[at++];
    if (zigzag >= 0x80) {
      const second = bytes[at++];
      zigzag = (zigzag & 0x7f) | ((second & 0x7f) << 7);
      if (second >= 0x80) {
        const third = bytes[at++];
        zigzag |= third << 14;
        if (third >= 0x80) {
          zigzag = -1;
          times[count] = baseTime + longVarint(bytes, at - 3);
          at = varintEnd;
        }
      }
    }
    if (zigzag >= 0) times[count] = baseTime + ((zigzag >>> 1) ^ -(zigzag & 1));
    if (at + 8 > end) throw new RangeError('the record ends too early');
    bits[2 * count + 1] = view.getUint32(at);
    bits[2 * count] = view.getUint32(at + 4);
    at += 8;
    count++;
  }
  into.length = count;
}

function decodeSamplesV2(buffer: DecodeBuffer, into: SampleRecord): void {
  into.starts ??= new Float64Array(into.refs.length);
  const { refs, times, bits, starts } = into;
  let ref = 0;
  let start = 0;
  const first = into.length;
  let count = first;
  while (buffer.remaining > 0) {
    ref = safeRef(ref + buffer.varint());
    refs[count] = ref;
    times[count] = (count === first ? 0 : times[first]) + buffer.varint();
    start = count === first ? buffer.varint() : readStart(buffer, start, starts[first]);
    starts[count] = start;
    bits[2 * count + 1] = buffer.uint32();
    bits[2 * count] = buffer.uint32();
    count++;
  }
  into.length = count;
}

let varintEnd = 0;

/** A zig-zag varint of any length; `varintEnd` is then the offset after it. */
function longVarint(bytes: Uint8Array, start: number): number {
  let value = 0;
  let scale = 1;
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at];
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) {
      varintEnd = at + 1;
      return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    }
    scale *= 0x80;
    if (scale > 2 ** 63) throw new RangeError('varint overflows 64 bits');
  }
  throw new RangeError('the record ends too early');
}

function safeRef(ref: number): number {
  if (ref >= 0 && ref <= Number.MAX_SAFE_INTEGER) return ref;
  throw new RangeError(`series reference ${ref} is not between 0 and 2^53`);
}

/** The body of a record, after its type. */
function body(bytes: Uint8Array, start: number, end: number): DecodeBuffer {
  return new DecodeBuffer(bytes, start + 1, end);
}

/** The series of one record, reused from record to record. */
export class SeriesRecord {
  refs: number[] = [];
  labels: Labels[] = [];
  private readonly interner = new Interner();

  /** @throws RangeError where the record is cut short */
  decode(bytes: Uint8Array, start: number, end: number): void {
    this.refs = [];
    this.labels = [];
    const buffer = body(bytes, start, end);
    while (buffer.remaining > 0) {
      this.refs.push(safeRef(buffer.int64()));
      const pairs: string[] = [];
      for (let i = buffer.uvarint() * 2; i > 0; i--) {
        const size = buffer.uvarint();
        const at = buffer.position;
        buffer.skip(size);
        pairs.push(this.interner.text(bytes, at, at + size));
      }
      this.labels.push(Labels.fromSortedPairs(pairs));
    }
  }
}

/**
 * Calls `visit` with each series of a record and where its entry begins and ends in `bytes`.
 * @throws RangeError where the record is cut short
 */
export function visitSeries(
  bytes: Uint8Array,
  start: number,
  end: number,
  visit: (ref: number, from: number, to: number) => void,
): void {
  const buffer = body(bytes, start, end);
  while (buffer.remaining > 0) {
    const from = buffer.position;
    const ref = safeRef(buffer.int64());
    for (let i = buffer.uvarint() * 2; i > 0; i--) buffer.skip(buffer.uvarint());
    visit(ref, from, buffer.position);
  }
}

function decodeLabels(buffer: DecodeBuffer): Labels {
  const pairs: string[] = [];
  for (let i = buffer.uvarint() * 2; i > 0; i--) pairs.push(buffer.string());
  return Labels.fromSortedPairs(pairs);
}

export interface Tombstone {
  readonly ref: number;
  readonly minTime: number;
  readonly maxTime: number;
}

/** @throws RangeError where the record is cut short */
export function decodeTombstones(bytes: Uint8Array, start: number, end: number): Tombstone[] {
  const buffer = body(bytes, start, end);
  const stones: Tombstone[] = [];
  while (buffer.remaining > 0) {
    stones.push({ ref: safeRef(buffer.int64()), minTime: buffer.varint(), maxTime: buffer.varint() });
  }
  return stones;
}

/** @throws RangeError where the record is cut short */
export function decodeExemplars(bytes: Uint8Array, start: number, end: number): LoggedExemplar[] {
  const buffer = body(bytes, start, end);
  const exemplars: LoggedExemplar[] = [];
  if (buffer.remaining === 0) return exemplars;
  const baseRef = buffer.int64();
  const baseTime = buffer.int64();
  while (buffer.remaining > 0) {
    const ref = safeRef(baseRef + buffer.varint());
    const time = baseTime + buffer.varint();
    const high = buffer.uint32();
    const low = buffer.uint32();
    exemplars.push({ ref, time, low, high, labels: decodeLabels(buffer) });
  }
  return exemplars;
}

export interface MmapMarker {
  readonly ref: number;
  /** Of the head chunk: the number of its file and the offset in it. */
  readonly file: number;
  readonly offset: number;
}

/** @throws RangeError where the record is cut short */
export function decodeMmapMarkers(bytes: Uint8Array, start: number, end: number): MmapMarker[] {
  const buffer = body(bytes, start, end);
  const markers: MmapMarker[] = [];
  while (buffer.remaining > 0) {
    markers.push({ ref: safeRef(buffer.int64()), file: buffer.uint32(), offset: buffer.uint32() });
  }
  return markers;
}

export interface LoggedMetadata extends SeriesMetadata {
  readonly ref: number;
  /** The entry as it was logged, with fields that we do not know. Valid as long as the record. */
  readonly bytes: Uint8Array;
}

/** @throws RangeError where the record is cut short */
export function decodeMetadata(bytes: Uint8Array, start: number, end: number): LoggedMetadata[] {
  const buffer = body(bytes, start, end);
  const all: LoggedMetadata[] = [];
  while (buffer.remaining > 0) {
    const from = buffer.position;
    const ref = safeRef(buffer.uvarint());
    const type = METRIC_TYPES[buffer.byte()] ?? 'unknown';
    let unit = '';
    let help = '';
    for (let fields = buffer.uvarint(); fields > 0; fields--) {
      const name = buffer.string();
      const value = buffer.string();
      if (name === 'UNIT') unit = value;
      else if (name === 'HELP') help = value;
    }
    all.push({ ref, type, unit, help, bytes: buffer.bytes.subarray(from, buffer.position) });
  }
  return all;
}
