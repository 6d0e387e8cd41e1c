import { type FloatHistogram, ProtoWriter, writeSpans } from '@avalanche/model';
import { classicBuckets, type FederatedSample, type FederationWriter } from './federate-histogram.ts';
import { type Escaping, escapeName, LABEL, METRIC } from './federate-text.ts';

/** Field numbers of `io.prometheus.client`, and of its metric types. */
const FAMILY = { name: 1, type: 3, metric: 4 } as const;
const TYPES = { untyped: 3, histogram: 4, gaugeHistogram: 5 } as const;
const FIELD = { label: 1, untyped: 5, timestampMs: 6, histogram: 7 } as const;
const PAIR = { name: 1, value: 2 } as const;
const HISTOGRAM = {
  ...{ sum: 2, bucket: 3, countFloat: 4, schema: 5, zeroThreshold: 6, zeroCountFloat: 8 },
  ...{ negativeSpan: 9, negativeCount: 11, positiveSpan: 12, positiveCount: 14 },
} as const;
const BUCKET = { upperBound: 2, countFloat: 4 } as const;
/** A family is written out when it is this large, and goes on in another message of its name. */
const FAMILY_BYTES = 256 * 1024;

/**
 * Writes delimited `MetricFamily` messages. As upstream: a name has a family for each kind of its samples, and a
 * histogram with custom buckets is a classic one.
 */
export class ProtobufFederation implements FederationWriter {
  private readonly out = new ProtoWriter();
  private readonly family = new ProtoWriter();
  /** Name and type of the family that is being written. */
  private name = '';
  private type = -1;

  constructor(private readonly escaping: Escaping) {}

  get size(): number {
    return this.out.length;
  }

  add(sample: FederatedSample): void {
    this.beginFamily(sample.name, typeOf(sample.histogram));
    const { family } = this;
    const start = family.begin(FAMILY.metric);
    for (const [name, value] of sample.labels) {
      const pair = family.begin(FIELD.label);
      family.string(PAIR.name, escapeName(name, LABEL, this.escaping));
      family.string(PAIR.value, value);
      family.end(pair);
    }
    if (sample.histogram) this.putHistogram(sample.histogram);
    else {
      const untyped = family.begin(FIELD.untyped);
      family.double(1, sample.value);
      family.end(untyped);
    }
    family.int64(FIELD.timestampMs, sample.time);
    family.end(start);
    if (family.length > FAMILY_BYTES) this.endFamily();
  }

  take(): Buffer {
    this.endFamily();
    const taken = Buffer.from(this.out.written);
    this.out.reset();
    return taken;
  }

  private beginFamily(name: string, type: number): void {
    if (name === this.name && type === this.type) return;
    this.endFamily();
    this.name = name;
    this.type = type;
    this.family.string(FAMILY.name, escapeName(name, METRIC, this.escaping));
    this.family.int64(FAMILY.type, type);
  }

  private endFamily(): void {
    if (this.family.length > 0) this.out.delimited(this.family.written);
    this.family.reset();
    this.type = -1;
  }

  private putHistogram(histogram: FloatHistogram): void {
    const { family } = this;
    const start = family.begin(FIELD.histogram);
    family.double(HISTOGRAM.sum, histogram.sum);
    family.double(HISTOGRAM.countFloat, histogram.count);
    if (histogram.usesCustomBuckets) this.putClassic(histogram);
    else this.putNative(histogram);
    family.end(start);
  }

  private putClassic(histogram: FloatHistogram): void {
    const { family } = this;
    for (const [bound, count] of classicBuckets(histogram)) {
      const bucket = family.begin(HISTOGRAM.bucket);
      family.double(BUCKET.upperBound, bound);
      family.double(BUCKET.countFloat, count);
      family.end(bucket);
    }
  }

  private putNative({ schema, zeroThreshold, zeroCount, positive, negative }: FloatHistogram): void {
    const { family } = this;
    family.sint64(HISTOGRAM.schema, schema);
    family.double(HISTOGRAM.zeroThreshold, zeroThreshold);
    family.double(HISTOGRAM.zeroCountFloat, zeroCount);
    writeSpans(family, HISTOGRAM.negativeSpan, negative.indexes);
    family.doubles(HISTOGRAM.negativeCount, negative.counts);
    writeSpans(family, HISTOGRAM.positiveSpan, positive.indexes);
    family.doubles(HISTOGRAM.positiveCount, positive.counts);
  }
}

function typeOf(histogram: FloatHistogram | undefined): number {
  if (!histogram) return TYPES.untyped;
  return histogram.counterResetHint === 'gauge' ? TYPES.gaugeHistogram : TYPES.histogram;
}
