import { type CounterResetHint, denseBuckets, FloatHistogram, HistogramSum, INCOMPATIBLE } from '@avalanche/model';

/** A native histogram as a script writes it. */
export class HistogramLiteral {
  constructor(
    readonly histogram: FloatHistogram,
    /** Whether it says what its counter reset hint is; only then is the hint compared. */
    readonly hintGiven: boolean,
  ) {}
}

const HINTS: readonly string[] = ['unknown', 'reset', 'not_reset', 'gauge'] satisfies CounterResetHint[];

/** What one number in a literal may be. */
const NUMBER = /^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf|nan)$/i;

/** Parses the inside of `{{schema:1 count:4 sum:5 buckets:[1 2 1]}}`. @throws Error */
export function parseHistogramLiteral(text: string): HistogramLiteral {
  const fields = new Map<string, string>();
  const rest = text.replace(/([a-z_]+):(\[[^\]]*\]|[^\s[\]]+)/gi, (_, key: string, value: string) => {
    if (fields.has(key)) throw new Error(`duplicate key "${key}" in histogram`);
    fields.set(key, value);
    return '';
  });
  if (rest.trim() !== '') throw new Error(`bad histogram descriptor found: ${JSON.stringify(rest.trim())}`);
  const take = (key: string): string | undefined => {
    const value = fields.get(key);
    fields.delete(key);
    return value;
  };
  const hint = take('counter_reset_hint');
  if (hint !== undefined && !HINTS.includes(hint)) throw new Error(`bad histogram descriptor found: "${hint}"`);
  const histogram = new FloatHistogram({
    counterResetHint: (hint ?? 'unknown') as CounterResetHint,
    schema: integer(take('schema')),
    sum: toNumber(take('sum')),
    count: toNumber(take('count')),
    zeroCount: toNumber(take('z_bucket')),
    zeroThreshold: toNumber(take('z_bucket_w')),
    customValues: Float64Array.from(numbers(take('custom_values'))),
    positive: denseBuckets(integer(take('offset')), numbers(take('buckets'))),
    negative: denseBuckets(integer(take('n_offset')), numbers(take('n_buckets'))),
  });
  for (const key of fields.keys()) throw new Error(`bad histogram descriptor found: "${key}"`);
  return new HistogramLiteral(histogram, hint !== undefined);
}

/** `first` and then `times` more, each with `delta` added to (or subtracted from) the one before. @throws Error */
export function* histogramSequence(
  first: HistogramLiteral,
  delta: { readonly literal: HistogramLiteral; readonly sign: 1 | -1 } | null,
  times: number,
): Generator<HistogramLiteral> {
  yield first;
  let { histogram } = first;
  for (let i = 0; i < times; i++) {
    if (delta !== null) histogram = added(histogram, delta.literal.histogram, delta.sign);
    yield new HistogramLiteral(histogram, first.hintGiven);
  }
}

function added(base: FloatHistogram, delta: FloatHistogram, sign: 1 | -1): FloatHistogram {
  if (base.schema > delta.schema) {
    throw new Error(`error combining histograms: cannot merge from schema ${delta.schema} to ${base.schema}`);
  }
  const sum = new HistogramSum(base);
  if (sum.add(delta, sign) & INCOMPATIBLE) throw new Error('error combining histograms: incompatible schemas');
  return sum.result();
}

function toNumber(text: string | undefined): number {
  if (text === undefined) return 0;
  if (!NUMBER.test(text)) throw new Error(`bad number ${JSON.stringify(text)} in histogram`);
  const lower = text.toLowerCase().replace(/^\+/, '');
  if (lower.endsWith('inf')) return lower.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return lower.endsWith('nan') ? Number.NaN : Number(lower);
}

function integer(text: string | undefined): number {
  const value = toNumber(text);
  if (!Number.isInteger(value)) throw new Error(`expected an integer in histogram, got ${text}`);
  return value;
}

function numbers(text: string | undefined): number[] {
  if (text === undefined) return [];
  if (!text.startsWith('[')) throw new Error(`expected a list in histogram, got ${text}`);
  return text
    .slice(1, -1)
    .split(/\s+/)
    .filter((item) => item !== '')
    .map((item) => toNumber(item));
}
