import { Labels, ProtoReader, ProtoWriter, SampleColumns } from '@avalanche/model';
import type { Tsdb } from '@avalanche/tsdb';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Gauge, type Registry } from 'prom-client';
import { streamPieces } from '../../api/send.ts';
import { Routes, textError } from '../../routes.ts';
import { decompressSnappy } from '../proto/snappy.ts';
import {
  type AnswerLimits,
  compressedPieces,
  FrameWriter,
  fieldHead,
  readSeries,
  writeSampledSeries,
} from './answers.ts';
import { Gate } from './gate.ts';
import {
  CHUNKS_TYPE,
  decodeReadRequest,
  READ,
  type ReadQuery,
  type ReadRequest,
  SAMPLES,
  SAMPLES_TYPE,
  STREAMED_XOR_CHUNKS,
} from './messages.ts';

/** Upstream's bound of a request, of the body as of what it becomes. */
const REQUEST_BYTES_MAX = 32 * 1024 * 1024;

/** Frames are mostly small: so many bytes of them are sent at once. */
const PIECE_BYTES = 64 * 1024;

/** What `--storage.remote.read-…` says. */
export interface ReadLimits extends AnswerLimits {
  /** Requests that are answered at a time. */
  readonly concurrencyMax: number;
}

/** Upstream's defaults. */
export const READ_LIMITS: ReadLimits = { samplesMax: 5e7, concurrencyMax: 10, frameBytesMax: 1024 * 1024 };

export interface RemoteReadOptions {
  readonly tsdb: Tsdb;
  readonly limits: ReadLimits;
  readonly externalLabels: () => Readonly<Record<string, string>>;
  readonly registry: Registry;
  /** Answers in place of this route while the server starts and stops. */
  readonly refuse: (reply: FastifyReply) => FastifyReply | null;
}

/** `POST /read`: what the remote read of others asks (upstream storage/remote/read_handler.go). */
export class RemoteRead {
  private readonly gate: Gate;

  constructor(private readonly options: RemoteReadOptions) {
    const gate = new Gate(options.limits.concurrencyMax);
    this.gate = gate;
    new Gauge({
      name: 'prometheus_remote_read_handler_queries',
      help: 'Remote read requests that are being answered or wait for it.',
      registers: [options.registry],
      collect() {
        this.set(gate.size);
      },
    });
  }

  /** Adds the route to an app of its own, whose bodies are bytes. */
  serve(app: FastifyInstance): void {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: REQUEST_BYTES_MAX }, (_request, body, done) =>
      done(null, body),
    );
    const routes = new Routes(app);
    routes.add('POST', '/read', (request, reply) => this.options.refuse(reply) ?? this.answer(request, reply));
    routes.refuseOthers();
  }

  private async answer({ body }: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    await this.gate.enter();
    try {
      const request = decoded(body);
      const type = acceptedType(request);
      if (type === STREAMED_XOR_CHUNKS) return await this.stream(request.queries, reply);
      return await this.sampled(request.queries, reply);
    } catch (error) {
      this.gate.leave();
      return textError(reply, error instanceof Refusal ? 400 : 500, (error as Error).message);
    }
  }

  private get external(): Labels {
    return Labels.from(this.options.externalLabels());
  }

  /** All samples, which are in memory once before they are sent. */
  private async sampled(queries: readonly ReadQuery[], reply: FastifyReply): Promise<FastifyReply> {
    const { limits } = this.options;
    const parts: Uint8Array[] = [];
    for (const query of queries) {
      const writer = new ProtoWriter();
      let samples = 0;
      await this.visit(query, (series) => {
        samples += series.columns.length;
        if (limits.samplesMax > 0 && samples > limits.samplesMax) {
          throw new Refusal(`exceeded sample limit (${limits.samplesMax})`);
        }
        writeSampledSeries(writer, series);
      });
      parts.push(fieldHead(READ.response.results, writer.length), writer.written);
    }
    reply.headers({ 'content-type': SAMPLES_TYPE, 'content-encoding': 'snappy' });
    return streamPieces(reply, inTurns(compressedPieces(parts)), () => this.gate.leave());
  }

  private async visit(query: ReadQuery, take: (series: { labels: Labels; columns: SampleColumns }) => void) {
    const querier = this.options.tsdb.querier(query.start, query.end);
    try {
      for await (const series of readSeries(querier, query, this.external, new SampleColumns())) take(series);
    } finally {
      querier.close();
    }
  }

  /** Frames as the series are read, no faster than the client takes them. What fails before the first is answered. */
  private async stream(queries: readonly ReadQuery[], reply: FastifyReply): Promise<FastifyReply> {
    const frames = this.frames(queries);
    const first = await frames.next();
    reply.header('content-type', CHUNKS_TYPE);
    return streamPieces(reply, continued(first, frames), () => this.gate.leave());
  }

  private async *frames(queries: readonly ReadQuery[]): AsyncGenerator<Buffer> {
    const { tsdb, limits } = this.options;
    const writer = new FrameWriter(limits.frameBytesMax);
    const columns = new SampleColumns();
    const waiting: Buffer[] = [];
    let bytes = 0;
    for (const [i, query] of queries.entries()) {
      const querier = tsdb.querier(query.start, query.end);
      try {
        for await (const series of readSeries(querier, query, this.external, columns)) {
          for (const frame of writer.frames(series, i)) {
            waiting.push(frame);
            bytes += frame.length;
          }
          if (bytes < PIECE_BYTES) continue;
          yield Buffer.concat(waiting.splice(0));
          bytes = 0;
        }
      } finally {
        querier.close();
      }
    }
    if (bytes > 0) yield Buffer.concat(waiting);
  }
}

/** Something in a request that cannot be done: the client's fault. */
class Refusal extends Error {
  override readonly name = 'Refusal';
}

/** @throws Refusal in upstream's words */
function decoded(body: unknown): ReadRequest {
  const block = Buffer.isBuffer(body) ? body : Buffer.alloc(0);
  let bytes: Uint8Array;
  try {
    bytes = decompressSnappy(block, REQUEST_BYTES_MAX);
  } catch (error) {
    throw new Refusal('snappy: corrupt input', { cause: error });
  }
  try {
    return decodeReadRequest(new ProtoReader(bytes));
  } catch (error) {
    throw new Refusal((error as Error).message, { cause: error });
  }
}

/** The first kind of answer that is known; samples for who asks for none. @throws Refusal */
function acceptedType({ acceptedTypes }: ReadRequest): number {
  if (acceptedTypes.length === 0) return SAMPLES;
  const known = acceptedTypes.find((type) => type === SAMPLES || type === STREAMED_XOR_CHUNKS);
  if (known !== undefined) return known;
  const asked = acceptedTypes.join(' ');
  throw new Refusal(
    `server does not support any of the requested response types: [${asked}]; supported: map[SAMPLES:{} STREAMED_XOR_CHUNKS:{}]`,
  );
}

async function* inTurns(pieces: Iterable<Buffer>): AsyncGenerator<Buffer> {
  yield* pieces;
}

async function* continued(first: IteratorResult<Buffer>, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  if (first.done) return;
  yield first.value;
  yield* rest;
}
