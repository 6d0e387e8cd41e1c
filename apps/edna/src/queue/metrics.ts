import { hostname } from 'node:os';
import { createServer, listen, type RunningRole, serveMetrics } from '@avalanche/web';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { QueuedTask, TaskEvents, TaskQueue } from './queue.ts';

type TaskLabels = 'name' | 'hostname' | 'queue_name';

/** celery-exporter's defaults: `--buckets` and `--queue-wait-buckets`. */
const RUNTIME_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
const WAIT_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800];

const EVENTS = {
  sent: 'Sent when a task message is published.',
  received: 'Sent when the worker receives a task.',
  started: 'Sent just before the worker executes the task.',
  succeeded: 'Sent if the task executed successfully.',
  rejected: 'The task was rejected, because the queue is full.',
  revoked: 'Sent if the task has been revoked.',
  retried: 'Sent if the task failed, but will be retried in the future.',
} as const;

/**
 * The state of task queues under celery-exporter's names and labels (its 0.12 and later), so that dashboards and alerts
 * made for Celery read ours. What celery-exporter lacks and we add: `celery_worker_cpu_seconds_total` and
 * `celery_worker_memory_bytes` of the worker's process, by `hostname`.
 */
export class TaskQueueMetrics {
  readonly registry = new Registry();
  private readonly queues: TaskQueue[] = [];
  private readonly events: Record<keyof typeof EVENTS, Counter<TaskLabels>>;
  private readonly failed: Counter<TaskLabels | 'exception'>;
  private readonly runtime: Histogram<TaskLabels>;
  private readonly wait: Histogram<TaskLabels>;
  private readonly gauges: ReturnType<TaskQueueMetrics['createGauges']>;

  constructor(private readonly host = hostname()) {
    const registers = [this.registry];
    const labelNames = ['name', 'hostname', 'queue_name'] as const;
    const counter = (name: keyof typeof EVENTS) =>
      new Counter({ name: `celery_task_${name}_total`, help: EVENTS[name], labelNames, registers });
    this.events = {
      sent: counter('sent'),
      received: counter('received'),
      started: counter('started'),
      succeeded: counter('succeeded'),
      rejected: counter('rejected'),
      revoked: counter('revoked'),
      retried: counter('retried'),
    };
    this.failed = new Counter({
      name: 'celery_task_failed_total',
      help: 'Sent if the execution of the task failed.',
      labelNames: [...labelNames, 'exception'] as const,
      registers,
    });
    this.runtime = new Histogram({
      name: 'celery_task_runtime',
      help: 'Histogram of task runtime measurements.',
      labelNames,
      buckets: RUNTIME_BUCKETS,
      registers,
    });
    this.wait = new Histogram({
      name: 'celery_task_queue_wait_time',
      help: 'Histogram of the time tasks spend waiting in the queue before being executed.',
      labelNames,
      buckets: WAIT_BUCKETS,
      registers,
    });
    this.gauges = this.createGauges();
    this.publishProcess();
  }

  /** Shows `queue` from now on, and the tasks it may hold, each at 0 until something happens. */
  add(queue: TaskQueue, taskNames: readonly string[]): void {
    this.queues.push(queue);
    for (const name of taskNames) {
      const labels = { name, hostname: this.host, queue_name: queue.name };
      for (const counter of Object.values(this.events)) counter.inc(labels, 0);
      this.failed.inc({ ...labels, exception: '' }, 0);
      this.runtime.zero(labels);
      this.wait.zero(labels);
    }
  }

  /** What a queue of this name tells of its tasks. */
  listener(queueName: string): TaskEvents {
    const labels = ({ name }: QueuedTask) => ({ name, hostname: this.host, queue_name: queueName });
    const { events, failed, runtime, wait } = this;
    return {
      sent: (task) => events.sent.inc(labels(task)),
      received: (task) => events.received.inc(labels(task)),
      started: (task, waitedSeconds) => {
        events.started.inc(labels(task));
        wait.observe(labels(task), waitedSeconds);
      },
      succeeded: (task, runtimeSeconds) => {
        events.succeeded.inc(labels(task));
        runtime.observe(labels(task), runtimeSeconds);
      },
      failed: (task, exception) => failed.inc({ ...labels(task), exception }),
      retried: (task) => events.retried.inc(labels(task)),
      rejected: (task) => events.rejected.inc(labels(task)),
    };
  }

  /** Reads the queues and renders everything. A queue that does not answer has no worker and no length. */
  async render(): Promise<string> {
    await this.refresh();
    return this.registry.metrics();
  }

  private async refresh(): Promise<void> {
    const { up, activeTasks, length, workers, processes } = this.gauges;
    const states = await Promise.all(
      this.queues.map(async (queue) => ({ queue, state: await queue.state().catch(() => undefined) })),
    );
    length.reset();
    for (const { queue, state } of states) {
      const labels = { queue_name: queue.name };
      const working = state?.workerUp === true;
      if (state) length.set(labels, state.waiting);
      workers.set(labels, working ? 1 : 0);
      processes.set(labels, working ? state.processes : 0);
    }
    const alive = states.length > 0 && states.every(({ state }) => state?.workerUp);
    up.set({ hostname: this.host }, alive ? 1 : 0);
    activeTasks.set(
      { hostname: this.host },
      states.reduce((sum, { state }) => sum + (state?.active ?? 0), 0),
    );
  }

  private createGauges() {
    const gauge = <L extends string>(name: string, help: string, label: L) =>
      new Gauge({ name, help, labelNames: [label], registers: [this.registry] });
    return {
      up: gauge('celery_worker_up', 'Indicates if a worker has recently sent a heartbeat.', 'hostname'),
      activeTasks: gauge('celery_worker_tasks_active', 'The number of tasks the worker is processing.', 'hostname'),
      length: gauge('celery_queue_length', 'The number of message in broker queue.', 'queue_name'),
      workers: gauge('celery_active_worker_count', 'The number of active workers in broker queue.', 'queue_name'),
      processes: gauge('celery_active_process_count', 'The number of active processes in broker queue.', 'queue_name'),
    };
  }

  private publishProcess(): void {
    const { host } = this;
    const registers = [this.registry];
    new Counter({
      name: 'celery_worker_cpu_seconds_total',
      help: 'CPU time of the worker’s process, user and system, all threads.',
      labelNames: ['hostname'] as const,
      registers,
      collect() {
        const { user, system } = process.cpuUsage();
        this.reset();
        this.inc({ hostname: host }, (user + system) / 1e6);
      },
    });
    new Gauge({
      name: 'celery_worker_memory_bytes',
      help: 'Resident memory of the worker’s process.',
      labelNames: ['hostname'] as const,
      registers,
      collect() {
        this.set({ hostname: host }, process.memoryUsage.rss());
      },
    });
  }
}

export interface QueueMetricsServerOptions {
  readonly host: string;
  readonly port: number;
  readonly metrics: TaskQueueMetrics;
}

/**
 * Serves the queues' state as celery-exporter does: `/metrics`, and `/health`, which is 500 while a queue does not answer.
 * @throws StartupError where the port cannot be had
 */
export async function serveQueueMetrics(options: QueueMetricsServerOptions): Promise<RunningRole> {
  const { metrics } = options;
  const app = createServer();
  serveMetrics(app, refreshing(metrics));
  app.get('/', (_request, reply) => {
    return reply.type('text/html').send('<h1>Task queue exporter</h1><p><a href="/metrics">Metrics</a></p>\n');
  });
  app.get('/health', async (_request, reply) => {
    const up = /^celery_worker_up\{[^}]*\} 1$/m.test(await metrics.render());
    return reply
      .code(up ? 200 : 500)
      .type('text/plain')
      .send(up ? 'Connected to the task queue' : 'Failed to reach the task queue');
  });
  const { url } = await listen(app, 'celery-exporter', options);
  return { name: 'celery-exporter', url, stop: () => app.close() };
}

/** The registry as `serveMetrics` wants it, with the queues read at each scrape. */
function refreshing(metrics: TaskQueueMetrics): Registry {
  return Object.assign(Object.create(metrics.registry) as Registry, { metrics: () => metrics.render() });
}
