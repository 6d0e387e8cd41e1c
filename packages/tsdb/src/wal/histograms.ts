import {
  type Buckets,
  bucketsFromSpans,
  type CounterResetHint,
  CUSTOM_BUCKETS_SCHEMA,
  FloatHistogram,
  HistogramError,
  isExponentialSchema,
  isStaleHistogram,
  SCHEMA_MAX,
  type Span,
  STALE_FLOAT_HISTOGRAM,
  STALE_HIGH,
  STALE_HISTOGRAM,
  STALE_LOW,
  spansOf,
} from '@avalanche/model';
import { DecodeBuffer, type EncodeBuffer } from '../encoding.ts';
import {
  putStart,
  RECORD_CUSTOM_FLOAT_HISTOGRAMS,
  RECORD_CUSTOM_HISTOGRAMS,
  RECORD_FLOAT_HISTOGRAMS,
  RECORD_FLOAT_HISTOGRAMS_V2,
  RECORD_HISTOGRAMS,
  RECORD_HISTOGRAMS_V2,
  readStart,
} from './records.ts';

/** A native histogram as the log has it. */
export interface LoggedHistogram {
  readonly ref: number;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly histogram: FloatHistogram;
  /** When it began to count, in milliseconds since the epoch; 0 where that is not known. */
  readonly start: number;
}

/** Whose and when the histograms of a record are. */
export interface HistogramPlaces {
  readonly refs: readonly number[];
  /** Milliseconds since the epoch. */
  readonly times: readonly number[];
}

const INTEGER_TYPES: readonly number[] = [RECORD_HISTOGRAMS, RECORD_CUSTOM_HISTOGRAMS, RECORD_HISTOGRAMS_V2];
const FLOAT_TYPES: readonly number[] = [
  RECORD_FLOAT_HISTOGRAMS,
  RECORD_CUSTOM_FLOAT_HISTOGRAMS,
  RECORD_FLOAT_HISTOGRAMS_V2,
];
const V2_TYPES: readonly number[] = [RECORD_HISTOGRAMS_V2, RECORD_FLOAT_HISTOGRAMS_V2];
/** As bytes name them; as with upstream. */
const HINTS: readonly CounterResetHint[] = ['unknown', 'reset', 'not_reset', 'gauge'];

export function isHistogramRecord(type: number): boolean {
  return INTEGER_TYPES.includes(type) || FLOAT_TYPES.includes(type);
}

/**
 * Of integers or of floats, with exponential or with custom buckets: upstream has a record each. Where start times are
 * stored, custom buckets have none of their own.
 */
export function histogramRecordType({ ofIntegers, usesCustomBuckets }: FloatHistogram, withStarts: boolean): number {
  if (withStarts) return ofIntegers ? RECORD_HISTOGRAMS_V2 : RECORD_FLOAT_HISTOGRAMS_V2;
  if (ofIntegers) return usesCustomBuckets ? RECORD_CUSTOM_HISTOGRAMS : RECORD_HISTOGRAMS;
  return usesCustomBuckets ? RECORD_CUSTOM_FLOAT_HISTOGRAMS : RECORD_FLOAT_HISTOGRAMS;
}

/**
 * Encodes histograms, all of one record type:
 * ```
 * ┌───────────────────────────────────────────────────────────────┐
 * │ type <1b> │ base ref <8b> │ base time <8b>                    │
 * ├───────────────────────────────────────────────────────────────┤
 * │ ref − base <varint> │ time − base <varint> │ histogram        │  once a histogram
 * └───────────────────────────────────────────────────────────────┘
 * ```
 */
export function encodeHistograms(
  buffer: EncodeBuffer,
  histograms: readonly LoggedHistogram[],
  withStarts: boolean,
): void {
  if (histograms.length === 0) return;
  const { ref: baseRef, time: baseTime, histogram: first } = histograms[0];
  buffer.putByte(histogramRecordType(first, withStarts));
  if (withStarts) {
    encodeStarted(buffer, histograms);
    return;
  }
  buffer.putInt64(baseRef);
  buffer.putInt64(baseTime);
  for (const { ref, time, histogram } of histograms) {
    buffer.putVarint(ref - baseRef);
    buffer.putVarint(time - baseTime);
    encodeHistogram(buffer, histogram);
  }
}

/** References count from the one before, times from the first; the first start time is whole. */
function encodeStarted(buffer: EncodeBuffer, histograms: readonly LoggedHistogram[]): void {
  const [first] = histograms;
  let before = first;
  for (const each of histograms) {
    const isFirst = each === first;
    buffer.putVarint(isFirst ? each.ref : each.ref - before.ref);
    buffer.putVarint(isFirst ? each.time : each.time - first.time);
    if (isFirst) buffer.putVarint(each.start);
    else putStart(buffer, each.start, before.start, first.start);
    encodeHistogram(buffer, each.histogram);
    before = each;
  }
}

/**
 * ```
 * reset hint <1b> │ schema <varint> │ zero threshold <8b> │ zero count │ count │ sum <8b>
 * │ spans: count <uvarint>, (offset <varint>, length <uvarint>) …   twice: positive, negative
 * │ buckets: count <uvarint>, bucket …                              twice
 * │ custom values: count <uvarint>, value <8b> …                    of custom buckets only
 * ```
 * Counts are uvarints and buckets varints, each the difference to the one before; floats of 8 bytes in float histograms.
 */
function encodeHistogram(buffer: EncodeBuffer, histogram: FloatHistogram): void {
  const { positive, negative, customValues, ofIntegers } = histogram;
  buffer.putByte(HINTS.indexOf(histogram.counterResetHint));
  buffer.putVarint(histogram.schema);
  buffer.putFloat64(histogram.zeroThreshold);
  for (const count of [histogram.zeroCount, histogram.count]) {
    if (ofIntegers) buffer.putUvarint(count);
    else buffer.putFloat64(count);
  }
  if (isStaleHistogram(histogram)) {
    buffer.putUint32(STALE_HIGH);
    buffer.putUint32(STALE_LOW);
  } else buffer.putFloat64(histogram.sum);
  for (const { indexes } of [positive, negative]) encodeSpans(buffer, spansOf(indexes));
  for (const { counts } of [positive, negative]) encodeCounts(buffer, counts, ofIntegers);
  if (histogram.usesCustomBuckets) encodeCounts(buffer, customValues, false);
}

function encodeSpans(buffer: EncodeBuffer, spans: readonly Span[]): void {
  buffer.putUvarint(spans.length);
  for (const { offset, length } of spans) {
    buffer.putVarint(offset);
    buffer.putUvarint(length);
  }
}

function encodeCounts(buffer: EncodeBuffer, counts: Float64Array, asDeltas: boolean): void {
  buffer.putUvarint(counts.length);
  for (let i = 0; i < counts.length; i++) {
    if (asDeltas) buffer.putVarint(counts[i] - (i > 0 ? counts[i - 1] : 0));
    else buffer.putFloat64(counts[i]);
  }
}

/**
 * Those of a schema that is not known are left out, as with upstream; those of a higher resolution than can be
 * computed with come in the highest.
 * @throws RangeError where the record is cut short, or its histograms cannot be
 */
export function decodeHistograms(bytes: Uint8Array, start: number, end: number): LoggedHistogram[] {
  const out: LoggedHistogram[] = [];
  const ofIntegers = INTEGER_TYPES.includes(bytes[start]);
  visitHistograms(bytes, start, end, (buffer, ref, time, startTime) => {
    const histogram = decodeHistogram(buffer, ofIntegers);
    if (histogram) out.push({ ref, time, histogram, start: startTime });
  });
  return out;
}

/** @throws RangeError where the record is cut short */
export function histogramPlaces(bytes: Uint8Array, start: number, end: number): HistogramPlaces {
  const refs: number[] = [];
  const times: number[] = [];
  const ofIntegers = INTEGER_TYPES.includes(bytes[start]);
  visitHistograms(bytes, start, end, (buffer, ref, time) => {
    refs.push(ref);
    times.push(time);
    skipHistogram(buffer, !ofIntegers);
  });
  return { refs, times };
}

/** Calls `visit`, which must read a histogram, with each. */
function visitHistograms(
  bytes: Uint8Array,
  start: number,
  end: number,
  visit: (buffer: DecodeBuffer, ref: number, time: number, startTime: number) => void,
): void {
  const buffer = new DecodeBuffer(bytes, start + 1, end);
  const isV2 = V2_TYPES.includes(bytes[start]);
  let isFirst = true;
  let baseRef = 0;
  let baseTime = 0;
  let startTime = 0;
  let firstStart = 0;
  if (!isV2 && buffer.remaining > 0) {
    baseRef = buffer.int64();
    baseTime = buffer.int64();
  }
  while (buffer.remaining > 0) {
    const ref = baseRef + buffer.varint();
    const time = baseTime + buffer.varint();
    if (isV2) {
      startTime = isFirst ? buffer.varint() : readStart(buffer, startTime, firstStart);
      baseRef = ref;
      if (isFirst) {
        baseTime = time;
        firstStart = startTime;
      }
      isFirst = false;
    }
    if (!(ref >= 0 && ref <= Number.MAX_SAFE_INTEGER)) throw new RangeError(`series reference ${ref}`);
    visit(buffer, ref, time, startTime);
  }
}

/** @returns undefined where its schema is not known */
function decodeHistogram(buffer: DecodeBuffer, ofIntegers: boolean): FloatHistogram | undefined {
  const counterResetHint = HINTS[buffer.byte()] ?? 'unknown';
  const schema = buffer.varint();
  const zeroThreshold = buffer.float64();
  const zeroCount = ofIntegers ? buffer.uvarint() : buffer.float64();
  const count = ofIntegers ? buffer.uvarint() : buffer.float64();
  const high = buffer.uint32();
  const low = buffer.uint32();
  const spans = [decodeSpans(buffer), decodeSpans(buffer)];
  const [positive, negative] = spans.map((each) => decodeBuckets(buffer, each, ofIntegers));
  const usesCustomBuckets = schema === CUSTOM_BUCKETS_SCHEMA;
  const customValues = usesCustomBuckets ? decodeFloats(buffer) : undefined;
  if (high === STALE_HIGH && low === STALE_LOW) return ofIntegers ? STALE_HISTOGRAM : STALE_FLOAT_HISTOGRAM;
  if (!usesCustomBuckets && !isExponentialSchema(Math.min(schema, SCHEMA_MAX))) return undefined;
  halves[1] = high;
  halves[0] = low;
  const histogram = new FloatHistogram({
    ...{ counterResetHint, schema, zeroThreshold, zeroCount, count, sum: float[0] },
    ...{ positive, negative, ofIntegers, ...(customValues && { customValues }) },
  });
  return schema > SCHEMA_MAX ? histogram.reducedTo(SCHEMA_MAX) : histogram;
}

const float = new Float64Array(1);
const halves = new Uint32Array(float.buffer);

function decodeSpans(buffer: DecodeBuffer): Span[] {
  const spans: Span[] = [];
  for (let n = roomFor(buffer, buffer.uvarint(), 2); n > 0; n--) {
    spans.push({ offset: buffer.varint(), length: buffer.uvarint() });
  }
  return spans;
}

function decodeBuckets(buffer: DecodeBuffer, spans: readonly Span[], ofIntegers: boolean): Buckets {
  const counts = ofIntegers ? decodeDeltas(buffer) : decodeFloats(buffer);
  if (spans.reduce((sum, { length }) => sum + length, 0) !== counts.length) {
    throw new RangeError('the spans of a histogram do not fit its buckets');
  }
  try {
    return bucketsFromSpans(spans, counts);
  } catch (error) {
    throw error instanceof HistogramError ? new RangeError(error.message) : error;
  }
}

function decodeDeltas(buffer: DecodeBuffer): Float64Array {
  const counts = new Float64Array(roomFor(buffer, buffer.uvarint(), 1));
  for (let i = 0, count = 0; i < counts.length; i++) {
    count += buffer.varint();
    counts[i] = count;
  }
  return counts;
}

function decodeFloats(buffer: DecodeBuffer): Float64Array {
  const values = new Float64Array(roomFor(buffer, buffer.uvarint(), 8));
  for (let i = 0; i < values.length; i++) values[i] = buffer.float64();
  return values;
}

/** Before memory is taken for `count` numbers: whether the record can have them. */
function roomFor(buffer: DecodeBuffer, count: number, bytesMin: number): number {
  if (count * bytesMin > buffer.remaining) throw new RangeError('the record ends too early');
  return count;
}

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
