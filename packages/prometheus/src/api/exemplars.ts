import { formatValue } from '@avalanche/model';
import { selectorsOf } from '@avalanche/promql';
import { ApiError } from './errors.ts';
import type { Params } from './params.ts';
import type { QueryContext } from './query.ts';

/** `/api/v1/query_exemplars`; null for a query without selectors, which upstream answers with nothing. */
export function queryExemplars({ engine, tsdb }: QueryContext, params: Params) {
  const start = params.optionalTime('start', Number.NEGATIVE_INFINITY);
  const end = params.optionalTime('end', Number.POSITIVE_INFINITY);
  if (end < start) throw new ApiError('bad_data', 'end timestamp must not be before start timestamp');
  const selectors = selectorsOf(engine.parse(params.get('query')));
  if (selectors.length === 0) return null;
  const found = tsdb.exemplars.select(
    start,
    end,
    selectors.map(({ matchers }) => matchers),
  );
  return found.map(({ seriesLabels, exemplars }) => ({
    seriesLabels,
    exemplars: exemplars.map(({ labels, value, time }) => ({
      labels,
      value: formatValue(value),
      timestamp: time / 1000,
    })),
  }));
}
