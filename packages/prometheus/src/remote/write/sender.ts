import type { Logger } from '@avalanche/model';
import type { SeriesMetadata } from '@avalanche/tsdb';
import { WRITE_V1 } from '../proto/messages.ts';
import { compressSnappy } from '../proto/snappy.ts';
import type { Batch } from './batch.ts';
import { type SendOutcome, WriteClient, type Written } from './client.ts';
import { BatchEncoder, type EncodedCounts, type MetadataEntry } from './encode.ts';
import type { QueueMetrics } from './metrics.ts';
import type { RemoteWriteConfig } from './queue.ts';
import { Rate } from './rate.ts';
import { describeRequest } from './request-text.ts';
import { metricOf } from './series.ts';

interface SenderContext {
  readonly logger: Logger;
  readonly version: string;
  readonly metadataOf: (metric: string) => SeriesMetadata | undefined;
}

/** The same trouble is told once in this time, as upstream's log has it. */
const TELL_MS = 60_000;

/** Sends batches until they are taken or refused for good (upstream's `sendSamplesWithBackoff`). */
export class Sender {
  /** Samples and exemplars, and seconds, for the number of shards. */
  readonly outRate = new Rate();
  readonly sendSeconds = new Rate();
  private readonly client: WriteClient;
  private readonly encoder: BatchEncoder;
  private readonly aborting = new AbortController();
  /** Ends waiting between two attempts. */
  private readonly stopping = new AbortController();
  /** By the monotonic clock: until then the receiver is not to be bothered with more requests at once. */
  private backingOffUntil = 0;
  private toldAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly config: RemoteWriteConfig,
    private readonly metrics: QueueMetrics,
    private readonly context: SenderContext,
  ) {
    const { url, protobuf_message: message, headers, remote_timeout: timeoutMs, queue_config: queue } = config;
    const { version } = context;
    const { retry_on_http_429: retryOn429 } = queue;
    const { round_robin_dns: roundRobinDns } = config;
    this.client = new WriteClient({
      url,
      message,
      http: config,
      headers,
      timeoutMs,
      retryOn429,
      roundRobinDns,
      version,
    });
    this.encoder = new BatchEncoder(message, (series) => context.metadataOf(metricOf(series)));
  }

  get isBackingOff(): boolean {
    return performance.now() < this.backingOffUntil;
  }

  /** @returns whether the batch is settled, taken or refused; false where it was given up because the queue stops */
  async send(batch: Batch): Promise<boolean> {
    const { metrics } = this;
    const begin = performance.now();
    let request = this.requestOf(batch);
    let written: Written | undefined;
    const attempt = async (try_: number): Promise<SendOutcome> => {
      if (request.lowest < this.timeMin) request = this.requestOf(batch);
      metrics.samples += request.samples;
      metrics.histograms += request.histograms;
      metrics.exemplars += request.exemplars;
      const outcome = this.checked(await this.post(request.body, try_), request);
      if (outcome.written) written = sumOf(written, outcome.written);
      if (!outcome.ok) this.tellRequest(request.body, outcome.error);
      return outcome;
    };
    const outcome = await this.retrying(attempt, () => {
      metrics.retriedSamples += request.samples;
      metrics.retriedHistograms += request.histograms;
      metrics.retriedExemplars += request.exemplars;
    });
    if (!outcome) return false;
    metrics.bytes += request.body.length;
    if (request.highest > metrics.highestSentTime) metrics.highestSentTime = request.highest;
    this.count(request, outcome, written);
    metrics.pendingSamples -= batch.length;
    metrics.pendingHistograms -= batch.histograms.length;
    metrics.pendingExemplars -= batch.exemplars.length;
    this.outRate.add(batch.count);
    this.sendSeconds.add((performance.now() - begin) / 1000);
    return true;
  }

  /** What the targets say of their families, in requests of their own (1.0). */
  async sendMetadata(families: readonly MetadataEntry[]): Promise<void> {
    const { metrics } = this;
    const max = this.config.metadata_config.max_samples_per_send;
    for (let from = 0; from < families.length; from += max) {
      const part = families.slice(from, from + max);
      const body = compressSnappy(this.encoder.encodeMetadata(part));
      const outcome = await this.retrying(
        (try_) => this.post(body, try_),
        () => {
          metrics.retriedMetadata += part.length;
        },
      );
      if (!outcome) return;
      if (outcome.ok) {
        metrics.metadata += part.length;
        metrics.metadataBytes += body.length;
      } else {
        metrics.failedMetadata += part.length;
        const { error } = outcome;
        this.context.logger.error('non-recoverable error while sending metadata', { count: part.length, err: error });
      }
    }
  }

  /** What fails from now on is given up. */
  retryNoMore(): void {
    this.stopping.abort();
  }

  /** Ends what is under way. */
  abort(): void {
    this.aborting.abort();
  }

  close(): void {
    this.abort();
    this.client.close();
  }

  private get timeMin(): number {
    const limit = this.config.queue_config.sample_age_limit;
    return limit > 0 ? Date.now() - limit : Number.NEGATIVE_INFINITY;
  }

  private requestOf(batch: Batch): EncodedCounts & { readonly body: Uint8Array } {
    const body = compressSnappy(this.encoder.encode(batch, this.timeMin));
    return { ...this.encoder.counts, body };
  }

  private async post(body: Uint8Array, attempt: number): Promise<SendOutcome> {
    const begin = performance.now();
    const outcome = await this.client.send(body, attempt, this.aborting.signal);
    this.metrics.observe((performance.now() - begin) / 1000);
    return outcome;
  }

  /** A receiver of 2.0 must say what it has written: one that does not has read another message. */
  private checked(outcome: SendOutcome, { samples, histograms, exemplars }: EncodedCounts): SendOutcome {
    if (!outcome.ok || this.config.protobuf_message === WRITE_V1) return outcome;
    if (samples + histograms + exemplars === 0) return outcome;
    const { samples: s = 0, histograms: h = 0, exemplars: e = 0 } = outcome.written ?? {};
    if (s + h + e > 0) return outcome;
    const error = `sent v2 request with ${samples} samples, ${histograms} histograms and ${exemplars} exemplars; got 2xx, but the response says that nothing was written: the target may only support prometheus.WriteRequest`;
    return { ...outcome, ok: false, error };
  }

  /** @returns undefined where it was given up */
  private async retrying(
    attempt: (try_: number) => Promise<SendOutcome>,
    retried: () => void,
  ): Promise<SendOutcome | undefined> {
    const { min_backoff: minMs, max_backoff: maxMs } = this.config.queue_config;
    let backoffMs = minMs;
    for (let try_ = 0; ; try_++) {
      const outcome = await attempt(try_);
      if (outcome.ok || !outcome.isRecoverable) return outcome;
      if (this.stopping.signal.aborted) return undefined;
      const sleepMs = outcome.retryAfterMs > 0 ? outcome.retryAfterMs : backoffMs;
      this.backingOffUntil = Math.max(this.backingOffUntil, performance.now() + 2 * sleepMs);
      this.tellRetry(outcome.error);
      if (!(await this.slept(sleepMs))) return undefined;
      retried();
      backoffMs = Math.min(2 * sleepMs, maxMs);
    }
  }

  /** @returns false where the queue stops meanwhile */
  private slept(ms: number): Promise<boolean> {
    const { signal } = this.stopping;
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        resolve(false);
      };
      const timer = setTimeout(() => {
        signal.removeEventListener('abort', end);
        resolve(!signal.aborted);
      }, ms);
      signal.addEventListener('abort', end, { once: true });
    });
  }

  private tellRetry(error: string): void {
    const now = performance.now();
    if (now - this.toldAt < TELL_MS) return;
    this.toldAt = now;
    this.context.logger.warn('Failed to send batch, retrying', { err: error });
  }

  /** As upstream, of 2.0 alone. The request is taken apart only where the log takes such lines. */
  private tellRequest(body: Uint8Array, error: string): void {
    const { failed_request_logging: isWanted, protobuf_message: message } = this.config;
    if (!isWanted || message === WRITE_V1) return;
    const req = { toJSON: () => describeRequest(body) };
    this.context.logger.debug('Failed to send remote write v2 request', { req, err: error });
  }

  private count(request: EncodedCounts, outcome: SendOutcome, written: Written | undefined): void {
    const { metrics } = this;
    metrics.droppedSamples.too_old += request.oldSamples;
    metrics.droppedHistograms.too_old += request.oldHistograms;
    metrics.droppedExemplars.too_old += request.oldExemplars;
    // A receiver of 1.0 that says nothing has taken all.
    const isAll = outcome.ok && !written;
    const failed = (sent: number, taken = 0) => (isAll ? 0 : Math.max(0, sent - taken));
    const failedSamples = failed(request.samples, written?.samples);
    const failedHistograms = failed(request.histograms, written?.histograms);
    const failedExemplars = failed(request.exemplars, written?.exemplars);
    metrics.failedSamples += failedSamples;
    metrics.failedHistograms += failedHistograms;
    metrics.failedExemplars += failedExemplars;
    const fields = {
      failedSampleCount: failedSamples,
      failedHistogramCount: failedHistograms,
      failedExemplarCount: failedExemplars,
    };
    if (!outcome.ok) this.context.logger.error('non-recoverable error', { ...fields, err: outcome.error });
    else if (failedSamples + failedHistograms + failedExemplars > 0) {
      this.context.logger.error('The receiver answered 2xx and says that it has not written everything', fields);
    }
  }
}

function sumOf(a: Written | undefined, b: Written): Written {
  if (!a) return b;
  return {
    samples: a.samples + b.samples,
    histograms: a.histograms + b.histograms,
    exemplars: a.exemplars + b.exemplars,
  };
}
