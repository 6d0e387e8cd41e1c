import { type FamilyWriter, OPEN_METRICS_CONTENT_TYPE, TEXT_CONTENT_TYPE } from '@avalanche/exposition';
import {
  acceptForms,
  compressAnswers,
  createServer,
  type ListenAddress,
  listen,
  listenAlso,
  type RunningRole,
  sendTextPieces,
  type WebOptions,
} from '@avalanche/web';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ScrapeCounts, writeBuildInfo, writeProcess } from './own-metrics.ts';
import { type Scrape, scrapeOf } from './scrape.ts';

/** What the `--web.*` flags of the Go exporters say. */
export interface ExporterWebOptions extends WebOptions {
  /** Addresses to listen on beside the first. */
  readonly alsoListen?: readonly ListenAddress[];
  /** Scrapes at the same time above it are answered with 503; without a limit where it is 0 or not given. */
  readonly maxRequests?: number;
  /** Leaves out `process_*` and `promhttp_*`. */
  readonly disableExporterMetrics?: boolean;
}

export interface ExporterServerOptions {
  /** The role's name, such as `node-exporter`. */
  readonly role: string;
  /** What the landing page calls it. */
  readonly title: string;
  readonly listen: ListenAddress;
  readonly web?: ExporterWebOptions | undefined;
  readonly version: string;
  readonly telemetryPath: string;
  /** Prefix of `<prefix>_exporter_build_info`. */
  readonly prefix: string;
  /** One scrape's families; throws a `ScrapeRequestError` where the request is wrong. */
  readonly scrape: (request: FastifyRequest, scrape: Scrape) => Promise<FamilyWriter>;
  /** Whether whoever asks for OpenMetrics gets it, as from Python's client library; Go's exporters do not offer it. */
  readonly openMetrics?: boolean;
  /** Writes the build info where it has other labels than those of Go's version collector. */
  readonly buildInfo?: (families: FamilyWriter) => void;
  /** Further routes, such as `/scrape` and `/probe`. */
  readonly routes?: (app: FastifyInstance) => void;
  readonly onStop?: () => Promise<void>;
}

/** A scrape request that cannot be served, such as one for a collector that does not exist; answered with 400. */
export class ScrapeRequestError extends Error {
  override readonly name = 'ScrapeRequestError';
}

/**
 * Starts the HTTP server of an exporter: metrics to whatever method asks for them, with its own `process_*`, `promhttp_*` and
 * build info, a landing page, and 404 for the rest, as newer Go exporters have it.
 * @throws StartupError where it cannot listen
 */
export async function startExporterServer(options: ExporterServerOptions): Promise<RunningRole> {
  const { telemetryPath, web = {} } = options;
  const app = createServer({}, web);
  acceptForms(app); // a body is read and has no meaning
  compressAnswers(app);
  const counts = new ScrapeCounts();
  app.all(telemetryPath, async (request, reply) => {
    if (web.maxRequests && counts.inFlight >= web.maxRequests) {
      counts.count(503);
      return sendText(reply.code(503), `Limit of concurrent requests reached (${web.maxRequests}), try again later.\n`);
    }
    counts.inFlight++;
    try {
      return await answerScrape(options, counts, request, reply);
    } finally {
      counts.inFlight--;
    }
  });
  options.routes?.(app);
  if (telemetryPath !== '/' && !app.hasRoute({ method: 'GET', url: '/' })) {
    const page = landingPage(options);
    app.get('/', async (_request, reply) => reply.type('text/html; charset=utf-8').send(page));
  }
  app.setNotFoundHandler((_request, reply) => sendText(reply.code(404), '404 page not found\n'));
  try {
    const { url } = await listen(app, options.role, options.listen);
    for (const address of web.alsoListen ?? []) await listenAlso(app, options.role, address);
    return {
      name: options.role,
      url,
      async stop() {
        await app.close();
        await options.onStop?.();
      },
    };
  } catch (error) {
    await app.close();
    throw error;
  }
}

async function answerScrape(
  { scrape, prefix, version, web, openMetrics = false, buildInfo }: ExporterServerOptions,
  counts: ScrapeCounts,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  try {
    const families = await scrape(request, scrapeOf(request.headers));
    if (buildInfo) buildInfo(families);
    else writeBuildInfo(families, prefix, version);
    if (!web?.disableExporterMetrics) {
      writeProcess(families);
      counts.write(families);
    }
    const answered =
      openMetrics && asksForOpenMetrics(request)
        ? sendTextPieces(reply.header('content-type', OPEN_METRICS_CONTENT_TYPE), families.pieces('openmetrics'))
        : sendFamilies(reply, families);
    counts.count(200);
    return answered;
  } catch (error) {
    const { message } = error as Error;
    if (error instanceof ScrapeRequestError) return sendText(reply.code(400), message);
    counts.count(500);
    return sendText(reply.code(500), `${message}\n`);
  }
}

export function sendFamilies(reply: FastifyReply, families: FamilyWriter): FastifyReply {
  return sendTextPieces(reply.header('content-type', TEXT_CONTENT_TYPE), families.pieces('text'));
}

/** As Python's client library decides: whoever names it gets it. */
function asksForOpenMetrics({ headers }: FastifyRequest): boolean {
  return (headers.accept ?? '').split(',').some((type) => type.split(';')[0].trim() === 'application/openmetrics-text');
}

function sendText(reply: FastifyReply, text: string): FastifyReply {
  return reply.type('text/plain; charset=utf-8').send(text);
}

function landingPage({ title, version, telemetryPath }: ExporterServerOptions): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>${title}</title></head>
<body><h1>${title}</h1><p>Avalanche Monitor ${version}</p><ul><li><a href="${telemetryPath}">Metrics</a></li></ul></body>
</html>
`;
}
