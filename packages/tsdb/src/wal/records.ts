import { Labels } from '@avalanche/model';
import { DecodeBuffer, type EncodeBuffer } from '../encoding.ts';

/** Record types of prometheus/prometheus tsdb/docs/format/wal.md that this engine writes or reads. */
export const RECORD_SERIES = 1;
export const RECORD_SAMPLES = 2;

/**
 * ```
 * ┌─────────────────────────────────────────────┐
 * │ type = 1 <1b>                               │
 * ├─────────────────────────────────────────────┤
 * │ ref <8b> │ labels <uvarint> │ name, value … │  once a series
 * └─────────────────────────────────────────────┘
 * ```
 */
export function encodeSeries(buffer: EncodeBuffer, ref: number, labels: Labels): void {
  if (buffer.length === 0) buffer.putByte(RECORD_SERIES);
  buffer.putInt64(ref);
  buffer.putUvarint(labels.size);
  for (const part of labels.pairs) buffer.putString(part);
}

/** A batch of samples as columns: `bits` holds value i as two halves, low at 2i and high at 2i+1. */
export interface SampleBatch {
  readonly refs: ArrayLike<number>;
  /** Milliseconds since the epoch. */
  readonly times: ArrayLike<number>;
  readonly bits: Uint32Array;
  readonly length: number;
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
  for (let i = 0; i < batch.length; i++) {
    buffer.putVarint(refs[i] - baseRef);
    buffer.putVarint(times[i] - baseTime);
    buffer.putUint32(bits[2 * i + 1]);
    buffer.putUint32(bits[2 * i]);
  }
}

export interface RecordHandler {
  series(ref: number, labels: Labels): void;
  sample(ref: number, time: number, low: number, high: number): void;
}

/** Decodes one record into calls of `handler`; records of other types are passed over. @throws RangeError if cut short */
export function decodeRecord(bytes: Uint8Array, handler: RecordHandler): void {
  const buffer = new DecodeBuffer(bytes);
  const type = buffer.byte();
  if (type === RECORD_SERIES) {
    while (buffer.remaining > 0) {
      const ref = buffer.int64();
      const pairs: string[] = [];
      for (let i = buffer.uvarint() * 2; i > 0; i--) pairs.push(buffer.string());
      handler.series(ref, Labels.fromSortedPairs(pairs));
    }
  } else if (type === RECORD_SAMPLES && buffer.remaining > 0) {
    const baseRef = buffer.int64();
    const baseTime = buffer.int64();
    while (buffer.remaining > 0) {
      const ref = baseRef + buffer.varint();
      const time = baseTime + buffer.varint();
      const high = buffer.uint32();
      handler.sample(ref, time, buffer.uint32(), high);
    }
  }
}
