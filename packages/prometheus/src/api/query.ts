import type { Clock } from '@avalanche/model';
import {
  astJson,
  type Engine,
  type Expr,
  format,
  type InstantResult,
  type Json,
  ParseError,
  PromQLError,
  type Queryable,
  type QueryOptions,
  type RangeWindow,
} from '@avalanche/promql';
import type { Tsdb } from '@avalanche/tsdb';
import type { ApiCall } from './call.ts';
import { ApiError, badParameter } from './errors.ts';
import { queryBody } from './json.ts';
import type { Params } from './params.ts';

/** The warning of an answer that `limit` cut. */
export const TRUNCATED = 'results truncated due to limit';

const POINTS_MAX = 11_000;
const ANNOTATIONS_MAX = 10;

export interface QueryContext {
  readonly engine: Engine;
  /** What queries read: the database and remote ones. */
  readonly storage: Queryable;
  readonly tsdb: Tsdb;
  readonly clock: Clock;
  /** `--enable-feature=promql-per-step-stats`: what `stats=all` needs. */
  readonly perStepStats: boolean;
}

/** A whole response body, envelope included, in pieces that are made as they are sent. */
export class RenderedBody {
  constructor(
    readonly pieces: Iterator<Buffer>,
    readonly contentType?: string,
  ) {}
}

/** `/api/v1/query` */
export async function instantQuery(context: QueryContext, call: ApiCall): Promise<RenderedBody> {
  const { params } = call;
  const limit = params.limit();
  const time = params.optionalTime('time', context.clock.now());
  const options = queryOptions(context, call);
  return rendered(context.engine.instant(context.storage, params.get('query'), time, options), params, limit);
}

/** `/api/v1/query_range` */
export async function rangeQuery(context: QueryContext, call: ApiCall): Promise<RenderedBody> {
  const { params } = call;
  const limit = params.limit();
  const window = queryWindow(params);
  const options = queryOptions(context, call);
  return rendered(context.engine.range(context.storage, params.get('query'), window, options), params, limit);
}

function queryWindow(params: Params): RangeWindow {
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
  if (Math.trunc((endMs - startMs) / stepMs) > POINTS_MAX) {
    throw new ApiError(
      'bad_data',
      'exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)',
    );
  }
  return { startMs, endMs, stepMs };
}

/** `/api/v1/format_query` */
export function formatQuery({ engine }: QueryContext, params: Params): string {
  return format(parsed(engine, params));
}

/** `/api/v1/parse_query`: the tree of a query. */
export function parseQuery({ engine }: QueryContext, params: Params): Json {
  return astJson(parsed(engine, params));
}

/** `/api/v1/explain_query`, which is ours: the plan of a query, a line for each operation. */
export function explainQuery({ engine }: QueryContext, params: Params): { readonly plan: string } {
  return { plan: asQueryParameter(() => engine.explain(params.get('query'))) };
}

function parsed(engine: Engine, params: Params): Expr {
  return asQueryParameter(() => engine.parse(params.get('query')));
}

/** A query that does not parse is a bad parameter. @throws ApiError */
function asQueryParameter<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof ParseError ? badParameter('query', error.message) : error;
  }
}

/** A finished query as text. A query that does not parse is a bad parameter. */
async function rendered(query: Promise<InstantResult>, params: Params, limit: number): Promise<RenderedBody> {
  const result = await query.catch((error: unknown) => {
    throw error instanceof PromQLError && error.errorType === 'bad_data' ? badParameter('query', error.message) : error;
  });
  const { shown, truncated } = limitResult(result, limit);
  const stats = params.get('stats');
  const warnings = [...(truncated ? [TRUNCATED] : []), ...statsWarning(stats), ...result.warnings];
  return new RenderedBody(
    queryBody(shown, {
      withStats: stats !== '',
      warnings: firstTen(warnings, 'warning'),
      infos: firstTen(result.infos, 'info'),
    }),
  );
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

function statsWarning(stats: string): string[] {
  if (stats === '' || stats === 'true' || stats === 'all') return [];
  const allowed = 'use "true" or "all"';
  return [
    `value ${JSON.stringify(stats)} for parameter "stats" is deprecated and will be rejected in the next major release, ${allowed}`,
  ];
}

/** An answer shows ten annotations of a kind, and says how many more there are. */
function firstTen(texts: readonly string[], kind: 'warning' | 'info'): readonly string[] {
  if (texts.length <= ANNOTATIONS_MAX) return texts;
  const more = `${texts.length - ANNOTATIONS_MAX} more ${kind} annotations omitted`;
  return [...texts.slice(0, ANNOTATIONS_MAX), more];
}

/** A query ends when its client goes away. */
function queryOptions({ perStepStats }: QueryContext, { params, method, path, clientIp, gone }: ApiCall): QueryOptions {
  const timeoutMs = params.get('timeout') === '' ? undefined : params.duration('timeout');
  const lookbackMs = params.lookback();
  const wantsSteps = perStepStats && params.get('stats') === 'all';
  const origin = { httpRequest: { clientIP: clientIp, method, path } };
  return { signal: gone, timeoutMs, lookbackMs, origin, perStepStats: wantsSteps };
}
