import type { FamilyWriter } from '@avalanche/exposition';
import { type CeleryEvent, exceptionName, hostOf, TaskMemory } from './tasks.ts';

/** celery-exporter's defaults of `--buckets` and `--queue-wait-buckets`, in seconds. */
const RUNTIME_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
const WAIT_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800];

const COUNTERS: Readonly<Record<string, string>> = {
  sent: 'Tasks published.',
  received: 'Tasks received by a worker.',
  started: 'Tasks begun by a worker.',
  succeeded: 'Tasks that succeeded.',
  rejected: 'Tasks rejected by a worker.',
  revoked: 'Tasks revoked.',
  retried: 'Tasks that failed and are tried again.',
};

interface Histogram {
  readonly counts: number[];
  sum: number;
}

interface TaskSeries {
  readonly labels: Readonly<Record<string, string>>;
  readonly counts: Record<string, number>;
  /** Failures by exception; '' keeps the series at zero from the start. */
  readonly failures: Map<string, number>;
  runtime: Histogram | null;
  wait: Histogram | null;
}

interface WorkerRecord {
  up: boolean;
  active: number;
  /** Milliseconds. */
  lastSeen: number;
}

/** What an inspect round said of a queue. */
export interface QueueStatus {
  readonly length: number;
  readonly workers: number;
  readonly processes: number;
}

export interface CeleryMetricsOptions {
  readonly defaultQueue: string;
  /** A worker without a heartbeat for this long is down (`--worker-timeout`), in milliseconds. */
  readonly workerTimeoutMs: number;
  /** Series of a worker that is down for this long go away (`--purge-offline-worker-metrics`); 0 keeps them. */
  readonly purgeOfflineMs: number;
}

const SERIES_MAX = 20_000;

/** Turns Celery's events into celery-exporter's series. Pure: events and the time come from outside. */
export class CeleryMetrics {
  private readonly tasks: TaskMemory;
  private readonly series = new Map<string, TaskSeries>();
  private readonly workers = new Map<string, WorkerRecord>();

  constructor(private readonly options: CeleryMetricsOptions) {
    this.tasks = new TaskMemory(options.defaultQueue);
  }

  /** @param now milliseconds */
  take(event: CeleryEvent, now: number): void {
    if (event.type.startsWith('worker-')) this.takeWorker(event, now);
    else if (event.type.startsWith('task-')) this.takeTask(event);
  }

  write(families: FamilyWriter, queues: ReadonlyMap<string, QueueStatus>, now: number): void {
    this.expireWorkers(now);
    this.writeTasks(families);
    const up = families.gauge('celery_worker_up', 'Whether a worker has sent a heartbeat of late.');
    const active = families.gauge('celery_worker_tasks_active', 'Tasks that a worker works on.');
    for (const [hostname, worker] of this.workers) {
      up.add(worker.up ? 1 : 0, { hostname });
      active.add(worker.up ? worker.active : 0, { hostname });
    }
    for (const [queue_name, { length, workers, processes }] of queues) {
      families.gauge('celery_queue_length', 'Messages that wait in a queue.').add(length, { queue_name });
      families.gauge('celery_active_worker_count', 'Workers that serve a queue.').add(workers, { queue_name });
      families.gauge('celery_active_process_count', 'Processes of those workers.').add(processes, { queue_name });
    }
  }

  private takeWorker(event: CeleryEvent, now: number): void {
    const host = hostOf(event.hostname);
    const worker = this.workers.get(host) ?? { up: false, active: 0, lastSeen: 0 };
    worker.up = event.type !== 'worker-offline';
    worker.active = event.active ?? worker.active;
    worker.lastSeen = now;
    this.workers.set(host, worker);
  }

  private takeTask(event: CeleryEvent): void {
    const task = this.tasks.apply(event);
    const series = this.seriesOf(task.name, task.host, task.queue);
    if (!series) return;
    const kind = event.type.slice('task-'.length);
    if (kind === 'failed') {
      const exception = exceptionName(event.exception);
      series.failures.set(exception, (series.failures.get(exception) ?? 0) + 1);
    } else if (kind in COUNTERS) series.counts[kind] = (series.counts[kind] ?? 0) + 1;
    if (kind === 'succeeded') {
      series.runtime ??= newHistogram(RUNTIME_BUCKETS);
      observe(series.runtime, RUNTIME_BUCKETS, event.runtime ?? 0);
    }
    if (kind === 'started' && !Number.isNaN(task.dueAt)) {
      series.wait ??= newHistogram(WAIT_BUCKETS);
      observe(series.wait, WAIT_BUCKETS, Math.max(0, event.timestamp - task.dueAt));
    }
  }

  /** The series of these labels, all counters but `sent` at zero when it is new; null where there are too many. */
  private seriesOf(name: string, hostname: string, queue_name: string): TaskSeries | null {
    const key = `${name}\n${hostname}\n${queue_name}`;
    let series = this.series.get(key);
    if (series) return series;
    if (this.series.size >= SERIES_MAX) return null;
    const counts = Object.fromEntries(Object.keys(COUNTERS).map((kind) => [kind, 0]));
    delete counts.sent;
    series = {
      labels: { name, hostname, queue_name },
      counts,
      failures: new Map([['', 0]]),
      runtime: null,
      wait: null,
    };
    this.series.set(key, series);
    return series;
  }

  private writeTasks(families: FamilyWriter): void {
    for (const { labels, counts, failures, runtime, wait } of this.series.values()) {
      for (const [kind, value] of Object.entries(counts)) {
        families.counter(`celery_task_${kind}_total`, COUNTERS[kind]).add(value, labels);
      }
      for (const [exception, value] of failures) {
        families.counter('celery_task_failed_total', 'Tasks that failed.').add(value, { ...labels, exception });
      }
      const histogram = (name: string, help: string, buckets: readonly number[], value: Histogram | null) =>
        value && writeHistogram(families, { name, help, buckets, labels, value });
      histogram('celery_task_runtime', 'How long tasks ran, in seconds.', RUNTIME_BUCKETS, runtime);
      const help = 'How long tasks waited in their queue after they were due, in seconds.';
      histogram('celery_task_queue_wait_time', help, WAIT_BUCKETS, wait);
    }
  }

  private expireWorkers(now: number): void {
    const { workerTimeoutMs, purgeOfflineMs } = this.options;
    for (const [host, worker] of this.workers) {
      const silentMs = now - worker.lastSeen;
      if (silentMs > workerTimeoutMs) worker.up = false;
      if (worker.up || purgeOfflineMs === 0 || silentMs <= purgeOfflineMs) continue;
      this.workers.delete(host);
      for (const [key, series] of this.series) if (series.labels.hostname === host) this.series.delete(key);
    }
  }
}

function newHistogram(buckets: readonly number[]): Histogram {
  return { counts: new Array<number>(buckets.length + 1).fill(0), sum: 0 };
}

function observe(histogram: Histogram, buckets: readonly number[], value: number): void {
  const at = buckets.findIndex((bound) => value <= bound);
  histogram.counts[at < 0 ? buckets.length : at]++;
  histogram.sum += value;
}

function writeHistogram(
  families: FamilyWriter,
  h: {
    readonly name: string;
    readonly help: string;
    readonly buckets: readonly number[];
    readonly labels: Readonly<Record<string, string>>;
    readonly value: Histogram;
  },
): void {
  const family = families.family(h.name, 'histogram', h.help);
  let total = 0;
  h.value.counts.forEach((count, i) => {
    total += count;
    const bound = h.buckets[i];
    const le = bound === undefined ? '+Inf' : Number.isInteger(bound) ? bound.toFixed(1) : String(bound);
    family.add(total, { ...h.labels, le }, '_bucket');
  });
  family.add(h.value.sum, h.labels, '_sum').add(total, h.labels, '_count');
}
