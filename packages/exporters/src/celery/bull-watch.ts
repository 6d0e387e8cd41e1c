import type { FamilyWriter } from '@avalanche/exposition';
import type { Logger } from '@avalanche/model';
import type { Redis } from 'ioredis';
import { type BullEvent, type BullJobDetails, BullJobs } from './bull-jobs.ts';
import { BullQueue, readBullQueues } from './bull-queue.ts';
import { type BullClient, bullClients } from './bull-workers.ts';
import { type CeleryMetrics, GENERIC_HOST } from './metrics.ts';

export interface BullWatchOptions {
  /** What the keys of BullMQ begin with: `bull`. */
  readonly prefixes: readonly string[];
  /** The connection to use. @throws Error while there is none */
  readonly redis: () => Redis;
  readonly metrics: CeleryMetrics;
  readonly logger: Logger;
  readonly metricPrefix: string;
  readonly staticLabels: Readonly<Record<string, string>>;
  /** A worker that neither asks for jobs nor holds one for this long is down; 0: never. Milliseconds. */
  readonly workerTimeoutMs: number;
}

const POLL_MS = 1_000;
const DISCOVER_MS = 10_000;
const QUEUES_MAX = 1_000;
/** Steps through the keys: at first, and in each later round. */
const FIRST_SCANS = 1_000;
const LATER_SCANS = 20;
const SCAN_COUNT = 1_000;
const EVENTS_A_READ = 1_000;
const STREAMS_A_READ = 100;

/** BullMQ's queues on a Redis, told of in the schema of Celery's. */
export class BullWatch {
  private readonly queues = new Map<string, BullQueue>();
  private readonly seenWorkers = new Set<string>();
  private readonly cursors = new Map<string, string>();
  private since: string | null = null;
  private discoveredAt = Number.NEGATIVE_INFINITY;
  private timer: NodeJS.Timeout | undefined;
  private working: Promise<void> | null = null;
  private toldError = '';

  constructor(private readonly options: BullWatchOptions) {}

  /** Events are counted from now on. */
  async start(): Promise<void> {
    await this.refreshQuietly();
    this.timer = setInterval(() => void this.refreshQuietly(), POLL_MS);
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** Reads what happened since the last time, and how the queues are. @throws Error where Redis does not answer */
  refresh(): Promise<void> {
    this.working ??= this.read().finally(() => {
      this.working = null;
    });
    return this.working;
  }

  /** @param others names of queues that are not BullMQ's: one of the same name is told with its prefix */
  write(families: FamilyWriter, others: ReadonlySet<string>, now = Date.now()): void {
    const { metricPrefix, staticLabels } = this.options;
    const gauge = (name: string, help: string) => families.gauge(`${metricPrefix}${name}`, help);
    for (const { name, key, state, clients } of this.queues.values()) {
      if (!state) continue;
      const labels = { queue_name: others.has(name) ? key : name, ...staticLabels };
      gauge('queue_length', 'Messages that wait in a queue.').add(state.waiting, labels);
      const workers = clients.length;
      gauge('active_worker_count', 'Workers that serve a queue.').add(workers, labels);
      gauge('active_process_count', 'Pool processes of the workers that serve a queue.').add(workers, labels);
      const age = Math.max(0, now - (state.oldestAt ?? now)) / 1000;
      gauge('queue_oldest_age_seconds', 'For how long the oldest message of a queue waits; 0 where it is empty.').add(
        age,
        labels,
      );
      for (const [kind, count] of Object.entries(state.counts)) {
        gauge('queue_job_count', 'Jobs of a BullMQ queue by state.').add(count, { ...labels, state: kind });
      }
    }
  }

  private async refreshQuietly(): Promise<void> {
    await this.refresh().catch((error: Error) => this.tell(error));
  }

  private async read(): Promise<void> {
    const redis = this.options.redis();
    this.since ??= `${await serverTimeMs(redis)}-0`;
    if (Date.now() - this.discoveredAt >= DISCOVER_MS) await this.discover(redis, this.since);
    await this.readEvents(redis);
    await readBullQueues(redis, [...this.queues.values()]);
    this.readWorkers(await this.clientList(redis));
    this.report();
  }

  private async discover(redis: Redis, since: string): Promise<void> {
    for (const prefix of this.options.prefixes) {
      const first = !this.cursors.has(prefix);
      let cursor = this.cursors.get(prefix) ?? '0';
      for (let i = 0; i < (first ? FIRST_SCANS : LATER_SCANS) && this.queues.size < QUEUES_MAX; i++) {
        const pattern = `${prefix.replace(/[\\*?[\]]/g, '\\$&')}:*:meta`;
        const [next, keys] = await redis.scan(cursor, 'MATCH', pattern, 'COUNT', SCAN_COUNT);
        for (const key of keys) this.know(prefix, key.slice(prefix.length + 1, -':meta'.length), since);
        cursor = next;
        if (cursor === '0') break;
      }
      this.cursors.set(prefix, cursor);
    }
    this.discoveredAt = Date.now();
  }

  private know(prefix: string, name: string, since: string): void {
    if (this.queues.has(`${prefix}:${name}`)) return;
    const seriesOf = (job: string) => this.options.metrics.series.of(GENERIC_HOST, job, name);
    const queue = new BullQueue(prefix, name, since, new BullJobs(seriesOf));
    this.queues.set(queue.key, queue);
  }

  /** What happened since we came, in the order of Redis; a lost connection loses nothing while the streams keep it. */
  private async readEvents(redis: Redis): Promise<void> {
    const queues = [...this.queues.values()];
    for (let i = 0; i < queues.length; i += STREAMS_A_READ) {
      const some = queues.slice(i, i + STREAMS_A_READ);
      while (await this.readStreams(redis, some)) {}
    }
  }

  /** @returns whether there may be more */
  private async readStreams(redis: Redis, queues: readonly BullQueue[]): Promise<boolean> {
    const keys = queues.map(({ key }) => `${key}:events`);
    const ids = queues.map(({ lastEventId }) => lastEventId);
    const streams = (await redis.xread('COUNT', EVENTS_A_READ, 'STREAMS', ...keys, ...ids)) ?? [];
    let more = false;
    for (const [key, entries] of streams) {
      const queue = queues[keys.indexOf(key)];
      const events = entries.map(([id, fields]) => bullEvent(id, fields));
      const details = await this.detailsOf(redis, queue, events);
      for (const event of events) queue.jobs.take(event, details.get(event.jobId));
      queue.lastEventId = entries.at(-1)?.[0] ?? queue.lastEventId;
      more ||= entries.length >= EVENTS_A_READ;
    }
    return more;
  }

  private async detailsOf(redis: Redis, queue: BullQueue, events: readonly BullEvent[]) {
    const added = new Set(events.filter(({ event }) => event === 'added').map(({ jobId }) => jobId));
    const asked = events.filter((event) => {
      return queue.jobs.needsDetails(event) && (event.event === 'failed' || !added.has(event.jobId));
    });
    const ids = [...new Set(asked.map(({ jobId }) => jobId))];
    const commands = ids.map((id) => ['hmget', `${queue.key}:${id}`, 'name', 'stacktrace']);
    const results = commands.length === 0 ? [] : await redis.pipeline(commands).exec();
    const details = new Map<string, BullJobDetails>();
    ids.forEach((id, i) => {
      const [name = null, stacktrace = null] = (results?.[i]?.[1] ?? []) as (string | null)[];
      details.set(id, { name, stacktrace });
    });
    return details;
  }

  /** '' where we are not allowed to see it: then no worker is known. */
  private async clientList(redis: Redis): Promise<string> {
    try {
      const list = String(await redis.client('LIST'));
      this.toldError = '';
      return list;
    } catch (error) {
      if (!/^NOPERM|unknown command/i.test((error as Error).message)) throw error;
      this.tell(error as Error);
      return '';
    }
  }

  private readWorkers(list: string): void {
    const clients = bullClients(list, this.options.prefixes);
    const { workerTimeoutMs } = this.options;
    for (const queue of this.queues.values()) {
      const alive = ({ idleMs }: BullClient) =>
        workerTimeoutMs === 0 || idleMs <= workerTimeoutMs || queue.state?.locked === true;
      queue.clients = (clients.get(queue.key) ?? []).filter(alive);
    }
  }

  /** Tells the metrics who works on what. */
  private report(now = Date.now()): void {
    const { metrics } = this.options;
    const alive = new Map<string, number>();
    for (const { key, name, state, clients } of this.queues.values()) {
      const tasks = (state?.active ?? []).map((job) => ({
        ...job,
        series: metrics.series.of(GENERIC_HOST, job.name, name),
      }));
      metrics.active.report(key, tasks, Number.POSITIVE_INFINITY);
      // Redis does not tell which worker has a job: with several, none is said to have it.
      const active = new Set(clients.map(({ worker }) => worker)).size === 1 ? tasks.length : Number.NaN;
      for (const { worker } of clients) alive.set(worker, (alive.get(worker) ?? 0) + active);
    }
    for (const [worker, active] of alive) {
      this.seenWorkers.add(worker);
      metrics.workers.watched(worker, active, now);
    }
    for (const worker of this.seenWorkers) {
      if (alive.has(worker)) continue;
      this.seenWorkers.delete(worker);
      metrics.workers.watched(worker, null, now);
    }
  }

  private tell(error: Error): void {
    if (error.message === this.toldError) return;
    this.toldError = error.message;
    this.options.logger.warn('Looking at the BullMQ queues failed', { error });
  }
}

async function serverTimeMs(redis: Redis): Promise<number> {
  const [seconds, micros] = (await redis.time()).map(Number);
  return seconds * 1000 + Math.floor(micros / 1000);
}

function bullEvent(id: string, list: readonly string[]): BullEvent {
  const fields = new Map<string, string>();
  for (let i = 0; i + 1 < list.length; i += 2) fields.set(list[i], list[i + 1]);
  return { event: fields.get('event') ?? '', jobId: fields.get('jobId') ?? '', at: Number(id.split('-')[0]), fields };
}
