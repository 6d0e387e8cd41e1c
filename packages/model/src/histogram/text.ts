import { formatG, formatValue } from '../number.ts';
import type { Buckets } from './buckets.ts';
import type { FloatHistogram } from './float-histogram.ts';
import { allBuckets, type Bucket, negativeBuckets, positiveBuckets, zeroBucket } from './iterate.ts';

/** As upstream prints it, and label values name it: `{count:4, sum:5, (0.5,1]:1, …}`, in ascending order. */
export function formatHistogram(h: FloatHistogram, formatCount = formatG): string {
  const buckets = negativeBuckets(h).reverse();
  if (!h.usesCustomBuckets) buckets.push(zeroBucket(h));
  buckets.push(...positiveBuckets(h));
  const parts = [`count:${formatCount(h.count)}`, `sum:${formatG(h.sum)}`];
  for (const bucket of buckets) if (bucket.count !== 0) parts.push(formatBucket(bucket, formatCount));
  return `{${parts.join(', ')}}`;
}

function formatBucket(bucket: Bucket, formatCount: (count: number) => string): string {
  const { lower, upper, lowerInclusive, upperInclusive, count } = bucket;
  const bounds = `${formatG(lower)},${formatG(upper)}`;
  return `${lowerInclusive ? '[' : '('}${bounds}${upperInclusive ? ']' : ')'}:${formatCount(count)}`;
}

/** As the test language writes it: `{{schema:1 count:4 sum:5 buckets:[1 2 1]}}`. */
export function formatHistogramLiteral(h: FloatHistogram): string {
  const parts: string[] = [];
  const number = (key: string, value: number): void => {
    if (value !== 0) parts.push(`${key}:${formatG(value)}`);
  };
  number('schema', h.schema);
  number('count', h.count);
  number('sum', h.sum);
  number('z_bucket', h.zeroCount);
  number('z_bucket_w', h.zeroThreshold);
  if (h.usesCustomBuckets) parts.push(`custom_values:${formatNumbers(h.customValues)}`);
  if (h.counterResetHint !== 'unknown') parts.push(`counter_reset_hint:${h.counterResetHint}`);
  parts.push(
    ...literalBuckets(h.positive, 'offset', 'buckets'),
    ...literalBuckets(h.negative, 'n_offset', 'n_buckets'),
  );
  return `{{${parts.join(' ')}}}`;
}

/** One run of counts from the first populated bucket to the last, empty ones between them included. */
function literalBuckets({ indexes, counts }: Buckets, offsetKey: string, bucketsKey: string): string[] {
  const populated = Array.from(indexes.keys()).filter((i) => counts[i] !== 0);
  if (populated.length === 0) return [];
  const first = indexes[populated[0]];
  const run = new Float64Array(indexes[populated[populated.length - 1]] - first + 1);
  for (const i of populated) run[indexes[i] - first] = counts[i];
  return [...(first === 0 ? [] : [`${offsetKey}:${first}`]), `${bucketsKey}:${formatNumbers(run)}`];
}

function formatNumbers(numbers: Float64Array): string {
  return `[${Array.from(numbers, formatG).join(' ')}]`;
}

/**
 * As the HTTP API has it: `{"count":"4","sum":"5","buckets":[[0,"0.5","1","1"],…]}`. The first number of a bucket says
 * which of its bounds are included: 0 the upper, 1 the lower, 2 none, 3 both. Empty buckets are left out.
 */
export function formatHistogramJSON(h: FloatHistogram): string {
  const buckets = allBuckets(h)
    .filter(({ count }) => count !== 0)
    .map((bucket) => {
      const numbers = [bucket.lower, bucket.upper, bucket.count].map((number) => `"${formatValue(number)}"`);
      return `[${boundaryRule(bucket)},${numbers.join(',')}]`;
    });
  const listed = buckets.length > 0 ? `,"buckets":[${buckets.join(',')}]` : '';
  return `{"count":"${formatValue(h.count)}","sum":"${formatValue(h.sum)}"${listed}}`;
}

function boundaryRule({ lowerInclusive, upperInclusive }: Bucket): number {
  if (lowerInclusive) return upperInclusive ? 3 : 1;
  return upperInclusive ? 0 : 2;
}
