import { formatG } from '@avalanche/model';

/** The bound of a histogram's bucket, or a quantile, as OpenMetrics writes it: `1` as `1.0`. */
export function formatBound(bound: number): string {
  if (bound === 0) return '0.0'; // -0 too
  const text = formatG(bound);
  return Number.isFinite(bound) && !/[e.]/.test(text) ? `${text}.0` : text;
}
