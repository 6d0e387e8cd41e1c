import type { Labels, Logger } from '@avalanche/model';
import type { HttpClient } from '@avalanche/web';
import type { SendMetrics } from './metrics.ts';

/** An alert on its way. */
export interface OutgoingAlert {
  readonly labels: Labels;
  readonly annotations: Readonly<Record<string, string>>;
  /** RFC 3339. */
  readonly startsAt: string;
  readonly endsAt: string;
  readonly generatorURL: string;
}

export interface SendOptions {
  /** Most alerts that wait for one Alertmanager. */
  readonly capacity: number;
  /** Most alerts of one request. */
  readonly batchSize: number;
  /** Whether alerts that wait at the end are still sent. */
  readonly drainOnShutdown: boolean;
}

export interface SendContext {
  readonly options: SendOptions;
  readonly metrics: SendMetrics;
  readonly logger: Logger;
}

/**
 * Alerts that wait for one Alertmanager, and the way there. Each has its own queue: one that is slow or dead keeps no
 * other waiting (upstream notifier/sendloop.go).
 */
export class SendLoop {
  private queue: OutgoingAlert[] = [];
  private sending: Promise<void> | null = null;
  private stopped = false;

  constructor(
    readonly url: string,
    private readonly client: HttpClient,
    private readonly timeoutMs: number,
    private readonly context: SendContext,
  ) {
    context.metrics.appeared(url);
  }

  /** Queues alerts; where they are too many, the oldest go. */
  add(alerts: readonly OutgoingAlert[]): void {
    if (this.stopped) return;
    const { capacity } = this.context.options;
    this.queue.push(...alerts);
    const excess = this.queue.length - capacity;
    if (excess > 0) {
      this.queue.splice(0, excess);
      this.warn('Alert notification queue full, dropping alerts', excess);
    }
    this.context.metrics.queued(this.url, this.queue.length);
    this.start();
  }

  /** Sends what waits, where that is wanted, and settles when nothing is under way any more. */
  async stop(): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    if (!this.context.options.drainOnShutdown && this.queue.length > 0) {
      this.warn('Alert notification queue not drained on shutdown, dropping alerts', this.queue.length);
      this.queue = [];
    }
    await this.sending;
    this.context.metrics.gone(this.url);
  }

  private warn(message: string, count: number): void {
    const { logger, metrics } = this.context;
    logger.warn(message, { alertmanager: this.url, count });
    metrics.dropped(this.url, count);
  }

  private start(): void {
    if (this.sending || this.queue.length === 0) return;
    this.sending = this.drain().finally(() => {
      this.sending = null;
      this.start();
    });
  }

  private async drain(): Promise<void> {
    const { options, metrics } = this.context;
    while (this.queue.length > 0) {
      const batch = this.queue.splice(0, options.batchSize);
      metrics.queued(this.url, this.queue.length);
      if (!(await this.post(batch))) metrics.dropped(this.url, batch.length);
    }
  }

  private async post(batch: readonly OutgoingAlert[]): Promise<boolean> {
    const { metrics, logger } = this.context;
    const begin = performance.now();
    try {
      const response = await this.client.request(this.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(batch),
        signal: AbortSignal.timeout(this.timeoutMs),
      });
      response.body.resume();
      const { status, statusText } = response;
      if (status < 200 || status > 299) throw new Error(`bad response status ${status} ${statusText}`);
      metrics.sent(this.url, batch.length, (performance.now() - begin) / 1000);
      return true;
    } catch (error) {
      logger.error('Error sending alerts', { alertmanager: this.url, count: batch.length, error });
      metrics.failed(this.url, batch.length);
      return false;
    }
  }
}
