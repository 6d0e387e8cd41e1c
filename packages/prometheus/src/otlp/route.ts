import { gunzip } from 'node:zlib';
import { type FloatHistogram, HistogramError, type Logger, nextTurn, turnIsOver } from '@avalanche/model';
import {
  APPENDED,
  type Appender,
  DUPLICATE_TIMESTAMP,
  OUT_OF_BOUNDS,
  OUT_OF_ORDER,
  type Outcome,
  type Tsdb,
} from '@avalanche/tsdb';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Counter, type Registry } from 'prom-client';
import { Routes, textError } from '../routes.ts';
import { decodeJson } from './decode-json.ts';
import { decodeProto } from './decode-proto.ts';
import { OtlpError, type ResourceMetrics } from './model.ts';
import { type OtlpConfig, type OtlpSample, Translator, type TranslatorOptions } from './translate.ts';

/** Upstream's bound, of the body as of what it becomes. */
const BYTES_MAX = 32 * 1024 * 1024;
/** How far ahead of ours a sample's time may be (upstream's value). */
const AHEAD_MAX_MS = 10 * 60_000;
const PROTOBUF = 'application/x-protobuf';
const JSON_TYPE = 'application/json';

export interface OtlpOptions extends Omit<TranslatorOptions, 'config'> {
  readonly tsdb: Tsdb;
  readonly logger: Logger;
  readonly registry: Registry;
  /** `--web.enable-otlp-receiver` */
  readonly enabled: boolean;
  readonly config: () => OtlpConfig;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** `created-timestamp-zero-ingestion` */
  readonly startTimeZeros: boolean;
  /** `st-storage` */
  readonly startTimes: boolean;
  /** `metadata-wal-records` */
  readonly metadataRecords: boolean;
  /** Answers in place of this route while the server starts and stops. */
  readonly refuse: (reply: FastifyReply) => FastifyReply | null;
}

/** A sample that the database does not take: the sender is not to send it again. */
class SampleRefused extends Error {
  override readonly name = 'SampleRefused';
}

/** `POST /otlp/v1/metrics`: what OpenTelemetry's exporters send (upstream storage/remote/write_otlp_handler.go). */
export class OtlpReceiver {
  private readonly warnings: Counter;
  private readonly lateExemplars: Counter;

  constructor(private readonly options: OtlpOptions) {
    const registers = [options.registry];
    this.warnings = new Counter({
      name: 'prometheus_api_otlp_translation_warnings_total',
      help: 'Warnings from translating OTLP metrics, by category.',
      labelNames: ['category'],
      registers,
    });
    this.lateExemplars = new Counter({
      name: 'prometheus_api_otlp_out_of_order_exemplars_total',
      help: 'Exemplars received by OTLP that were refused because they were out of order.',
      registers,
    });
    new Counter({
      name: 'prometheus_api_otlp_appended_samples_without_metadata_total',
      help: 'Samples received by OTLP without metadata.',
      registers,
    });
  }

  /** Adds the route to an app of its own, whose bodies are bytes. */
  serve(app: FastifyInstance): void {
    const { enabled, refuse } = this.options;
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: BYTES_MAX }, (_request, body, done) =>
      done(null, body),
    );
    const routes = new Routes(app);
    routes.add('POST', '/otlp/v1/metrics', (request, reply) => {
      const refused = refuse(reply);
      if (refused) return refused;
      if (enabled) return this.receive(request, reply);
      return textError(reply, 404, 'otlp write receiver needs to be enabled with --web.enable-otlp-receiver');
    });
    routes.refuseOthers();
  }

  private async receive(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { logger } = this.options;
    let resources: ResourceMetrics[];
    try {
      resources = await decoded(request);
    } catch (error) {
      logger.error('Error decoding OTLP write request', { error });
      return textError(reply, 400, (error as Error).message);
    }
    try {
      const { errors, refused } = await this.store(resources);
      if (errors.length === 0) return reply.code(200).send();
      logger.error('An OTLP write request was not written', { reason: errors[0] });
      return textError(reply, refused ? 400 : 500, errors.join('\n'));
    } catch (error) {
      logger.error('Error while storing the OTLP write request', { error });
      return textError(reply, 500, (error as Error).message);
    }
  }

  /** All or nothing, as upstream. */
  private async store(resources: readonly ResourceMetrics[]) {
    const { tsdb, logger } = this.options;
    const appender = tsdb.appender();
    let refused = false;
    const append = (sample: OtlpSample) => {
      try {
        this.append(appender, sample);
      } catch (error) {
        refused ||= error instanceof SampleRefused;
        throw error;
      }
    };
    const translator = new Translator({ ...this.options, config: this.options.config() }, append);
    try {
      for (const _ of translator.translate(resources)) if (turnIsOver()) await nextTurn();
      const { errors, warnings } = translator;
      for (const [category] of warnings) this.warnings.inc({ category });
      if (warnings.length > 0) {
        logger.warn('Warnings translating OTLP metrics', { warnings: warnings.map(([, text]) => text) });
      }
      if (errors.length === 0) appender.commit();
      return { errors, refused };
    } finally {
      appender.rollback();
    }
  }

  /** @throws SampleRefused */
  private append(appender: Appender, sample: OtlpSample): void {
    const { time, labels } = sample;
    if (time > this.options.now() + AHEAD_MAX_MS) {
      throw new SampleRefused('out of bounds: timestamp is too far in the future');
    }
    const ref = appender.seriesRef(labels);
    const outcome = this.appendValue(appender, ref, sample);
    if (outcome !== APPENDED) throw new SampleRefused(reasonOf(outcome));
    for (const exemplar of sample.exemplars) {
      const result = appender.appendExemplar(ref, { ...exemplar, hasTime: exemplar.time !== 0 });
      if (result === 'out of order') this.lateExemplars.inc();
    }
    if (this.options.metadataRecords) appender.appendMetadata(ref, sample.metadata);
  }

  /** @throws SampleRefused */
  private appendValue(appender: Appender, ref: number, { start, time, value, histogram }: OtlpSample): Outcome {
    const withStart = this.options.startTimeZeros && start > 0 && start < time;
    if (value === null) return appender.appendStale(ref, time);
    if (!histogram) {
      if (withStart) appender.append(ref, start, 0);
      const outcome = appender.append(ref, time, value);
      if (this.options.startTimes && outcome === APPENDED) appender.setStart(start);
      return outcome;
    }
    if (withStart) appendHistogram(appender, ref, start, histogram.atStart(), 0);
    return appendHistogram(appender, ref, time, histogram, this.options.startTimes ? start : 0);
  }
}

/** @throws SampleRefused where the histogram contradicts itself */
function appendHistogram(
  appender: Appender,
  ref: number,
  time: number,
  histogram: FloatHistogram,
  start: number,
): Outcome {
  try {
    return appender.appendHistogram(ref, time, histogram, start);
  } catch (error) {
    throw error instanceof HistogramError ? new SampleRefused(error.message) : error;
  }
}

function reasonOf(outcome: Outcome): string {
  if (outcome === OUT_OF_ORDER) return 'out of order sample';
  if (outcome === OUT_OF_BOUNDS) return 'out of bounds';
  return outcome === DUPLICATE_TIMESTAMP ? 'duplicate sample for timestamp' : 'too old sample';
}

/** @throws Error in upstream's words where the request cannot be read */
async function decoded({ headers, body }: FastifyRequest): Promise<ResourceMetrics[]> {
  const type = headers['content-type'] ?? '';
  if (type !== PROTOBUF && type !== JSON_TYPE) {
    throw new OtlpError(`unsupported content type: ${type}, supported: [${JSON_TYPE}, ${PROTOBUF}]`);
  }
  const bytes = await uncompressed(Buffer.isBuffer(body) ? body : Buffer.alloc(0), headers['content-encoding'] ?? '');
  return type === JSON_TYPE ? decodeJson(bytes.toString()) : decodeProto(bytes);
}

function uncompressed(bytes: Buffer, encoding: string): Promise<Buffer> | Buffer {
  if (encoding === '') return bytes;
  if (encoding !== 'gzip') {
    throw new OtlpError(`unsupported compression: ${encoding}. Only "gzip" or no compression supported`);
  }
  return new Promise((resolve, reject) => {
    gunzip(bytes, { maxOutputLength: BYTES_MAX }, (error, result) => {
      if (!error) resolve(result);
      else reject(new OtlpError(`gzip: ${error.message}`));
    });
  });
}
