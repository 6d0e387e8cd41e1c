import { type FamilyWriter, renderLabels } from '@avalanche/exposition';
import { type ActiveSummary, ActiveTasks, type ReportedTask } from './active-tasks.ts';
import type { QueueMeasure } from './broker.ts';
import { type CeleryEvent, exceptionName, hostOf } from './event.ts';
import type { Buckets } from './histogram.ts';
import { type ActiveReport, type InspectReply, workerReports } from './inspect.ts';
import { QueueAges } from './queue-ages.ts';
import { QueuedTasks } from './queued-tasks.ts';
import { Slices } from './slices.ts';
import { isCounted, TaskFamilies, type TaskSeries, TaskSeriesTable } from './task-series.ts';
import { TaskMemory } from './tasks.ts';
import { Workers } from './workers.ts';

export interface CeleryMetricsOptions {
  /** Queue of tasks that name none. */
  readonly defaultQueue: string;
  readonly workerTimeoutMs: number;
  readonly purgeOfflineMs: number;
  /** For how long what a worker said of itself holds, in milliseconds. */
  readonly reportTtlMs: number;
  /** What every family's name begins with: `celery_`. */
  readonly prefix: string;
  readonly staticLabels: Readonly<Record<string, string>>;
  readonly runtimeBuckets: Buckets;
  readonly waitBuckets: Buckets;
  readonly taskSeriesMax: number;
  /** Whether `celery_task_sent_total` has the host name `generic`. */
  readonly genericSender: boolean;
  /** Whether all other `celery_task_*` have it. */
  readonly genericWorker: boolean;
}

/** The host name of what is told of all hosts in one. */
export const GENERIC_HOST = 'generic';
/** Task events after which a task is not being worked on. */
const ENDINGS = new Set(['succeeded', 'failed', 'rejected', 'revoked', 'retried']);

/**
 * Turns Celery's events, and what workers and brokers answer, into celery-exporter's series. Pure: everything, and the time,
 * comes from outside.
 */
export class CeleryMetrics {
  readonly series: TaskSeriesTable;
  readonly workers: Workers;
  private readonly tasks = new TaskMemory();
  readonly active = new ActiveTasks();
  private readonly queued = new QueuedTasks();
  readonly ages = new QueueAges(this.queued);

  constructor(private readonly options: CeleryMetricsOptions) {
    const { taskSeriesMax, workerTimeoutMs, purgeOfflineMs } = options;
    this.series = new TaskSeriesTable({ ...options, seriesMax: taskSeriesMax });
    this.workers = new Workers({ ...options, timeoutMs: workerTimeoutMs, purgeMs: purgeOfflineMs });
  }

  /** @param now milliseconds, by our clock */
  take(event: CeleryEvent, now: number): void {
    if (event.type.startsWith('task-')) this.takeTask(event, event.type.slice('task-'.length), now);
    else if (/^worker-(online|heartbeat|offline)$/.test(event.type)) {
      this.workers.take(event, now);
      if (event.type === 'worker-offline') this.active.endAllOf(event.hostname);
    }
  }

  /** What workers answered. @param askedAt milliseconds @returns the queues that they serve */
  inspected(replies: readonly InspectReply[], askedAt: number, now: number): string[] {
    const reports = workerReports(replies);
    for (const [worker, report] of reports) {
      this.workers.reported(worker, report, askedAt, now);
      if (report.active) this.active.report(worker, this.reportedTasks(worker, report.active, now), askedAt);
    }
    return [...reports.values()].flatMap(({ queues }) => queues);
  }

  /** Takes down workers that are silent, and forgets those that have been for long. */
  expire(now: number): void {
    const { down, goneHosts } = this.workers.expire(now);
    for (const worker of down) this.active.endAllOf(worker);
    for (const host of goneHosts) this.series.purge(host);
  }

  async write(families: FamilyWriter, queues: ReadonlyMap<string, QueueMeasure>, now: number): Promise<void> {
    this.expire(now);
    const slices = new Slices();
    await this.writeQueues(families, queues, now, slices);
    this.workers.write(families, now);
    const active = this.active.bySeries();
    const taskFamilies = new TaskFamilies(families, this.options.prefix);
    for (const series of this.series.all()) {
      this.writeActive(families, series, active.get(series), now);
      series.write(taskFamilies);
      if (slices.isOver()) await slices.next();
    }
  }

  private takeTask(event: CeleryEvent, kind: string, now: number): void {
    if (!isCounted(kind)) return;
    const task = this.tasks.apply(event);
    const series = this.seriesOf(task.name, task.host, task.queue, kind === 'sent');
    series.count(kind, kind === 'failed' ? exceptionName(event.exception) : '');
    if (kind === 'succeeded') series.observeRuntime(event.runtime ?? 0);
    if (kind === 'started' && !Number.isNaN(task.dueAt)) {
      series.observeWait(Math.max(0, event.timestamp - task.dueAt));
    }
    const id = String(event.uuid ?? '');
    if (kind === 'sent') {
      if (task.state === 'PENDING' || task.state === 'RETRY') {
        this.queued.sent(id, task.queue || this.options.defaultQueue, now);
      }
    } else this.queued.left(id);
    // An event that comes late does not begin a task that has ended.
    if (kind === 'started' && task.state === 'STARTED') {
      this.active.begin(id, { series, worker: event.hostname, startedAt: now });
    }
    if (ENDINGS.has(kind)) this.active.end(id);
  }

  private seriesOf(name: string, host: string, queue: string, sent: boolean): TaskSeries {
    const { genericSender, genericWorker, defaultQueue } = this.options;
    const generic = sent ? genericSender : genericWorker;
    return this.series.of(generic ? GENERIC_HOST : host, name, queue || defaultQueue);
  }

  private reportedTasks(worker: string, reports: readonly ActiveReport[], now: number): ReportedTask[] {
    return reports
      .filter(({ id }) => !this.tasks.hasEnded(id))
      .map(({ id, name, timeStart, routingKey }) => {
        const task = this.tasks.learn(id, name);
        const series = this.seriesOf(task.name, hostOf(worker), task.queue || routingKey, false);
        const startedAt = timeStart === null ? now : Math.min(now, this.workers.timeAt(worker, timeStart));
        return { id, series, startedAt };
      });
  }

  private async writeQueues(
    families: FamilyWriter,
    queues: ReadonlyMap<string, QueueMeasure>,
    now: number,
    slices: Slices,
  ): Promise<void> {
    const { prefix, staticLabels } = this.options;
    const gauge = (name: string, help: string) => families.gauge(`${prefix}${name}`, help);
    this.queued.settle((queue) => queues.get(queue)?.length === 0, now);
    const services = this.workers.services(now);
    const since = this.ages.since();
    const length = gauge('queue_length', 'Messages that wait in a queue.');
    const workers = gauge('active_worker_count', 'Workers that serve a queue.');
    const processes = gauge('active_process_count', 'Pool processes of the workers that serve a queue.');
    const consumers = gauge('active_consumer_count', 'Consumers of a queue at the broker.');
    const age = gauge(
      'queue_oldest_age_seconds',
      'For how long the oldest message of a queue waits; 0 where it is empty.',
    );
    for (const [queue_name, measure] of queues) {
      const labels = renderLabels({ queue_name, ...staticLabels });
      const service = services.get(queue_name);
      length.addRendered(measure.length, labels);
      workers.addRendered(service?.workers ?? 0, labels);
      processes.addRendered(service?.processes ?? 0, labels);
      if (measure.consumers !== undefined) consumers.addRendered(measure.consumers, labels);
      const oldest = measure.length === 0 ? now : since.get(queue_name);
      if (oldest !== undefined) age.addRendered(secondsSince(oldest, now), labels);
      if (slices.isOver()) await slices.next();
    }
  }

  private writeActive(
    families: FamilyWriter,
    series: TaskSeries,
    summary: ActiveSummary | undefined,
    now: number,
  ): void {
    if (!summary && !series.wasActive) return;
    const { prefix } = this.options;
    const { whole } = series.labels;
    families.gauge(`${prefix}active_task_count`, 'Tasks that workers work on.').addRendered(summary?.count ?? 0, whole);
    families
      .gauge(`${prefix}active_task_oldest_age_seconds`, ACTIVE_AGE_HELP)
      .addRendered(secondsSince(summary?.oldestAt ?? now, now), whole);
  }
}

const ACTIVE_AGE_HELP = 'For how long the oldest of the tasks that are worked on runs; 0 where there is none.';

function secondsSince(then: number, now: number): number {
  return Math.max(0, now - then) / 1000;
}
