import { FloatHistogram, type ProtoReader, WireBuckets } from '@avalanche/model';

/** Field numbers of `io.prometheus.client`. */
const METRIC = { label: 1, gauge: 2, counter: 3, summary: 4, untyped: 5, timestampMs: 6, histogram: 7 } as const;
const VALUE = { value: 1, exemplar: 2, startTimestamp: 3 } as const;
const SUMMARY = { count: 1, sum: 2, quantile: 3, startTimestamp: 4 } as const;
const QUANTILE = { quantile: 1, value: 2 } as const;
const BUCKET = { count: 1, upperBound: 2, exemplar: 3, countFloat: 4 } as const;
const HISTOGRAM = {
  ...{ count: 1, sum: 2, bucket: 3, countFloat: 4, schema: 5, zeroThreshold: 6, zeroCount: 7, zeroCountFloat: 8 },
  ...{ negativeSpan: 9, negativeDelta: 10, negativeCount: 11, positiveSpan: 12, positiveDelta: 13, positiveCount: 14 },
  ...{ startTimestamp: 15, exemplar: 16 },
} as const;
const TIMESTAMP = { seconds: 1, nanos: 2 } as const;

/** Spans that describe another number of buckets than there are. */
export class SpanMismatch extends Error {
  override readonly name = 'SpanMismatch';
}

/** @throws SpanMismatch in upstream's words */
function checkSpans(name: string, side: WireBuckets, ofIntegers: boolean): void {
  const { length } = ofIntegers ? side.deltas : side.counts;
  const { wanted } = side;
  if (wanted !== length) throw new SpanMismatch(`${name} side: spans require ${wanted} buckets, have ${length}`);
}

/**
 * One `Metric` of a protobuf exposition, and what is in it. Used again for the next one: arrays keep their memory, and
 * what need not be read most of the time (labels, exemplars) is a place in the body: `[start, end, …]`.
 */
export class ProtoMetric {
  readonly labels: number[] = [];
  /** Of a counter, gauge or untyped metric. */
  value = 0;
  /** Milliseconds since the epoch; 0 where there is none. */
  timestamp = 0;
  /** Milliseconds since the epoch; 0 where there is none. */
  start = 0;
  /** The place of the exemplar of a counter; -1 where there is none. */
  exemplarStart = -1;
  exemplarEnd = -1;
  /** Of a summary or a histogram. */
  count = 0;
  sum = 0;
  /** Quantiles and their values, or upper bounds and cumulative counts. */
  readonly bounds: number[] = [];
  readonly values: number[] = [];
  /** By bucket: the place of its exemplar, -1 where it has none. */
  readonly bucketExemplars: number[] = [];
  /** Places of the exemplars of a native histogram. */
  readonly exemplars: number[] = [];
  private countFloat = 0;
  private schema = 0;
  private zeroThreshold = 0;
  private zeroCount = 0;
  private zeroCountFloat = 0;
  private readonly positive = new WireBuckets();
  private readonly negative = new WireBuckets();

  /**
   * As upstream: without spans and without a zero bucket a histogram is a classic one. (One that is to be native and has
   * no observations yet has an empty span.)
   */
  get isNative(): boolean {
    const { positive, negative, zeroThreshold, zeroCount } = this;
    return positive.spanCount > 0 || negative.spanCount > 0 || zeroThreshold > 0 || zeroCount > 0;
  }

  /** Of a classic histogram: the count of all observations. */
  get totalCount(): number {
    return this.countFloat || this.count;
  }

  /** Reads a metric to the end of its message. @throws ProtoError */
  read(reader: ProtoReader): void {
    this.reset();
    while (reader.next()) {
      const { field } = reader;
      if (field === METRIC.label) {
        const length = reader.place();
        this.labels.push(reader.position - length, reader.position);
      } else if (field === METRIC.timestampMs) this.timestamp = reader.int64();
      else if (field === METRIC.gauge || field === METRIC.counter || field === METRIC.untyped) this.readValue(reader);
      else if (field === METRIC.summary) this.readSummary(reader);
      else if (field === METRIC.histogram) this.readHistogram(reader);
      else reader.skip();
    }
  }

  /** Call where `isNative`. @throws HistogramError, SpanMismatch */
  nativeHistogram(isGauge: boolean): FloatHistogram {
    const ofIntegers = !(this.countFloat > 0 || this.zeroCountFloat > 0);
    checkSpans('positive', this.positive, ofIntegers);
    checkSpans('negative', this.negative, ofIntegers);
    return new FloatHistogram({
      counterResetHint: isGauge ? 'gauge' : 'unknown',
      schema: this.schema,
      zeroThreshold: this.zeroThreshold,
      zeroCount: ofIntegers ? this.zeroCount : this.zeroCountFloat,
      count: ofIntegers ? this.count : this.countFloat,
      sum: this.sum,
      positive: this.positive.buckets(ofIntegers),
      negative: this.negative.buckets(ofIntegers),
      ofIntegers,
    }).compact();
  }

  private reset(): void {
    this.labels.length = 0;
    this.value = 0;
    this.timestamp = 0;
    this.start = 0;
    this.exemplarStart = -1;
    this.exemplarEnd = -1;
    this.count = 0;
    this.sum = 0;
    this.bounds.length = 0;
    this.values.length = 0;
    this.bucketExemplars.length = 0;
    this.exemplars.length = 0;
    this.countFloat = 0;
    this.schema = 0;
    this.zeroThreshold = 0;
    this.zeroCount = 0;
    this.zeroCountFloat = 0;
    this.positive.reset();
    this.negative.reset();
  }

  private readValue(reader: ProtoReader): void {
    const outer = reader.enter();
    while (reader.next()) {
      if (reader.field === VALUE.value) this.value = reader.double();
      else if (reader.field === VALUE.exemplar) {
        const length = reader.place();
        this.exemplarStart = reader.position - length;
        this.exemplarEnd = reader.position;
      } else if (reader.field === VALUE.startTimestamp) this.start = readTimestamp(reader);
      else reader.skip();
    }
    reader.leave(outer);
  }

  private readSummary(reader: ProtoReader): void {
    const outer = reader.enter();
    while (reader.next()) {
      if (reader.field === SUMMARY.count) this.count = reader.uint64();
      else if (reader.field === SUMMARY.sum) this.sum = reader.double();
      else if (reader.field === SUMMARY.startTimestamp) this.start = readTimestamp(reader);
      else if (reader.field === SUMMARY.quantile) this.readQuantile(reader);
      else reader.skip();
    }
    reader.leave(outer);
  }

  private readQuantile(reader: ProtoReader): void {
    let quantile = 0;
    let value = 0;
    const outer = reader.enter();
    while (reader.next()) {
      if (reader.field === QUANTILE.quantile) quantile = reader.double();
      else if (reader.field === QUANTILE.value) value = reader.double();
      else reader.skip();
    }
    reader.leave(outer);
    this.bounds.push(quantile);
    this.values.push(value);
  }

  private readHistogram(reader: ProtoReader): void {
    const { positive, negative } = this;
    const outer = reader.enter();
    while (reader.next()) {
      const { field } = reader;
      if (field === HISTOGRAM.bucket) this.readBucket(reader);
      else if (field === HISTOGRAM.positiveDelta) reader.sint64s(positive.deltas);
      else if (field === HISTOGRAM.positiveSpan) positive.readSpan(reader);
      else if (field === HISTOGRAM.negativeDelta) reader.sint64s(negative.deltas);
      else if (field === HISTOGRAM.negativeSpan) negative.readSpan(reader);
      else if (field === HISTOGRAM.positiveCount) reader.doubles(positive.counts);
      else if (field === HISTOGRAM.negativeCount) reader.doubles(negative.counts);
      else if (field === HISTOGRAM.exemplar) {
        const length = reader.place();
        this.exemplars.push(reader.position - length, reader.position);
      } else this.readHistogramNumber(reader, field);
    }
    reader.leave(outer);
  }

  private readHistogramNumber(reader: ProtoReader, field: number): void {
    if (field === HISTOGRAM.count) this.count = reader.uint64();
    else if (field === HISTOGRAM.sum) this.sum = reader.double();
    else if (field === HISTOGRAM.countFloat) this.countFloat = reader.double();
    else if (field === HISTOGRAM.schema) this.schema = reader.sint64();
    else if (field === HISTOGRAM.zeroThreshold) this.zeroThreshold = reader.double();
    else if (field === HISTOGRAM.zeroCount) this.zeroCount = reader.uint64();
    else if (field === HISTOGRAM.zeroCountFloat) this.zeroCountFloat = reader.double();
    else if (field === HISTOGRAM.startTimestamp) this.start = readTimestamp(reader);
    else reader.skip();
  }

  private readBucket(reader: ProtoReader): void {
    let count = 0;
    let countFloat = 0;
    let bound = 0;
    let exemplarStart = -1;
    let exemplarEnd = -1;
    const outer = reader.enter();
    while (reader.next()) {
      const { field } = reader;
      if (field === BUCKET.count) count = reader.uint64();
      else if (field === BUCKET.countFloat) countFloat = reader.double();
      else if (field === BUCKET.upperBound) bound = reader.double();
      else if (field === BUCKET.exemplar) {
        const length = reader.place();
        exemplarStart = reader.position - length;
        exemplarEnd = reader.position;
      } else reader.skip();
    }
    reader.leave(outer);
    this.bounds.push(bound);
    this.values.push(countFloat || count);
    this.bucketExemplars.push(exemplarStart, exemplarEnd);
  }
}

/** Reads a `google.protobuf.Timestamp`. @returns milliseconds since the epoch */
export function readTimestamp(reader: ProtoReader): number {
  let seconds = 0;
  let nanos = 0;
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.field === TIMESTAMP.seconds) seconds = reader.int64();
    else if (reader.field === TIMESTAMP.nanos) nanos = reader.int64();
    else reader.skip();
  }
  reader.leave(outer);
  return seconds * 1000 + Math.trunc(nanos / 1e6) + 0; // never -0
}
