import { DecodeBuffer } from '../encoding.ts';
import {
  RECORD_CUSTOM_FLOAT_HISTOGRAMS,
  RECORD_CUSTOM_HISTOGRAMS,
  RECORD_FLOAT_HISTOGRAMS,
  RECORD_FLOAT_HISTOGRAMS_V2,
  RECORD_HISTOGRAMS,
  RECORD_HISTOGRAMS_V2,
} from './records.ts';

/** A record of native histograms: whose and when they are; the histograms themselves stay bytes. */
export interface HistogramRecord {
  /** One of the record types 7 to 10, 12 and 13. */
  readonly type: number;
  readonly refs: readonly number[];
  /** Milliseconds since the epoch. */
  readonly times: readonly number[];
  /** The whole record, type included. Valid until the next record. */
  readonly bytes: Uint8Array;
}

const HISTOGRAM_TYPES: readonly number[] = [
  RECORD_HISTOGRAMS,
  RECORD_FLOAT_HISTOGRAMS,
  RECORD_CUSTOM_HISTOGRAMS,
  RECORD_CUSTOM_FLOAT_HISTOGRAMS,
  RECORD_HISTOGRAMS_V2,
  RECORD_FLOAT_HISTOGRAMS_V2,
];

export function isHistogramRecord(type: number): boolean {
  return HISTOGRAM_TYPES.includes(type);
}

/** @throws RangeError where the record is cut short */
export function decodeHistograms(bytes: Uint8Array, start: number, end: number): HistogramRecord {
  const record = bytes.subarray(start, end);
  const buffer = new DecodeBuffer(record);
  const type = buffer.byte();
  const isFloat =
    type === RECORD_FLOAT_HISTOGRAMS || type === RECORD_CUSTOM_FLOAT_HISTOGRAMS || type === RECORD_FLOAT_HISTOGRAMS_V2;
  const refs: number[] = [];
  const times: number[] = [];
  const isV2 = type === RECORD_HISTOGRAMS_V2 || type === RECORD_FLOAT_HISTOGRAMS_V2;
  let baseRef = 0;
  let baseTime = 0;
  if (!isV2 && buffer.remaining > 0) {
    baseRef = buffer.int64();
    baseTime = buffer.int64();
  }
  while (buffer.remaining > 0) {
    const ref = baseRef + buffer.varint();
    const time = baseTime + buffer.varint();
    if (isV2) {
      // References count from the one before, times from the first; the first has its start time whole.
      const marker = refs.length === 0 ? 2 : buffer.byte();
      if (marker > 1) buffer.varint();
      baseRef = ref;
      if (refs.length === 0) baseTime = time;
    }
    refs.push(ref);
    times.push(time);
    skipHistogram(buffer, isFloat);
  }
  return { type, refs, times, bytes: record };
}

/** Schema of histograms whose bucket boundaries are written out. */
const CUSTOM_BUCKETS_SCHEMA = -53;

/**
 * ```
 * reset hint <1b> │ schema <varint> │ zero threshold <8b> │ zero count │ count │ sum <8b>
 * │ spans: count <uvarint>, (offset <varint>, length <uvarint>) …   twice: positive, negative
 * │ buckets: count <uvarint>, bucket …                              twice
 * │ custom values: count <uvarint>, value <8b> …                    of custom buckets only
 * ```
 * Counts and buckets are varints, or floats of 8 bytes in float histograms.
 */
function skipHistogram(buffer: DecodeBuffer, isFloat: boolean): void {
  buffer.byte();
  const schema = buffer.varint();
  buffer.skip(8);
  skipNumbers(buffer, 2, isFloat);
  buffer.skip(8);
  for (let side = 0; side < 2; side++) skipNumbers(buffer, 2 * buffer.uvarint(), false);
  for (let side = 0; side < 2; side++) skipNumbers(buffer, buffer.uvarint(), isFloat);
  if (schema === CUSTOM_BUCKETS_SCHEMA) skipNumbers(buffer, buffer.uvarint(), true);
}

function skipNumbers(buffer: DecodeBuffer, count: number, isFloat: boolean): void {
  if (isFloat) buffer.skip(8 * count);
  else for (let i = 0; i < count; i++) buffer.uvarint();
}
