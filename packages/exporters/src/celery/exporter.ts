import { FamilyWriter } from '@avalanche/exposition';
import type { Logger } from '@avalanche/model';
import type { Scrape } from '../base/scrape.ts';
import type { Broker, BrokerListener, QueueMeasure } from './broker.ts';
import type { BullWatch } from './bull-watch.ts';
import { type CeleryEvent, checkEvent } from './event.ts';
import type { CeleryMetrics } from './metrics.ts';

export interface ExporterOptions {
  readonly logger: Logger;
  readonly broker: Broker;
  readonly metrics: CeleryMetrics;
  /** BullMQ queues on the same Redis. */
  readonly bull: BullWatch | null;
  /** Queues that are told from the start. */
  readonly queues: readonly string[];
  readonly inspectIntervalMs: number;
  /** Whether workers are told to send task events. */
  readonly enableEvents: boolean;
  /** Told whenever the broker is lost, or cannot be had. */
  readonly onBrokerLost: (error: Error) => void;
}

/** Queues above it are not looked at. */
const QUEUES_MAX = 10_000;
/** Queues of which the oldest message is looked at in one round. */
const OLDEST_MAX = 200;
const SCRAPE_TIMEOUT_MS = 10_000;
/** A broker that takes longer to tell the lengths of its queues tells them to the next scrape. */
const FRESH_WAIT_MS = 2_000;
const STALE_MS = 60_000;

/** Listens to a broker, asks its workers every now and then, and answers scrapes from what it knows. */
export class CeleryExporter implements BrokerListener {
  private failure: Error | null = new Error('not connected yet');
  private readonly queues = new Set<string>();
  private queuesLeftOut = false;
  private unreadableMessages = 0;
  private takenEvents = 0;
  private lengths: ReadonlyMap<string, QueueMeasure> = new Map();
  /** When they were told, in milliseconds of `performance.now()`. */
  private measuredAt = Number.NEGATIVE_INFINITY;
  private unacknowledged: number | null = null;
  private timer: NodeJS.Timeout | undefined;
  private asking = false;
  private measuring: Promise<void> | null = null;
  /** By the part of a round that fails. */
  private readonly failures = new Map<string, string>();
  private settleFirst: () => void = () => {};

  constructor(private readonly options: ExporterOptions) {
    this.know(options.queues);
  }

  /** Begins, and settles when the broker has answered for the first time or could not be reached. */
  async start(): Promise<void> {
    const first = new Promise<void>((resolve) => {
      this.settleFirst = resolve;
    });
    this.options.broker.open(this);
    this.timer = setInterval(() => void this.ask(), this.options.inspectIntervalMs);
    this.timer.unref();
    await first;
    await this.options.bull?.start();
  }

  async stop(): Promise<void> {
    this.failure = new Error('stopped');
    clearInterval(this.timer);
    this.options.bull?.stop();
    await this.options.broker.close();
  }

  events(body: unknown): void {
    const now = Date.now();
    for (const value of Array.isArray(body) ? (body as unknown[]) : [body]) {
      try {
        this.takeEvent(checkEvent(value), now);
      } catch (error) {
        this.unreadable(error as Error);
      }
    }
  }

  connected(): void {
    this.options.logger.info('Connected to the broker', { broker: this.options.broker.address });
    this.failure = null;
    this.settleFirst();
    void this.greet();
  }

  lost(error: Error): void {
    const { logger, broker, onBrokerLost } = this.options;
    if (this.failure?.message !== error.message) {
      logger.warn('The broker is away', { broker: broker.address, error });
    }
    this.failure = error;
    this.settleFirst();
    onBrokerLost(error);
  }

  unreadable(error: Error): void {
    if (this.unreadableMessages++ === 0) {
      this.options.logger.warn('A message of the broker cannot be read; more of them are only counted', { error });
    }
  }

  /** @throws Error where the broker is away */
  async scrape({ deadline }: Scrape): Promise<FamilyWriter> {
    const families = new FamilyWriter();
    try {
      if (this.failure) throw this.failure;
      const timeoutMs = Math.min(SCRAPE_TIMEOUT_MS, deadline - performance.now());
      await within(timeoutMs, Promise.all([this.measureInTime(), this.options.bull?.refresh()]));
    } catch (error) {
      throw new Error(`Failed to scrape metrics: ${(error as Error).message}`, { cause: error });
    }
    await this.options.metrics.write(families, this.lengths, Date.now());
    this.options.bull?.write(families, this.queues);
    this.writeOwn(families);
    return families;
  }

  /** What `/health` says. */
  async health(): Promise<{ readonly ok: boolean; readonly text: string }> {
    const { address } = this.options.broker;
    try {
      await within(SCRAPE_TIMEOUT_MS, this.options.broker.probe());
      return { ok: true, text: `Connected to the broker ${address}` };
    } catch {
      return { ok: false, text: `Failed to connect to broker: '${address}'` };
    }
  }

  private takeEvent(event: CeleryEvent, now: number): void {
    this.options.metrics.take(event, now);
    this.takenEvents++;
    if (event.type === 'task-sent' && event.queue) this.know([event.queue]);
  }

  private async greet(): Promise<void> {
    const { broker, logger } = this.options;
    try {
      await broker.broadcast('heartbeat');
    } catch (error) {
      logger.debug('Asking for heartbeats failed', { error });
    }
    await this.ask();
  }

  /** One round of questions to workers and broker. What the broker refuses us, as it may by its rules, is left out. */
  private async ask(): Promise<void> {
    if (this.asking || this.failure) return;
    this.asking = true;
    const { broker, metrics, enableEvents } = this.options;
    const askedAt = Date.now();
    try {
      await Promise.all([
        this.step('asking the workers', async () => {
          // In every round, for workers that have started since.
          if (enableEvents) await broker.broadcast('enable_events');
          this.know(metrics.inspected(await broker.inspect(), askedAt, Date.now()));
        }),
        this.step('finding queues', async () => this.know(await broker.discoverQueues())),
      ]);
      await this.step('counting unacknowledged messages', async () => {
        this.unacknowledged = await broker.unacknowledged();
      });
      await this.step('looking at the oldest messages', () => this.lookAtOldest());
      metrics.expire(Date.now());
    } finally {
      this.asking = false;
    }
  }

  private async lookAtOldest(): Promise<void> {
    await this.measure();
    const full = [...this.lengths].filter(([, { length }]) => length > 0).map(([queue]) => queue);
    const ids = await this.options.broker.oldestTasks(full.slice(0, OLDEST_MAX));
    this.options.metrics.ages.seen(ids, Date.now());
  }

  /** Does one part of a round; its failure is told when it begins or changes, not in every round. */
  private async step(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.failures.delete(what);
    } catch (error) {
      const { message } = error as Error;
      if (this.failure || this.failures.get(what) === message) return;
      this.failures.set(what, message);
      this.options.logger.warn('A part of what is asked regularly fails', { what, error });
    }
  }

  /** The lengths of now where the broker tells them quickly, else those of not long ago. */
  private async measureInTime(): Promise<void> {
    const measuring = this.measure();
    if (performance.now() - this.measuredAt > STALE_MS) return measuring;
    await within(FRESH_WAIT_MS, measuring).catch((error: Error) => {
      if (!(error instanceof NoAnswerError)) throw error;
    });
  }

  /** Scrapes that come together are answered by one look at the queues. */
  private measure(): Promise<void> {
    this.measuring ??= this.readLengths().finally(() => {
      this.measuring = null;
    });
    return this.measuring;
  }

  private async readLengths(): Promise<void> {
    this.lengths = await this.options.broker.measure([...this.queues]);
    this.measuredAt = performance.now();
  }

  private know(queues: readonly string[]): void {
    for (const queue of queues) {
      if (this.queues.size < QUEUES_MAX || this.queues.has(queue)) this.queues.add(queue);
      else if (!this.queuesLeftOut) {
        this.queuesLeftOut = true;
        this.options.logger.warn('There are more queues than are looked at', { most: QUEUES_MAX });
      }
    }
  }

  private writeOwn(families: FamilyWriter): void {
    const counter = (name: string, help: string, value: number) =>
      families.counter(`celery_exporter_${name}`, help).add(value);
    counter('events_total', 'Events taken in.', this.takenEvents);
    counter('unreadable_messages_total', 'Messages of the broker that could not be read.', this.unreadableMessages);
    const { overflowed } = this.options.metrics.series;
    counter('overflowed_events_total', 'Task events counted under __overflow__, for too many series.', overflowed);
    if (this.unacknowledged === null) return;
    families
      .gauge('celery_exporter_unacknowledged_messages', 'Messages that workers have and have not acknowledged.')
      .add(this.unacknowledged);
  }
}

class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
}

function within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new NoAnswerError(`the broker gave no answer in ${Math.round(timeoutMs)} ms`));
    const timer = setTimeout(late, Math.max(0, timeoutMs));
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
