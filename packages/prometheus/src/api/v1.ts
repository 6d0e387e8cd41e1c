import { type Labels, Slices } from '@avalanche/model';
import type { TsdbQuerier } from '@avalanche/tsdb';
import type { CorsOrigin, DirectRoutes } from '@avalanche/web';
import type { FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';
import type { Notifications } from '../notifications/notifications.ts';
import type { Notifier } from '../notifier/notifier.ts';
import type { Readiness } from '../readiness.ts';
import { type Method, Routes } from '../routes.ts';
import type { RuleManager } from '../rules/manager.ts';
import type { ScrapeManager } from '../scrape/manager.ts';
import { TsdbAdmin } from './admin.ts';
import { type ApiCall, callOf, directCall } from './call.ts';
import { ApiError } from './errors.ts';
import { queryExemplars } from './exemplars.ts';
import { labelNameOf } from './label-name.ts';
import { Limited, listBody } from './list.ts';
import { liveNotifications } from './notifications.ts';
import { openApi } from './openapi.ts';
import type { Params } from './params.ts';
import {
  explainQuery,
  formatQuery,
  instantQuery,
  parseQuery,
  type QueryContext,
  RenderedBody,
  rangeQuery,
} from './query.ts';
import { alertsResponse, ruleHistoryResponse, rulesResponse } from './rules.ts';
import { SEARCH_ENDPOINTS, Search, type SearchContext } from './search/search.ts';
import { selfMetricsResponse } from './self-metrics.ts';
import { type Answer, errorAnswer, jsonAnswer, NO_CONTENT, piecesAnswer, sendAnswer, sendJson } from './send.ts';
import { buildInfoResponse, type RuntimeFacts, runtimeInfoResponse, tsdbResponse } from './status.ts';
import {
  metadataResponse,
  type OwnAddress,
  relabelStepsResponse,
  scrapePoolConfigResponse,
  targetMetadataResponse,
  targetsResponse,
} from './targets.ts';

export interface ApiContext extends QueryContext {
  readonly scrapes: ScrapeManager;
  readonly rules: RuleManager;
  readonly search: Pick<SearchContext, 'enabled' | 'limitMax'>;
  readonly notifier: Notifier;
  readonly facts: RuntimeFacts;
  readonly configYaml: () => string;
  readonly ownAddress: () => OwnAddress;
  readonly cors: CorsOrigin;
  readonly readiness: Pick<Readiness, 'isReady' | 'refuse'>;
  readonly registry: Registry;
  readonly notifications: Notifications;
  /** What `/features` shows. */
  readonly features: () => unknown;
  /** Whether the admin API is served (`--web.enable-admin-api`). */
  readonly adminEnabled: boolean;
  /** Where GETs are answered without Fastify too. */
  readonly direct?: DirectRoutes | undefined;
}

type Handler = (call: ApiCall) => unknown;

/** The range that metadata requests cover without `start` and `end`: everything. */
const TIME_MIN = -8_640_000_000_000_000;
const TIME_MAX = 8_640_000_000_000_000;

/**
 * The HTTP API v1 (upstream web/api/v1). Handlers return the `data` of the answer; what they throw becomes the
 * error answer, in this one place.
 */
export async function apiV1(app: FastifyInstance, context: ApiContext): Promise<void> {
  const { tsdb } = context;
  app.addHook('onRequest', (request, reply, done) => {
    context.cors.allow(request, reply);
    if (request.method === 'OPTIONS') reply.code(204).send();
    else done();
  });
  app.options('/*', async () => '');

  const routes = new Routes(app);
  const route = (method: Method, path: string, handler: Handler) => {
    routes.add(method, path, async (request, reply) => {
      if (!context.readiness.isReady) return context.readiness.refuse(reply);
      const answer = await answerOf(handler, callOf(request, reply));
      return sendAnswer(request, reply, answer);
    });
    if (method === 'GET') {
      context.direct?.add(`${app.prefix}${path}`, (get, name, peer) => answerOf(handler, directCall(get, name, peer)));
    }
  };
  const get = (path: string, handler: Handler) => route('GET', path, handler);
  const getOrPost = (path: string, handler: Handler) => {
    route('GET', path, handler);
    route('POST', path, handler);
  };
  const querying = async <T>(params: Params, read: (querier: TsdbQuerier) => Promise<T>): Promise<T> => {
    const querier = tsdb.querier(params.optionalTime('start', TIME_MIN), params.optionalTime('end', TIME_MAX));
    try {
      return await read(querier);
    } finally {
      querier.close();
    }
  };
  const limited = (items: readonly unknown[], params: Params): Limited => {
    const limit = params.limit();
    const truncated = limit > 0 && items.length > limit;
    return new Limited(truncated ? items.slice(0, limit) : items, truncated);
  };

  getOrPost('/query', (call) => instantQuery(context, call));
  getOrPost('/query_range', (call) => rangeQuery(context, call));
  getOrPost('/query_exemplars', ({ params }) => queryExemplars(context, params));
  getOrPost('/format_query', ({ params }) => formatQuery(context, params));
  getOrPost('/parse_query', ({ params }) => parseQuery(context, params));
  getOrPost('/explain_query', ({ params }) => explainQuery(context, params));
  getOrPost('/series', async ({ params }) => {
    const sets = params.requiredMatcherSets();
    const lists: Labels[][] = [];
    const [from, to] = [params.optionalTime('start', TIME_MIN), params.optionalTime('end', TIME_MAX)];
    const querier = context.storage.querier(from, to);
    try {
      for (const matchers of sets) lists.push((await querier.select(matchers)).map(({ labels }) => labels));
    } finally {
      querier.close();
    }
    const byLabels = (a: Labels, b: Labels) => a.compare(b);
    return limited(await new Slices().merge(lists, byLabels, (a) => a), params);
  });
  getOrPost('/labels', async ({ params }) => {
    const sets = params.matcherSets();
    return limited(await querying(params, (querier) => querier.labelNames(sets)), params);
  });
  get('/label/:name/values', async ({ params, name: escaped }) => {
    const name = labelNameOf(escaped);
    if (name === '') throw new ApiError('bad_data', 'invalid label name: ""');
    const sets = params.matcherSets();
    return limited(await querying(params, (querier) => querier.labelValues(name, sets)), params);
  });
  get('/metadata', ({ params }) => metadataResponse(context.scrapes, params));
  get('/targets', ({ params }) => targetsResponse(context.scrapes, params, context.ownAddress()));
  get('/targets/metadata', ({ params }) => targetMetadataResponse(context.scrapes, params));
  get('/targets/relabel_steps', ({ params }) => relabelStepsResponse(context.scrapes, params));
  get('/scrape_pools/config', ({ params }) => scrapePoolConfigResponse(context.scrapes, params));
  get('/scrape_pools', () => ({ scrapePools: context.scrapes.jobs.map((job) => job.name).sort() }));
  get('/rules', ({ params }) => rulesResponse(context.rules, params));
  get('/rules/history', ({ params }) => ruleHistoryResponse(context.rules, params));
  get('/alerts', () => alertsResponse(context.rules));
  get('/alertmanagers', () => ({
    activeAlertmanagers: context.notifier.alertmanagers.map((url) => ({ url })),
    droppedAlertmanagers: context.notifier.droppedAlertmanagers.map((url) => ({ url })),
  }));
  get('/status/config', () => ({ yaml: context.configYaml() }));
  get('/status/flags', () => context.facts.flags);
  get('/status/buildinfo', () => buildInfoResponse(context.facts));
  get('/status/runtimeinfo', () => runtimeInfoResponse(context.facts, tsdb));
  get('/status/tsdb', ({ params }) => tsdbResponse(tsdb, params));
  get('/status/tsdb/blocks', () => ({ blocks: tsdb.blocks.all.map(({ meta }) => meta) }));
  get('/status/self_metrics', ({ params }) => selfMetricsResponse(context.registry, params));
  get('/features', () => context.features());
  const search = new Search({
    ...context.search,
    querier: (from, to) => tsdb.querier(from, to),
    metadata: () => context.scrapes.jobs.flatMap(({ loops }) => loops.map(({ metadata }) => metadata)),
    now: () => context.clock.now(),
  });
  for (const endpoint of SEARCH_ENDPOINTS) {
    getOrPost(`/search/${endpoint}`, async ({ params }) => {
      return new RenderedBody(await search.answer(endpoint, params), 'application/x-ndjson; charset=utf-8');
    });
  }
  const admin = new TsdbAdmin(tsdb, context.adminEnabled);
  for (const method of ['POST', 'PUT'] as const) {
    const noContent = (work: (params: Params) => Promise<void>): Handler => {
      return async ({ params }) => {
        await work(params);
        return null;
      };
    };
    route(
      method,
      '/admin/tsdb/delete_series',
      noContent((params) => admin.deleteSeries(params, TIME_MIN, TIME_MAX)),
    );
    route(
      method,
      '/admin/tsdb/clean_tombstones',
      noContent(() => admin.cleanTombstones()),
    );
    route(method, '/admin/tsdb/snapshot', ({ params }) => admin.snapshot(params));
  }
  let description = '';
  routes.get('/openapi.yaml', (_request, reply) => {
    if (!context.readiness.isReady) return context.readiness.refuse(reply);
    description ||= openApi(routes.table, context.facts.version);
    return reply.type('application/yaml; charset=utf-8').send(description);
  });
  // These answer also while the server starts and stops.
  routes.get('/status/walreplay', (_request, reply) =>
    sendJson(reply, JSON.stringify({ status: 'success', data: context.facts.walReplay })),
  );
  routes.get('/notifications', (_request, reply) =>
    sendJson(reply, JSON.stringify({ status: 'success', data: context.notifications.all })),
  );
  routes.get('/notifications/live', (request, reply) => liveNotifications(context.notifications, request, reply));
  routes.refuseOthers();
}

/** Never rejects: what a handler throws becomes an answer. */
async function answerOf(handler: Handler, call: ApiCall): Promise<Answer> {
  try {
    const data = await handler(call);
    if (data === null) return NO_CONTENT;
    if (data instanceof RenderedBody) return piecesAnswer(data.pieces, data.contentType);
    if (data instanceof Limited) return piecesAnswer(listBody(data));
    return jsonAnswer(JSON.stringify({ status: 'success', data }));
  } catch (error) {
    return errorAnswer(error);
  }
}
