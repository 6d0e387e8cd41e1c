import type { Clock } from '@avalanche/model';
import type { FastifyError, FastifyInstance } from 'fastify';
import type { Alertmanager } from '../alertmanager.ts';
import type { ClusterPeer } from '../cluster.ts';
import { alertRoutes } from './alerts.ts';
import { takeJsonBodies } from './body.ts';
import { ApiError, SchemaError } from './errors.ts';
import { insightRoutes } from './insight.ts';
import { PageGuard } from './page-guard.ts';
import { type Query, receiverLabelFilter } from './params.ts';
import { silenceRoutes } from './silences.ts';

export interface ApiOptions {
  readonly alertmanager: Alertmanager;
  readonly clock: Clock;
  readonly version: string;
  /** When the role started, in milliseconds. */
  readonly startTime: number;
  readonly cluster: ClusterPeer | undefined;
  readonly externalUrl: () => string;
  /** What the server listens on. */
  readonly listenHost: string;
}

/** API v2 (upstream api/v2/openapi.yaml). */
export function apiV2(
  api: FastifyInstance,
  { alertmanager, clock, version, startTime, cluster, externalUrl, listenHost }: ApiOptions,
): void {
  api.setErrorHandler<FastifyError>((error, _request, reply) => {
    // upstream's API errors are JSON strings; what does not fit the schema is an object
    if (error instanceof ApiError)
      return reply.code(error.status).type('application/json').send(JSON.stringify(error.message));
    if (error instanceof SchemaError)
      return reply.code(error.status).send({ code: error.code, message: error.message });
    const status = error.statusCode ?? 500;
    return reply.code(status).send({ code: status, message: error.message });
  });
  api.addHook('onSend', async (_request, reply) => {
    reply.header('cache-control', 'no-store');
    if (String(reply.getHeader('content-type')).startsWith('application/json')) reply.type('application/json');
  });
  takeJsonBodies(api);
  refuseUnknown(api);
  allowOtherOrigins(api);
  api.get('/status', () => ({
    cluster: cluster ? { name: cluster.name, status: 'ready', peers: [cluster] } : { status: 'disabled', peers: [] },
    config: { original: alertmanager.loaded.maskedYaml },
    uptime: new Date(startTime),
    versionInfo: { branch: '', buildDate: '', buildUser: '', goVersion: '', revision: '', version },
  }));
  api.get('/receivers', (request) => {
    const isWanted = receiverLabelFilter(request.query as Query);
    return alertmanager.loaded.config.receivers.filter(isWanted).map(({ name, labels }) => ({ name, labels }));
  });
  alertRoutes(api, alertmanager, clock);
  silenceRoutes(api, alertmanager, clock);
  insightRoutes(api, { alertmanager, clock, externalUrl, guard: new PageGuard({ listenHost, externalUrl }) });
}

/** Paths, methods and types of answers that there are not are refused in go-openapi's words. */
function refuseUnknown(api: FastifyInstance): void {
  const methods = new Map<string, string[]>();
  api.addHook('onRoute', ({ url, method }) => {
    const known = [method].flat().filter((name) => name !== 'HEAD' && name !== 'OPTIONS');
    methods.set(url, [...(methods.get(url) ?? []), ...known].sort());
  });
  api.addHook('onRequest', async ({ method, headers }) => {
    const { accept = '' } = headers;
    if (method !== 'GET' || accept === '' || /\*\/\*|application\/(\*|json)/.test(accept)) return;
    throw new SchemaError(406, 'unsupported media type requested, only [application/json] are available', 406);
  });
  api.setNotFoundHandler((request, reply) => {
    const path = request.url.replace(/\?.*$/s, '');
    const found = [...methods].find(([url]) => new RegExp(`^${url.replace(/:\w+/g, '[^/]+')}$`).test(path));
    if (!found) throw new SchemaError(404, `path ${path} was not found`, 404);
    reply.header('allow', found[1].join(','));
    throw new SchemaError(405, `method ${request.method} is not allowed, but [${found[1].join(',')}] are`, 405);
  });
}

/** Upstream answers every origin. DELETE is ours: the UI of another door of the stack expires silences. */
function allowOtherOrigins(api: FastifyInstance): void {
  api.addHook('onRequest', async (request, reply) => {
    if (request.headers.origin !== undefined) reply.header('access-control-allow-origin', '*').header('vary', 'Origin');
  });
  api.options('/*', (_request, reply) =>
    reply
      .code(204)
      .header('access-control-allow-methods', 'GET, POST, HEAD, DELETE')
      .header('access-control-allow-headers', 'Accept, Content-Type, X-Requested-With')
      .send(),
  );
}
