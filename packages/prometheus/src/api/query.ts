import type { Clock } from '@avalanche/model';
import { type Engine, format, type InstantResult, ParseError, parse } from '@avalanche/promql';
import type { Tsdb } from '@avalanche/tsdb';
import type { FastifyReply } from 'fastify';
import { ApiError, badParameter } from './errors.ts';
import { queryBody } from './json.ts';
import type { Params } from './params.ts';

/** The warning of an answer that `limit` cut. */
export const TRUNCATED = 'results truncated due to limit';

const POINTS_MAX = 11_000;

export interface QueryContext {
  readonly engine: Engine;
  readonly tsdb: Tsdb;
  readonly clock: Clock;
}

/** A whole response body, envelope included, in pieces that are made as they are sent. */
export class RenderedBody {
  constructor(readonly pieces: Iterator<Buffer>) {}
}

/** `/api/v1/query` */
export async function instantQuery(context: QueryContext, params: Params, reply: FastifyReply): Promise<RenderedBody> {
  const time = params.time('time', context.clock.now());
  const options = queryOptions(params, reply);
  return rendered(context.engine.instant(context.tsdb, params.get('query'), time, options), params);
}

/** `/api/v1/query_range` */
export async function rangeQuery(context: QueryContext, params: Params, reply: FastifyReply): Promise<RenderedBody> {
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
  const options = queryOptions(params, reply);
  return rendered(context.engine.range(context.tsdb, params.get('query'), window, options), params);
}

/** `/api/v1/format_query` */
export function formatQuery(params: Params): string {
  try {
    return format(parse(params.get('query')));
  } catch (error) {
    throw error instanceof ParseError ? badParameter('query', error.message) : error;
  }
}

/** A finished query as text. A query that does not parse is a bad parameter. */
async function rendered(query: Promise<InstantResult>, params: Params): Promise<RenderedBody> {
  const result = await query.catch((error: unknown) => {
    throw error instanceof ParseError ? badParameter('query', error.message) : error;
  });
  const { shown, truncated } = limitResult(result, params.limit());
  const warnings = truncated ? [...result.warnings, TRUNCATED] : result.warnings;
  return new RenderedBody(queryBody(shown, { withStats: params.get('stats') !== '', warnings, infos: result.infos }));
}

/** At most `limit` series of a result; 0 is all. */
function limitResult(result: InstantResult, limit: number): { readonly shown: InstantResult; truncated: boolean } {
  if (limit > 0 && result.type === 'vector' && result.samples.length > limit) {
    return { shown: { ...result, samples: result.samples.slice(0, limit) }, truncated: true };
  }
  if (limit > 0 && result.type === 'matrix' && result.series.length > limit) {
    return { shown: { ...result, series: result.series.slice(0, limit) }, truncated: true };
  }
  return { shown: result, truncated: false };
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
