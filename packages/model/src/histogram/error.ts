/** What can be wrong with a histogram, and upstream's words for it. */
const MEANINGS = {
  'count-not-big-enough':
    "histogram's observation count should be at least the number of observations found in the buckets",
  'count-mismatch':
    "histogram's observation count should equal the number of observations found in the buckets (in absence of NaN)",
  'negative-count': "histogram's observation count is negative",
  'negative-bucket-count': 'histogram has a bucket whose observation count is negative',
  'negative-span-offset': 'histogram has a span whose offset is negative',
  'spans-buckets-mismatch': 'histogram spans specify different number of buckets than provided',
  'custom-bounds-too-few': 'histogram custom bounds are too few',
  'custom-bounds-order': 'histogram custom bounds must be in strictly increasing order',
  'custom-bounds-infinite': 'histogram custom bounds must be finite',
  'custom-bounds-nan': 'histogram custom bounds must not be NaN',
  'custom-zero-count': 'custom buckets: must have zero count of 0',
  'custom-zero-threshold': 'custom buckets: must have zero threshold of 0',
  'custom-negative-buckets': 'custom buckets: must not have negative buckets',
  'exponential-custom-bounds': 'histogram with exponential schema must not have custom bounds',
  'invalid-schema':
    'histogram has an invalid schema, which must be between -4 and 8 for exponential buckets, or -53 for custom buckets',
} as const;

export type HistogramErrorCode = keyof typeof MEANINGS;

/** A histogram that contradicts itself. */
export class HistogramError extends Error {
  constructor(
    readonly code: HistogramErrorCode,
    detail = '',
  ) {
    super(detail === '' ? MEANINGS[code] : `${detail}: ${MEANINGS[code]}`);
  }
}
