export { type Buckets, denseBuckets, NO_BUCKETS } from './buckets.ts';
export { ClassicHistogram } from './classic.ts';
export { type CounterResetHint, FloatHistogram, type HistogramFields, sameBounds } from './float-histogram.ts';
export { allBuckets, type Bucket, fractionBelow } from './iterate.ts';
export { detectReset } from './reset.ts';
export { BOUNDS_RECONCILED, combine, HistogramSum, INCOMPATIBLE, RESET_COLLISION } from './sum.ts';
export { formatHistogram, formatHistogramJSON, formatHistogramLiteral } from './text.ts';
export { type TrimSide, trim } from './trim.ts';
