import type { Clock } from '@avalanche/model';
import { type Engine, format, parse } from '@avalanche/promql';
import type { Tsdb } from '@avalanche/tsdb';
import type { FastifyReply } from 'fastify';
import { ApiError, badParameter } from './errors.ts';
import { queryData } from './json.ts';
import type { Params } from './params.ts';

const POINTS_MAX = 11_000;

export interface QueryContext {
  readonly engine: Engine;
  readonly tsdb: Tsdb;
  readonly clock: Clock;
}

/** A response body made as text, beside the warnings that go with it. */
export interface RenderedData {
  readonly json: string;
  readonly warnings: readonly string[];
  readonly infos: readonly string[];
}

/** `/api/v1/query` */
export async function instantQuery(context: QueryContext, params: Params, reply: FastifyReply): Promise<RenderedData> {
  const time = params.time('time', context.clock.now());
  const result = await context.engine.instant(context.tsdb, params.get('query'), time, queryOptions(params, reply));
  return rendered(result, params);
}

/** `/api/v1/query_range` */
export async function rangeQuery(context: QueryContext, params: Params, reply: FastifyReply): Promise<RenderedData> {
  const startMs = params.time('start');
  const endMs = params.time('end');
  if (endMs < startMs) throw badParameter('end', 'end timestamp must not be before start time');
  const stepMs = params.duration('step');
  if (!(stepMs > 0)) {
    throw badParameter(
      'step',
      'zero or negative query resolution step widths are not accepted. Try a positive integer',
    );
  }
  if ((endMs - startMs) / stepMs > POINTS_MAX) {
    throw new ApiError(
      'bad_data',
      'exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)',
    );
  }
  const window = { startMs, endMs, stepMs };
  const result = await context.engine.range(context.tsdb, params.get('query'), window, queryOptions(params, reply));
  return rendered(result, params);
}

/** `/api/v1/format_query` */
export function formatQuery(params: Params): string {
  return format(parse(params.get('query')));
}

function rendered(result: Awaited<ReturnType<Engine['instant']>>, params: Params): RenderedData {
  return { json: queryData(result, params.get('stats') !== ''), warnings: result.warnings, infos: result.infos };
}

/** A query ends when its client goes away. */
function queryOptions(params: Params, reply: FastifyReply) {
  const abort = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) abort.abort();
  });
  const timeoutMs = params.get('timeout') === '' ? undefined : params.duration('timeout');
  const lookbackMs = params.get('lookback_delta') === '' ? undefined : params.duration('lookback_delta');
  return { signal: abort.signal, timeoutMs, lookbackMs };
}
