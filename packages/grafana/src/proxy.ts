import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { refuse } from './auth.ts';
import type { Datasource } from './provisioning.ts';

const TIMEOUT_MS = 130_000;
const PASSED_HEADERS = ['content-type', 'content-encoding', 'cache-control', 'retry-after'] as const;

/**
 * The address behind a proxied one: its rest as it was sent, since `%2F` and `%23` in it mean something else decoded.
 * Null where `..` would leave what the datasource is.
 */
export function targetOf({ url }: Pick<Datasource, 'url'>, requested: string): string | null {
  const rest = /^\/api\/datasources\/proxy\/uid\/[^/?]*\/(.*)$/s.exec(requested)?.[1] ?? '';
  const base = `${url}/`;
  const target = URL.canParse(base) ? new URL(base + rest).href : '';
  return target.startsWith(URL.canParse(base) ? new URL(base).href : base) ? target : null;
}

/** `/api/datasources/proxy/uid/:uid/*`: passes requests on to a datasource, which the browser need not reach itself. */
export function datasourceProxy(app: FastifyInstance, datasources: readonly Datasource[]): void {
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.route({
    method: ['GET', 'POST', 'DELETE'],
    url: '/api/datasources/proxy/uid/:uid/*',
    handler: async (request, reply) => {
      const { uid } = request.params as { readonly uid: string };
      const source = datasources.find((candidate) => candidate.uid === uid);
      if (!source) return refuse(reply, 404, `Data source ${JSON.stringify(uid)} not found`);
      const target = targetOf(source, request.url);
      if (!target) return refuse(reply, 400, 'the path leads out of the data source');
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort());
      try {
        const response = await fetch(target, {
          method: request.method,
          headers: { 'content-type': request.headers['content-type'] ?? 'application/octet-stream' },
          body: Buffer.isBuffer(request.body) ? new Uint8Array(request.body) : null,
          signal: AbortSignal.any([gone.signal, AbortSignal.timeout(TIMEOUT_MS)]),
          redirect: 'manual',
        });
        reply.code(response.status);
        for (const name of PASSED_HEADERS) {
          const value = response.headers.get(name);
          if (value !== null && name !== 'content-encoding') reply.header(name, value);
        }
        return reply.send(response.body ? Readable.fromWeb(response.body as never) : '');
      } catch (error) {
        const { cause, message } = error as Error & { cause?: { message?: string } };
        return refuse(reply, 502, `${source.name} at ${source.url} does not answer: ${cause?.message || message}`);
      }
    },
  });
}
