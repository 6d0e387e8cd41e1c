import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { refuse } from './auth.ts';
import type { Datasource } from './provisioning.ts';

const TIMEOUT_MS = 130_000;
const PASSED_HEADERS = ['content-type', 'content-encoding', 'cache-control', 'retry-after'] as const;

/** `/api/datasources/proxy/uid/:uid/*`: passes requests on to a datasource, which the browser need not reach itself. */
export function datasourceProxy(app: FastifyInstance, datasources: readonly Datasource[]): void {
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.route({
    method: ['GET', 'POST', 'DELETE'],
    url: '/api/datasources/proxy/uid/:uid/*',
    handler: async (request, reply) => {
      const { uid, '*': path } = request.params as { readonly uid: string; readonly '*': string };
      const source = datasources.find((candidate) => candidate.uid === uid);
      if (!source) return refuse(reply, 404, `Data source ${JSON.stringify(uid)} not found`);
      const query = request.url.indexOf('?') < 0 ? '' : request.url.slice(request.url.indexOf('?'));
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort());
      try {
        const response = await fetch(`${source.url}/${path}${query}`, {
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
