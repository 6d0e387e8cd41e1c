export { type Buckets, bucketsFromSpans, denseBuckets, NO_BUCKETS, type Span, sameLayout, spansOf } from './buckets.ts';
export { ClassicHistogram, ClassicHistogramError } from './classic.ts';
export { HistogramError } from './error.ts';
export {
  type CounterResetHint,
  FloatHistogram,
  type HistogramFields,
  isStaleHistogram,
  STALE_FLOAT_HISTOGRAM,
  STALE_HISTOGRAM,
  sameBounds,
} from './float-histogram.ts';
export { allBuckets, type Bucket, fractionBelow } from './iterate.ts';
export { detectReset } from './reset.ts';
export { CUSTOM_BUCKETS_SCHEMA, isExponentialSchema, SCHEMA_MAX } from './schema.ts';
export { BOUNDS_RECONCILED, combine, HistogramSum, INCOMPATIBLE, RESET_COLLISION } from './sum.ts';
export { formatHistogram, formatHistogramJSON, formatHistogramLiteral } from './text.ts';
export { type TrimSide, trim } from './trim.ts';
export { WireBuckets, writeDeltas, writeSpans } from './wire.ts';
