export { type Buckets, bucketsFromSpans, denseBuckets, NO_BUCKETS, type Span, spansOf } from './buckets.ts';
export { ClassicHistogram, ClassicHistogramError } from './classic.ts';
export { HistogramError, type HistogramErrorCode } from './error.ts';
export { type CounterResetHint, FloatHistogram, type HistogramFields, sameBounds } from './float-histogram.ts';
export { allBuckets, type Bucket, fractionBelow, negativeBuckets, positiveBuckets } from './iterate.ts';
export { detectReset } from './reset.ts';
export { CUSTOM_BUCKETS_SCHEMA, isExponentialSchema } from './schema.ts';
export {
  ADDED,
  type AddOutcome,
  BOUNDS_RECONCILED,
  combine,
  HistogramSum,
  INCOMPATIBLE,
  RESET_COLLISION,
} from './sum.ts';
export { formatHistogram, formatHistogramJSON, formatHistogramLiteral } from './text.ts';
export { type TrimSide, trim } from './trim.ts';
