import { type Logger, ProtoError } from '@avalanche/model';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { WRITE_V1, type WriteMessage } from '../proto/messages.ts';
import { decompressSnappy, SnappyTooLarge } from '../proto/snappy.ts';
import { checkEncoding, messageOf } from './content.ts';
import type { ReceiveMetrics } from './metrics.ts';
import { type Stored, type StoreOptions, storeRequest } from './store.ts';

/** Upstream's bound, of the body as of what it becomes. */
const BYTES_MAX = 32 * 1024 * 1024;

export interface ReceiverOptions extends Omit<StoreOptions, 'logger'> {
  readonly logger: Logger;
  /** `--web.enable-remote-write-receiver` */
  readonly enabled: boolean;
  /** `--web.remote-write-receiver.accepted-protobuf-messages` */
  readonly accepted: readonly WriteMessage[];
  readonly metrics: ReceiveMetrics;
  /** Answers where the server is not ready; null where it is. */
  readonly refuse?: ((reply: FastifyReply) => FastifyReply | null) | undefined;
}

/** An answer that is an error, as text. */
class Refusal extends Error {
  override readonly name = 'Refusal';

  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** `POST /write`: what the remote write of others sends (upstream web/api/v1 and storage/remote/write_handler.go). */
export async function remoteWriteReceiver(app: FastifyInstance, options: ReceiverOptions): Promise<void> {
  const { enabled } = options;
  // A body is only read where somebody will read on.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: BYTES_MAX }, (_request, body, done) =>
    done(null, body),
  );
  app.setErrorHandler((error: Error & { readonly code?: string; readonly statusCode?: number }, _request, reply) => {
    const tooLarge = error.code === 'FST_ERR_CTP_BODY_TOO_LARGE';
    if (tooLarge) return sendText(reply, 413, `request body exceeds the ${BYTES_MAX} bytes limit`);
    return sendText(reply, error.statusCode ?? 500, error.message);
  });
  app.route({
    method: 'POST',
    url: '/write',
    bodyLimit: BYTES_MAX,
    onRequest: async (_request, reply) => {
      const refused = options.refuse?.(reply);
      if (refused) return refused;
      if (enabled) return;
      const hint = 'remote write receiver needs to be enabled with --web.enable-remote-write-receiver';
      return sendText(reply, 404, hint);
    },
    handler: (request, reply) => receive(request, reply, options),
  });
  app.route({
    method: ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE'],
    url: '/write',
    handler: async (_request, reply) => {
      reply.code(405).header('allow', 'OPTIONS, POST').type('text/plain; charset=utf-8');
      return reply.send('Method Not Allowed\n');
    },
  });
}

async function receive(request: FastifyRequest, reply: FastifyReply, options: ReceiverOptions): Promise<FastifyReply> {
  const { logger, metrics } = options;
  try {
    const [bytes, message] = readRequest(request, options.accepted);
    const stored = await storeRequest(bytes, message, options);
    metrics.invalidLabels += stored.invalidLabels;
    if (message !== WRITE_V1) tellWritten(reply, stored);
    if (stored.reasons.length === 0) return reply.code(204).send();
    const text = reasonText(stored);
    logger.error('Part of a remote write request was not written', { reason: stored.reasons[0], sender: request.ip });
    return sendText(reply, 400, text);
  } catch (error) {
    const status = error instanceof Refusal ? error.status : error instanceof ProtoError ? 400 : 500;
    logger.error('Error while storing the remote write request', { error });
    return sendText(reply, status, (error as Error).message);
  }
}

/** The message of a request, decompressed. @throws Refusal */
function readRequest(
  { headers, body }: FastifyRequest,
  accepted: readonly WriteMessage[],
): readonly [Uint8Array, WriteMessage] {
  refusing(415, () => checkEncoding(headers['content-encoding'] ?? ''));
  const block = Buffer.isBuffer(body) ? body : Buffer.alloc(0);
  const bytes = refusing(400, () => decompressed(block));
  const message = refusing(415, () => messageOf(headers['content-type'] ?? ''));
  if (!accepted.includes(message)) {
    const only = accepted.join(', ');
    throw new Refusal(415, `${message} protobuf message is not accepted by this server; only accepts ${only}`);
  }
  return [bytes, message];
}

function decompressed(block: Uint8Array): Uint8Array {
  try {
    return decompressSnappy(block, BYTES_MAX);
  } catch (error) {
    if (error instanceof SnappyTooLarge) throw new Error(`decoded size exceeds the ${BYTES_MAX} bytes limit`);
    throw new Error('snappy: corrupt input', { cause: error });
  }
}

function refusing<T>(status: number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new Refusal(status, (error as Error).message);
  }
}

function tellWritten(reply: FastifyReply, { samples, histograms, exemplars }: Stored): void {
  reply.header('X-Prometheus-Remote-Write-Samples-Written', String(samples));
  reply.header('X-Prometheus-Remote-Write-Histograms-Written', String(histograms));
  reply.header('X-Prometheus-Remote-Write-Exemplars-Written', String(exemplars));
}

function reasonText({ reasons, untold }: Stored): string {
  return [...reasons, ...(untold > 0 ? [`and ${untold} more`] : [])].join('\n');
}

/** As Go's `http.Error` answers. */
function sendText(reply: FastifyReply, status: number, text: string): FastifyReply {
  reply.code(status).header('x-content-type-options', 'nosniff').type('text/plain; charset=utf-8');
  return reply.send(`${text}\n`);
}
