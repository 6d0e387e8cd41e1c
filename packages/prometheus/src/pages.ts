import type { Clock } from '@avalanche/model';
import type { Tsdb } from '@avalanche/tsdb';
import type { FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';
import { buildInfoResponse, type RuntimeFacts } from './api/status.ts';
import type { Consoles } from './consoles.ts';
import { Federation } from './federate.ts';
import { metricsPage } from './http-metrics.ts';
import { lifecycle } from './lifecycle.ts';
import { LOOKBACK_MS, type PrometheusOptions } from './options.ts';
import { Pprof } from './pprof/pprof.ts';
import type { Readiness } from './readiness.ts';
import type { Reloader } from './reloader.ts';
import { plainText, Routes } from './routes.ts';

interface PageContext {
  readonly options: PrometheusOptions;
  readonly readiness: Readiness;
  readonly registry: Registry;
  readonly tsdb: Tsdb;
  readonly clock: Clock;
  readonly facts: RuntimeFacts;
  readonly reloader: Reloader;
  readonly consoles: Consoles;
}

/** What stands beside the API: `/metrics`, `/federate`, `/version`, `/-/…`, and what is not there and why. */
export function rootPages(app: FastifyInstance, context: PageContext): void {
  const { options, readiness, registry, tsdb, clock, facts, reloader, consoles } = context;
  const routes = new Routes(app);
  routes.get('/metrics', metricsPage(registry));
  routes.get('/version', (_request, reply) => plainText(reply, 200, `${JSON.stringify(buildInfoResponse(facts))}\n`));
  const federation = new Federation({
    tsdb,
    clock,
    lookbackMs: options.lookbackMs ?? LOOKBACK_MS,
    externalLabels: () => reloader.config.config.global.external_labels,
    registry,
  });
  routes.get('/federate', (request, reply) =>
    readiness.isReady ? federation.answer(request, reply) : readiness.refuse(reply),
  );
  routes.get('/consoles/*', (request, reply) =>
    readiness.isReady ? consoles.answer(request, reply) : readiness.refuse(reply),
  );
  const pprof = new Pprof();
  routes.getOrPost('/debug/*', (request, reply) => {
    const [, name] = /^\/debug\/pprof\/([^/?]*)(?:\?|$)/.exec(request.url) ?? [];
    if (name !== undefined) return pprof.answer(name, request, reply);
    if (/^\/debug\/pprof(?:\?|$)/.test(request.url)) {
      return reply.redirect(
        request.originalUrl.replace(/\?|$/, (end) => `/${end}`),
        301,
      );
    }
    return plainText(reply, 404, '404 page not found\n');
  });
  const enabled = options.enableLifecycle ?? false;
  lifecycle(routes, { enabled, readiness, reload: () => reloader.reload(), quit: options.onQuit });
  routes.refuseOthers();
}
