import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { parseDuration } from '@avalanche/model';
import { sendTextPieces } from '@avalanche/web';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Counter } from 'prom-client';
import { readBody } from './body.ts';
import { groupsJson } from './group-json.ts';
import { type Grouping, groupingKey, groupingOf, PushError } from './grouping.ts';
import type { PushedMetrics } from './pushed-metrics.ts';
import { TurnsOfGroups } from './turns-of-groups.ts';

const BODY_BYTES_MAX = 64 * 1024 * 1024;
const gunzipLater = promisify(gunzip);

export interface PushRoutesOptions {
  readonly pushed: PushedMetrics;
  /** Whether pushes are checked against what is there. */
  readonly check: boolean;
  /** Whether all can be wiped by one request. */
  readonly mayWipe: boolean;
  /** How long what is pushed is kept where the push does not say, in milliseconds; 0: for ever. */
  readonly ttlMs: number;
  readonly requests: Counter<'code' | 'handler' | 'method'>;
}

/**
 * `PUT`, `POST` and `DELETE` of `/metrics/job/…`, as the Pushgateway takes them; `?ttl=1h` says how long it is kept. And what
 * its API says of them.
 */
export function pushRoutes(app: FastifyInstance, options: PushRoutesOptions): void {
  const { requests, pushed } = options;
  const turns = new TurnsOfGroups();
  const inTurn = (request: FastifyRequest, work: (grouping: Grouping) => Promise<number>): Promise<number> => {
    const grouping = groupingOf(pathOf(request));
    return turns.run(groupingKey(grouping), () => work(grouping));
  };
  // bodies come as they are: what they hold depends on the address, and clients call them many things
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: BODY_BYTES_MAX }, (_request, body, done) =>
    done(null, body),
  );
  for (const first of ['job', 'job@base64']) {
    app.route({
      method: ['PUT', 'POST'],
      url: `/metrics/${first}/*`,
      handler: (request, reply) =>
        answered(request, reply, 'push', () => inTurn(request, (grouping) => takePush(request, grouping, options))),
    });
    app.delete(`/metrics/${first}/*`, (request, reply) =>
      answered(request, reply, 'delete', () =>
        inTurn(request, async (grouping) => {
          await pushed.remove(grouping);
          return 202;
        }),
      ),
    );
  }
  app.get('/api/v1/metrics', (_request, reply) =>
    sendTextPieces(reply.type('application/json; charset=utf-8'), groupsJson(pushed.list())),
  );
  if (options.mayWipe) {
    app.put('/api/v1/admin/wipe', async (_request, reply) => {
      await turns.runForAll(() => pushed.wipe());
      return reply.code(202).send();
    });
  }

  async function answered(
    { method }: FastifyRequest,
    reply: FastifyReply,
    handler: string,
    run: () => Promise<number>,
  ): Promise<FastifyReply> {
    let code: number;
    let text = '';
    try {
      code = await run();
    } catch (error) {
      if (!(error instanceof PushError)) throw error;
      code = 400;
      text = `${error.message}\n`;
    }
    requests.inc({ code: String(code), handler, method: method.toLowerCase() });
    return reply.code(code).type('text/plain; charset=utf-8').send(text);
  }
}

/** @throws PushError */
async function takePush(
  request: FastifyRequest,
  grouping: Grouping,
  { pushed, check, ttlMs }: PushRoutesOptions,
): Promise<number> {
  const { ttl } = request.query as { readonly ttl?: string | string[] };
  const families = await readBody(await decoded(request), String(request.headers['content-type'] ?? ''));
  await pushed.push({
    grouping,
    families,
    check,
    replace: request.method === 'PUT',
    ttlMs: ttl ? ttlOf(String(ttl)) : ttlMs,
  });
  return check ? 200 : 202;
}

function pathOf({ url }: FastifyRequest): string {
  return url.split('?', 1)[0];
}

function ttlOf(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    throw new PushError(`ttl: ${(error as Error).message}`);
  }
}

/** @throws PushError */
async function decoded({ body, headers }: FastifyRequest): Promise<Uint8Array> {
  const bytes = body instanceof Uint8Array ? body : new Uint8Array();
  const encoding = String(headers['content-encoding'] ?? '').toLowerCase();
  if (encoding === '' || encoding === 'identity') return bytes;
  if (encoding !== 'gzip') throw new PushError(`content encoding ${encoding} is not read here: send gzip or none`);
  try {
    return await gunzipLater(bytes, { maxOutputLength: BODY_BYTES_MAX });
  } catch (error) {
    throw new PushError(`gzip: ${(error as Error).message}`);
  }
}
