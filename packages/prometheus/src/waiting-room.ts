import { createServer, type ListenAddress, type WebOptions } from '@avalanche/web';
import type { FastifyInstance } from 'fastify';
import { plainText } from './routes.ts';

interface WaitingRoom {
  readonly listen: ListenAddress;
  readonly web: WebOptions;
  /** A start that is over sooner is not announced. */
  readonly afterMs?: number;
}

const AFTER_MS = 250;

/**
 * Answers in place of the server while `work` lasts, which is the reading of a long log: that the process lives, and
 * that it is not ready (503, in upstream's words). The address is free again when `work` is settled. Where it cannot be
 * listened on, nothing is said: the server itself will tell. Port 0 is nobody's to ask yet.
 */
export async function whileWaiting<T>({ listen, web, afterMs = AFTER_MS }: WaitingRoom, work: Promise<T>): Promise<T> {
  if (listen.port === 0) return work;
  let opening: Promise<FastifyInstance | undefined> | undefined;
  const timer = setTimeout(() => {
    opening = open(listen, web);
  }, afterMs);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
    await (await opening)?.close();
  }
}

async function open({ host, port }: ListenAddress, web: WebOptions): Promise<FastifyInstance | undefined> {
  const app = createServer({}, web);
  app.get('/-/healthy', async (_request, reply) => plainText(reply, 200, 'Prometheus Server is Healthy.\n'));
  app.setNotFoundHandler(async (_request, reply) =>
    plainText(reply.header('x-prometheus-stopping', 'false'), 503, 'Service Unavailable'),
  );
  try {
    await app.listen({ host, port });
    return app;
  } catch {
    await app.close();
    return undefined;
  }
}
