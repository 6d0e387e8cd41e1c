import { type FamilyWriter, TEXT_CONTENT_TYPE } from '@avalanche/exposition';
import {
  compressAnswers,
  createServer,
  type ListenAddress,
  listen,
  processMetrics,
  type RunningRole,
  type WebOptions,
} from '@avalanche/web';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Registry } from 'prom-client';

export interface ExporterServerOptions {
  /** The role's name, such as `node-exporter`. */
  readonly role: string;
  /** What the landing page calls it. */
  readonly title: string;
  readonly listen: ListenAddress;
  readonly web?: WebOptions | undefined;
  readonly version: string;
  readonly telemetryPath: string;
  /** Prefix of `<prefix>_exporter_build_info`. */
  readonly prefix: string;
  /** One scrape's families; throws a `ScrapeRequestError` where the request is wrong. */
  readonly scrape: (request: FastifyRequest) => Promise<FamilyWriter>;
  /** Further routes, such as `/scrape` and `/probe`. */
  readonly routes?: (app: FastifyInstance) => void;
  readonly onStop?: () => Promise<void>;
}

/** A scrape request that cannot be served, such as one for a collector that does not exist. */
export class ScrapeRequestError extends Error {
  override readonly name = 'ScrapeRequestError';
}

/** Starts the HTTP server of an exporter: metrics, its own `process_*` and build info, and a landing page. */
export async function startExporterServer(options: ExporterServerOptions): Promise<RunningRole> {
  const app = createServer({}, options.web);
  compressAnswers(app);
  const own = new Registry();
  processMetrics(own);
  const counts = new Map<string, number>();
  let inFlight = 0;
  app.get(options.telemetryPath, async (request, reply) => {
    inFlight++;
    try {
      const families = await options.scrape(request);
      selfFamilies(families, options, counts, inFlight);
      count(counts, '200');
      return await sendFamilies(reply, families, await own.metrics());
    } catch (error) {
      const code = error instanceof ScrapeRequestError ? 400 : 500;
      count(counts, String(code));
      return reply
        .code(code)
        .type('text/plain')
        .send(`${(error as Error).message}\n`);
    } finally {
      inFlight--;
    }
  });
  options.routes?.(app);
  const page = `<!doctype html><html lang="en"><head><title>${options.title}</title></head><body><h1>${options.title}</h1><p><a href="${options.telemetryPath}">Metrics</a></p></body></html>`;
  app.get('/', async (_request, reply) => reply.type('text/html; charset=utf-8').send(page));
  const { url } = await listen(app, options.role, options.listen);
  return {
    name: options.role,
    url,
    async stop() {
      await app.close();
      await options.onStop?.();
    },
  };
}

export function sendFamilies(reply: FastifyReply, families: FamilyWriter, more = ''): FastifyReply {
  return reply.header('content-type', TEXT_CONTENT_TYPE).send(families.text() + more);
}

function count(counts: Map<string, number>, code: string): void {
  counts.set(code, (counts.get(code) ?? 0) + 1);
}

function selfFamilies(
  families: FamilyWriter,
  { prefix, version }: ExporterServerOptions,
  counts: ReadonlyMap<string, number>,
  inFlight: number,
): void {
  families.gauge(`${prefix}_exporter_build_info`, 'Constantly 1, with the version in labels.').add(1, {
    version,
    revision: '',
    branch: '',
    goversion: '',
    goos: process.platform,
    goarch: process.arch,
    tags: '',
  });
  const requests = families.counter('promhttp_metric_handler_requests_total', 'Scrapes by HTTP status code.');
  for (const code of ['200', '500', '503']) requests.add(counts.get(code) ?? 0, { code });
  families.gauge('promhttp_metric_handler_requests_in_flight', 'Scrapes being served.').add(inFlight);
}
