import { formatBound, parseNumber } from '@avalanche/exposition';
import { METRIC_NAME } from '@avalanche/model';

const BUCKET = '_bucket';

/**
 * Writes the bounds of a histogram's buckets and the quantiles of a summary as OpenMetrics does, `le="1"` as `le="1.0"`:
 * upstream does so since 3.0 (`model/textparse`), so that a target's series are the same in each format.
 * @param typeOf the type that the body gives for a metric family
 */
export function withNormalBounds(
  scraped: ReadonlyMap<string, string>,
  typeOf: (family: string) => string | undefined,
): ReadonlyMap<string, string> {
  const name = scraped.get(METRIC_NAME) ?? '';
  const isBucket = scraped.has('le') && name.endsWith(BUCKET) && typeOf(name.slice(0, -BUCKET.length)) === 'histogram';
  const label = isBucket ? 'le' : scraped.has('quantile') && typeOf(name) === 'summary' ? 'quantile' : '';
  const bound = label === '' ? undefined : parseNumber(scraped.get(label) ?? '');
  return bound === undefined ? scraped : new Map(scraped).set(label, formatBound(bound));
}
