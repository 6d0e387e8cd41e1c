import type { Labels } from '@avalanche/model';
import type { DecodeBuffer, EncodeBuffer } from '../encoding.ts';

/** Record types of prometheus/prometheus tsdb/docs/format/wal.md and tsdb/record; 11 to 13 carry start times. */
export const RECORD_SERIES = 1;
export const RECORD_SAMPLES = 2;
export const RECORD_TOMBSTONES = 3;
export const RECORD_EXEMPLARS = 4;
export const RECORD_MMAP_MARKERS = 5;
export const RECORD_METADATA = 6;
export const RECORD_HISTOGRAMS = 7;
export const RECORD_FLOAT_HISTOGRAMS = 8;
export const RECORD_CUSTOM_HISTOGRAMS = 9;
export const RECORD_CUSTOM_FLOAT_HISTOGRAMS = 10;
export const RECORD_SAMPLES_V2 = 11;
export const RECORD_HISTOGRAMS_V2 = 12;
export const RECORD_FLOAT_HISTOGRAMS_V2 = 13;

/** Upstream's names of the record types, by number. */
export const RECORD_NAMES: readonly string[] = [
  'unknown',
  'series',
  'samples',
  'tombstones',
  'exemplars',
  'mmapmarkers',
  'metadata',
  'histogram_samples',
  'float_histogram_samples',
  'custom_buckets_histogram_samples',
  'custom_buckets_float_histogram_samples',
  'samples_v2',
  'histogram_samples_v2',
  'float_histogram_samples_v2',
];

/** Metric types as metadata records number them. */
export const METRIC_TYPES = [
  'unknown',
  'counter',
  'gauge',
  'histogram',
  'gaugehistogram',
  'summary',
  'info',
  'stateset',
] as const;
export type MetricType = (typeof METRIC_TYPES)[number];

/** A batch of samples as columns: `bits` holds value i as two halves, low at 2i and high at 2i+1. */
export interface SampleBatch {
  readonly refs: ArrayLike<number>;
  /** Milliseconds since the epoch. */
  readonly times: ArrayLike<number>;
  readonly bits: Uint32Array;
  /** Start times, in milliseconds since the epoch, 0 where a sample has none; null where none of them has. */
  readonly starts?: ArrayLike<number> | null;
  readonly length: number;
}

export interface SeriesMetadata {
  readonly type: MetricType;
  readonly unit: string;
  readonly help: string;
}

export interface LoggedExemplar {
  readonly ref: number;
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** The two halves of the value's bits. */
  readonly low: number;
  readonly high: number;
  readonly labels: Labels;
}

/** Adds to a series record: `id <8b> │ label count <uvarint> │ name, value …` once a series. */
export function encodeSeries(buffer: EncodeBuffer, ref: number, labels: Labels): void {
  if (buffer.length === 0) buffer.putByte(RECORD_SERIES);
  buffer.putInt64(ref);
  encodeLabels(buffer, labels);
}

/**
 * ```
 * ┌──────────────────────────────────────────────────────────────────┐
 * │ type = 2 <1b> │ base ref <8b> │ base time <8b>                   │
 * ├──────────────────────────────────────────────────────────────────┤
 * │ ref − base <varint> │ time − base <varint> │ value bits <8b>     │  once a sample
 * └──────────────────────────────────────────────────────────────────┘
 * ```
 */
export function encodeSamples(buffer: EncodeBuffer, batch: SampleBatch): void {
  if (batch.length === 0) return;
  const { refs, times, bits } = batch;
  const baseRef = refs[0];
  const baseTime = times[0];
  buffer.putByte(RECORD_SAMPLES);
  buffer.putInt64(baseRef);
  buffer.putInt64(baseTime);
  buffer.reserve(batch.length * SAMPLE_BYTES_MAX);
  const { bytes, view } = buffer;
  let at = buffer.length;
  for (let i = 0; i < batch.length; i++) {
    at = putVarint(bytes, at, refs[i] - baseRef);
    at = putVarint(bytes, at, times[i] - baseTime);
    view.setUint32(at, bits[2 * i + 1]);
    view.setUint32(at + 4, bits[2 * i]);
    at += 8;
  }
  buffer.length = at;
}

const NO_START_TIME = 0;
const SAME_START_TIME = 1;
const EXPLICIT_START_TIME = 2;

/**
 * With start times (type 11): references count from the one before, times from the first; the first start time is whole.
 * ```
 * │ ref <varint> │ time <varint> │ start <varint>, or after the first: marker <1b>, start − first <varint> │ value <8b> │
 * ```
 */
export function encodeStartedSamples(buffer: EncodeBuffer, batch: SampleBatch): void {
  if (batch.length === 0) return;
  const { refs, times, bits, starts } = batch;
  buffer.putByte(RECORD_SAMPLES_V2);
  for (let i = 0; i < batch.length; i++) {
    buffer.putVarint(i === 0 ? refs[0] : refs[i] - refs[i - 1]);
    buffer.putVarint(i === 0 ? times[0] : times[i] - times[0]);
    if (i === 0) buffer.putVarint(starts?.[0] ?? 0);
    else putStart(buffer, starts?.[i] ?? 0, starts?.[i - 1] ?? 0, starts?.[0] ?? 0);
    buffer.putUint32(bits[2 * i + 1]);
    buffer.putUint32(bits[2 * i]);
  }
}

/** Writes a start time beside that of the sample before and that of the first. */
export function putStart(buffer: EncodeBuffer, start: number, before: number, first: number): void {
  if (start === 0) buffer.putByte(NO_START_TIME);
  else if (start === before) buffer.putByte(SAME_START_TIME);
  else {
    buffer.putByte(EXPLICIT_START_TIME);
    buffer.putVarint(start - first);
  }
}

/** Reads what `putStart` writes. @throws RangeError where the record is cut short */
export function readStart(buffer: DecodeBuffer, before: number, first: number): number {
  const marker = buffer.byte();
  if (marker === NO_START_TIME) return 0;
  return marker === SAME_START_TIME ? before : first + buffer.varint();
}

/** Two varints and a value. */
const SAMPLE_BYTES_MAX = 28;
/** Below it a number and its zig-zag form are 32-bit integers. */
const SMALL = 0x4000_0000;

/** Go's zig-zag varint at `at`; the short forms, which are nearly all, by integer arithmetic. */
function putVarint(bytes: Uint8Array, from: number, value: number): number {
  let at = from;
  if (value < SMALL && value >= -SMALL) {
    let rest = (value << 1) ^ (value >> 31);
    while (rest >= 0x80) {
      bytes[at++] = rest | 0x80;
      rest >>>= 7;
    }
    bytes[at] = rest;
    return at + 1;
  }
  if (!Number.isFinite(value)) throw new RangeError(`BUG: ${value} cannot be a varint`);
  let rest = value < 0 ? -value * 2 - 1 : value * 2;
  while (rest >= 0x80) {
    bytes[at++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  bytes[at] = rest;
  return at + 1;
}

/** Adds to a tombstone record: `id <8b> │ min time <varint> │ max time <varint>` once an interval. */
export function encodeTombstone(buffer: EncodeBuffer, ref: number, minTime: number, maxTime: number): void {
  if (buffer.length === 0) buffer.putByte(RECORD_TOMBSTONES);
  buffer.putInt64(ref);
  buffer.putVarint(minTime);
  buffer.putVarint(maxTime);
}

/** Adds to a metadata record: `id <uvarint> │ type <1b> │ field count <uvarint> │ name, value …` once a series. */
export function encodeMetadata(buffer: EncodeBuffer, ref: number, metadata: SeriesMetadata): void {
  if (buffer.length === 0) buffer.putByte(RECORD_METADATA);
  buffer.putUvarint(ref);
  buffer.putByte(METRIC_TYPES.indexOf(metadata.type));
  buffer.putUvarint(2);
  for (const text of ['UNIT', metadata.unit, 'HELP', metadata.help]) buffer.putString(text);
}

/** As a sample record, with the labels of each exemplar after its value. */
export function encodeExemplars(buffer: EncodeBuffer, exemplars: readonly LoggedExemplar[]): void {
  if (exemplars.length === 0) return;
  const { ref: baseRef, time: baseTime } = exemplars[0];
  buffer.putByte(RECORD_EXEMPLARS);
  buffer.putInt64(baseRef);
  buffer.putInt64(baseTime);
  for (const { ref, time, low, high, labels } of exemplars) {
    buffer.putVarint(ref - baseRef);
    buffer.putVarint(time - baseTime);
    buffer.putUint32(high);
    buffer.putUint32(low);
    encodeLabels(buffer, labels);
  }
}

function encodeLabels(buffer: EncodeBuffer, labels: Labels): void {
  buffer.putUvarint(labels.size);
  for (const part of labels.pairs) buffer.putString(part);
}
