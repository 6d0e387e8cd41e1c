import {
  type CounterResetHint,
  FloatHistogram,
  isExponentialSchema,
  isStaleHistogram,
  type ProtoReader,
  type ProtoWriter,
  SCHEMA_MAX,
  STALE_FLOAT_HISTOGRAM,
  STALE_HIGH,
  STALE_HISTOGRAM,
  STALE_LOW,
  WireBuckets,
  writeDeltas,
  writeSpans,
} from '@avalanche/model';

/** Field numbers of `prometheus.Histogram` and `io.prometheus.write.v2.Histogram`, which are the same. */
const HISTOGRAM = {
  ...{ countInt: 1, countFloat: 2, sum: 3, schema: 4, zeroThreshold: 5, zeroCountInt: 6, zeroCountFloat: 7 },
  ...{ negativeSpans: 8, negativeDeltas: 9, negativeCounts: 10 },
  ...{ positiveSpans: 11, positiveDeltas: 12, positiveCounts: 13 },
  ...{ resetHint: 14, timestamp: 15, customValues: 16, startTimestamp: 17 },
} as const;
const HINTS: readonly CounterResetHint[] = ['unknown', 'reset', 'not_reset', 'gauge'];
/** `count_float = 0`: what says that a histogram is one of floats is written even where it is zero. */
const ZERO_COUNT_FLOAT = Uint8Array.of((HISTOGRAM.countFloat << 3) | 1, 0, 0, 0, 0, 0, 0, 0, 0);

/** A native histogram of a message. */
export interface SentHistogram {
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** When it began, in milliseconds since the epoch; 0 where it is not said. */
  readonly start: number;
  readonly histogram: FloatHistogram;
}

/** Buckets that do not fit their spans, or a schema that nobody knows: a message that can be read, and not stored. */
export class UnusableHistogram extends Error {
  override readonly name = 'UnusableHistogram';
}

/** Writes a histogram as a field of a series. */
export function writeHistogram(
  writer: ProtoWriter,
  field: number,
  { time, histogram, start: begun }: SentHistogram,
): void {
  const { ofIntegers, positive, negative } = histogram;
  const start = writer.begin(field);
  if (ofIntegers) writer.int64(HISTOGRAM.countInt, histogram.count);
  else if (histogram.count === 0) writer.raw(ZERO_COUNT_FLOAT);
  else writer.double(HISTOGRAM.countFloat, histogram.count);
  if (isStaleHistogram(histogram)) writer.bits64(HISTOGRAM.sum, STALE_LOW, STALE_HIGH);
  else writer.double(HISTOGRAM.sum, histogram.sum);
  writer.sint64(HISTOGRAM.schema, histogram.schema);
  writer.double(HISTOGRAM.zeroThreshold, histogram.zeroThreshold);
  if (ofIntegers) writer.int64(HISTOGRAM.zeroCountInt, histogram.zeroCount);
  else writer.double(HISTOGRAM.zeroCountFloat, histogram.zeroCount);
  writeSpans(writer, HISTOGRAM.negativeSpans, negative.indexes);
  if (ofIntegers) writeDeltas(writer, HISTOGRAM.negativeDeltas, negative);
  else writer.doubles(HISTOGRAM.negativeCounts, negative.counts);
  writeSpans(writer, HISTOGRAM.positiveSpans, positive.indexes);
  if (ofIntegers) writeDeltas(writer, HISTOGRAM.positiveDeltas, positive);
  else writer.doubles(HISTOGRAM.positiveCounts, positive.counts);
  writer.int64(HISTOGRAM.resetHint, HINTS.indexOf(histogram.counterResetHint));
  writer.int64(HISTOGRAM.timestamp, time);
  writer.doubles(HISTOGRAM.customValues, histogram.customValues);
  writer.int64(HISTOGRAM.startTimestamp, begun);
  writer.end(start);
}

/** The fields of a histogram, in whatever order they come. */
class Fields {
  ofIntegers = true;
  count = 0;
  zeroCount = 0;
  sum = 0;
  isStale = false;
  schema = 0;
  zeroThreshold = 0;
  hint = 0;
  time = 0;
  start = 0;
  readonly customValues: number[] = [];
  readonly positive = new WireBuckets();
  readonly negative = new WireBuckets();

  read(reader: ProtoReader): void {
    const { field } = reader;
    const { positive, negative } = this;
    if (field === HISTOGRAM.positiveSpans) positive.readSpan(reader);
    else if (field === HISTOGRAM.positiveDeltas) reader.sint64s(positive.deltas);
    else if (field === HISTOGRAM.positiveCounts) reader.doubles(positive.counts);
    else if (field === HISTOGRAM.negativeSpans) negative.readSpan(reader);
    else if (field === HISTOGRAM.negativeDeltas) reader.sint64s(negative.deltas);
    else if (field === HISTOGRAM.negativeCounts) reader.doubles(negative.counts);
    else if (field === HISTOGRAM.customValues) reader.doubles(this.customValues);
    else if (field === HISTOGRAM.timestamp) this.time = reader.int64();
    else if (field === HISTOGRAM.startTimestamp) this.start = reader.int64();
    else this.readNumber(reader, field);
  }

  private readNumber(reader: ProtoReader, field: number): void {
    if (field === HISTOGRAM.countInt) this.count = reader.uint64();
    else if (field === HISTOGRAM.countFloat) {
      this.count = reader.double();
      this.ofIntegers = false;
    } else if (field === HISTOGRAM.sum) {
      this.sum = reader.double();
      this.isStale = reader.low === STALE_LOW && reader.high === STALE_HIGH;
    } else if (field === HISTOGRAM.schema) this.schema = reader.sint64();
    else if (field === HISTOGRAM.zeroThreshold) this.zeroThreshold = reader.double();
    else if (field === HISTOGRAM.zeroCountInt) this.zeroCount = reader.uint64();
    else if (field === HISTOGRAM.zeroCountFloat) this.zeroCount = reader.double();
    else if (field === HISTOGRAM.resetHint) this.hint = reader.uint64();
    else reader.skip();
  }

  /** @throws HistogramError, UnusableHistogram */
  histogram(): FloatHistogram {
    const { ofIntegers, schema, customValues } = this;
    if (this.isStale) return ofIntegers ? STALE_HISTOGRAM : STALE_FLOAT_HISTOGRAM;
    const histogram = new FloatHistogram({
      ...{ ofIntegers, schema, count: this.count, zeroCount: this.zeroCount, sum: this.sum },
      counterResetHint: HINTS[this.hint] ?? 'unknown',
      zeroThreshold: this.zeroThreshold,
      positive: this.positive.buckets(ofIntegers),
      negative: this.negative.buckets(ofIntegers),
      customValues: Float64Array.from(customValues),
    });
    if (histogram.usesCustomBuckets || isExponentialSchema(schema)) return histogram;
    // Finer than can be computed with: upstream keeps it too, in the finest resolution that can be.
    if (schema > SCHEMA_MAX && schema <= RESERVED_SCHEMA_MAX) return histogram.reducedTo(SCHEMA_MAX);
    throw new UnusableHistogram(
      `histogram has an unknown schema, which must be between -9 and 52 for exponential buckets, or -53 for custom buckets, got schema ${schema}`,
    );
  }
}

const RESERVED_SCHEMA_MAX = 52;

/** Reads a histogram. @returns what it is, or why it cannot be used. @throws ProtoError */
export function readHistogram(reader: ProtoReader): SentHistogram | UnusableHistogram {
  const fields = new Fields();
  const outer = reader.enter();
  while (reader.next()) fields.read(reader);
  reader.leave(outer);
  try {
    return { time: fields.time, start: fields.start, histogram: fields.histogram() };
  } catch (error) {
    return new UnusableHistogram((error as Error).message);
  }
}
