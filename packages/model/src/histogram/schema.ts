import { SCHEMA_8_FRACTIONS } from './bounds.ts';

/** Exponential schemas: a power of two is divided into 2^schema buckets, so each bound is the last times 2^(2^-schema). */
export const SCHEMA_MIN = -4;
export const SCHEMA_MAX = 8;
/** The schema of histograms that name their bounds themselves (NHCB). */
export const CUSTOM_BUCKETS_SCHEMA = -53;

export function isExponentialSchema(schema: number): boolean {
  return schema >= SCHEMA_MIN && schema <= SCHEMA_MAX;
}

/**
 * The upper bound of the positive bucket `index`, or the lower one of `index + 1`; negative buckets are mirrored. The
 * last bucket of regular numbers ends at the largest finite number, so that only ±Inf lies in the one after it.
 */
export function exponentialBound(index: number, schema: number): number {
  if (schema < 0) {
    const exponent = index * 2 ** -schema;
    return exponent === 1024 ? Number.MAX_VALUE : 2 ** exponent;
  }
  const fraction = SCHEMA_8_FRACTIONS[(index & ((1 << schema) - 1)) << (SCHEMA_MAX - schema)];
  const exponent = (index >> schema) + 1;
  if (fraction === 0.5 && exponent === 1025) return Number.MAX_VALUE;
  // In two factors, as 2 ** 1024 alone would overflow and 2 ** -1074 has no room for a fraction before it is applied.
  return exponent > 0 ? fraction * 2 * 2 ** (exponent - 1) : fraction * 2 ** exponent;
}

/** The upper bound of custom bucket `index`: -1 gives -Inf, the one behind the last bound +Inf. */
export function customBound(index: number, bounds: Float64Array): number {
  if (index < 0) return Number.NEGATIVE_INFINITY;
  return index < bounds.length ? bounds[index] : Number.POSITIVE_INFINITY;
}

export function boundOf(index: number, schema: number, customValues: Float64Array): number {
  return schema === CUSTOM_BUCKETS_SCHEMA ? customBound(index, customValues) : exponentialBound(index, schema);
}

/** The index, `shift` schemas lower, of the bucket that holds bucket `index`. */
export function coarserIndex(index: number, shift: number): number {
  // JavaScript shifts by the shift modulo 32.
  return ((index - 1) >> Math.min(shift, 31)) + 1;
}
