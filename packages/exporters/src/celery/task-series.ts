import { type FamilyWriter, renderLabels, type SampleSink } from '@avalanche/exposition';
import { type BucketLabels, type Buckets, Histogram } from './histogram.ts';

/** What is counted of tasks, by the event that says so. */
const COUNTED = {
  sent: 'Tasks published.',
  received: 'Tasks received by a worker.',
  started: 'Tasks begun by a worker.',
  succeeded: 'Tasks that succeeded.',
  failed: 'Tasks that failed, by exception.',
  rejected: 'Tasks rejected by a worker.',
  revoked: 'Tasks revoked.',
  retried: 'Tasks that failed and are tried again.',
} as const;
export type Counted = keyof typeof COUNTED;
const PLAIN = (Object.keys(COUNTED) as Counted[]).filter((kind) => kind !== 'failed');

export function isCounted(kind: string): kind is Counted {
  return Object.hasOwn(COUNTED, kind);
}

/** Where series go that would be too many. */
export const OVERFLOW = '__overflow__';
/** Exceptions told apart for one task on one host. */
const EXCEPTIONS_MAX = 100;
/** A label's value is cut after this, as anybody may publish an event. */
const LABEL_LENGTH_MAX = 512;

export interface TaskSeriesOptions {
  /** Labels that every series has. */
  readonly staticLabels: Readonly<Record<string, string>>;
  readonly runtimeBuckets: Buckets;
  readonly waitBuckets: Buckets;
  /** Combinations of name, hostname and queue above it are counted in one, whose labels are `__overflow__`. */
  readonly seriesMax: number;
}

interface Failures {
  count: number;
  /** As text. */
  readonly labels: string;
}

/** The families of tasks in one scrape. */
export class TaskFamilies {
  readonly counters: readonly SampleSink[];
  readonly failed: SampleSink;
  readonly runtime: SampleSink;
  readonly wait: SampleSink;

  constructor(families: FamilyWriter, prefix: string) {
    const counter = (kind: Counted) => families.counter(`${prefix}task_${kind}_total`, COUNTED[kind]);
    this.counters = PLAIN.map(counter);
    this.failed = counter('failed');
    this.runtime = families.family(`${prefix}task_runtime`, 'histogram', 'How long tasks ran, in seconds.');
    const waited = 'How long tasks waited in their queue after they were due, in seconds.';
    this.wait = families.family(`${prefix}task_queue_wait_time`, 'histogram', waited);
  }
}

/** What is counted of one task on one host from one queue. */
export class TaskSeries {
  private readonly counts: Partial<Record<Counted, number>> = {};
  /** Failures by exception; '' is in the original's zero rows. */
  private readonly failures = new Map<string, Failures>();
  private readonly runtime: Histogram;
  private readonly wait: Histogram;
  private hasRuntime = false;
  private hasWait = false;
  readonly labels: BucketLabels;

  constructor(
    readonly hostname: string,
    private readonly name: string,
    private readonly queue: string,
    private readonly options: TaskSeriesOptions,
  ) {
    this.runtime = new Histogram(options.runtimeBuckets);
    this.wait = new Histogram(options.waitBuckets);
    const rest = { name, queue_name: queue, ...options.staticLabels };
    this.labels = {
      whole: renderLabels({ hostname, ...rest }),
      before: `${renderLabels({ hostname }).slice(0, -1)},`,
      after: `,${renderLabels(rest).slice(1)}`,
    };
  }

  /** Whether a worker has begun such a task. */
  get wasActive(): boolean {
    return (this.counts.started ?? 0) > 0;
  }

  /** Counts an event, and shows all other counters but `sent`, at zero where nothing was counted, as the original does. */
  count(kind: Counted, exception = ''): void {
    for (const other of PLAIN) if (other !== 'sent') this.counts[other] ??= 0;
    if (kind !== 'failed') {
      this.counts[kind] = (this.counts[kind] ?? 0) + 1;
      this.failuresOf('');
      return;
    }
    const known = this.failures.has(exception) || this.failures.size < EXCEPTIONS_MAX;
    this.failuresOf(known ? exception : OVERFLOW).count++;
  }

  /** @param seconds how long a task ran */
  observeRuntime(seconds: number): void {
    this.hasRuntime = true;
    this.runtime.observe(seconds);
  }

  /** @param seconds how long a task waited after it was due */
  observeWait(seconds: number): void {
    this.hasWait = true;
    this.wait.observe(seconds);
  }

  write({ counters, failed, runtime, wait }: TaskFamilies): void {
    const { whole } = this.labels;
    for (let i = 0; i < PLAIN.length; i++) {
      const value = this.counts[PLAIN[i]];
      if (value !== undefined) counters[i].addRendered(value, whole);
    }
    for (const { count, labels } of this.failures.values()) failed.addRendered(count, labels);
    if (this.hasRuntime) this.runtime.write(runtime, this.labels);
    if (this.hasWait) this.wait.write(wait, this.labels);
  }

  private failuresOf(exception: string): Failures {
    let failures = this.failures.get(exception);
    if (!failures) {
      const { hostname, name, queue } = this;
      const labels = { exception, hostname, name, queue_name: queue, ...this.options.staticLabels };
      failures = { count: 0, labels: renderLabels(labels) };
      this.failures.set(exception, failures);
    }
    return failures;
  }
}

/** All that is counted of tasks, by name, host and queue; bounded. */
export class TaskSeriesTable {
  private readonly series = new Map<string, TaskSeries>();
  private overflow: TaskSeries | null = null;
  /** Events that were counted under `__overflow__`. */
  overflowed = 0;

  constructor(private readonly options: TaskSeriesOptions) {}

  of(hostname: string, name: string, queue: string): TaskSeries {
    const key = `${hostname}\n${name}\n${queue}`;
    const found = this.series.get(key);
    if (found) return found;
    if (this.series.size >= this.options.seriesMax) {
      this.overflowed++;
      this.overflow ??= new TaskSeries(OVERFLOW, OVERFLOW, OVERFLOW, this.options);
      return this.overflow;
    }
    const series = new TaskSeries(cut(hostname), cut(name), cut(queue), this.options);
    this.series.set(key, series);
    return series;
  }

  purge(hostname: string): void {
    for (const [key, series] of this.series) if (series.hostname === hostname) this.series.delete(key);
  }

  *all(): Generator<TaskSeries> {
    yield* this.series.values();
    if (this.overflow) yield this.overflow;
  }
}

function cut(text: string): string {
  return text.length <= LABEL_LENGTH_MAX ? text : text.slice(0, LABEL_LENGTH_MAX);
}
