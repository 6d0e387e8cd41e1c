import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** How a run ended; `lost`: its heartbeats stopped, nobody knows how it went. */
export type RunOutcome = 'success' | 'failed' | 'cancelled' | 'lost';

/** What a run used, as far as it is known. */
export interface RunResources {
  /** User and system time of the job and all that it started. */
  readonly cpuSeconds?: number;
  /** The most that was resident at a time. */
  readonly peakMemoryBytes?: number;
  readonly readBytes?: number;
  readonly writtenBytes?: number;
}

/** A run of any job, whatever it does. */
export interface JobRunRecord extends RunResources {
  /** `analysis`, `training`, `download`, `backup`, or a word of yours. */
  readonly kind: string;
  /** Which of its kind: a name out of a small set, such as `taxonomic`. */
  readonly name: string;
  readonly outcome: RunOutcome;
  readonly durationSeconds: number;
  /** Of the process; 128 and the signal's number where one ended it. */
  readonly exitStatus?: number;
  /** When it ended, in milliseconds since the epoch. Default now. */
  readonly endedAt?: number;
}

const LABELS = ['kind', 'name'] as const;
const DURATION_BUCKETS = [1, 5, 15, 60, 300, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400];

/** The metrics of runs that all kinds of jobs have: `job_…{kind, name}`. */
export class JobMetrics {
  readonly active: Gauge<'kind' | 'name'>;
  readonly lastSuccess: Gauge<'kind' | 'name'>;
  private readonly runs: Counter<'kind' | 'name' | 'outcome'>;
  private readonly duration: Histogram<'kind' | 'name'>;
  private readonly lastEnd: Gauge<'kind' | 'name'>;
  private readonly exitStatus: Gauge<'kind' | 'name'>;
  private readonly peakMemory: Gauge<'kind' | 'name'>;
  private readonly cpu: Counter<'kind' | 'name'>;
  private readonly read: Counter<'kind' | 'name'>;
  private readonly written: Counter<'kind' | 'name'>;

  /** @throws Error where one of the names is already taken in `registry` */
  constructor(registry: Registry, prefix = '') {
    const described = (name: string, help: string) => ({
      name: `${prefix}job_${name}`,
      help,
      labelNames: LABELS,
      registers: [registry],
    });
    this.active = new Gauge(described('active_runs', 'Runs under way.'));
    this.runs = new Counter({ ...described('runs_total', 'Runs ended.'), labelNames: [...LABELS, 'outcome'] });
    this.duration = new Histogram({
      ...described('duration_seconds', 'Duration of runs.'),
      buckets: DURATION_BUCKETS,
    });
    this.lastEnd = new Gauge(described('last_end_timestamp_seconds', 'When the last run ended.'));
    this.lastSuccess = new Gauge(
      described('last_success_timestamp_seconds', 'When the last run that succeeded ended.'),
    );
    this.exitStatus = new Gauge(described('exit_status', 'Exit status of the last run.'));
    this.peakMemory = new Gauge(described('peak_memory_bytes', 'The most memory that the last run had resident.'));
    this.cpu = new Counter(described('cpu_seconds_total', 'CPU time of ended runs.'));
    this.read = new Counter(described('read_bytes_total', 'Bytes that ended runs read from disks.'));
    this.written = new Counter(described('written_bytes_total', 'Bytes that ended runs wrote to disks.'));
  }

  record(run: JobRunRecord, now: number): void {
    const labels = { kind: run.kind, name: run.name };
    const endedAt = (run.endedAt ?? now) / 1000;
    this.runs.inc({ ...labels, outcome: run.outcome });
    this.duration.observe(labels, run.durationSeconds);
    this.lastEnd.set(labels, endedAt);
    if (run.outcome === 'success') this.lastSuccess.set(labels, endedAt);
    if (run.exitStatus !== undefined) this.exitStatus.set(labels, run.exitStatus);
    if (run.peakMemoryBytes !== undefined) this.peakMemory.set(labels, run.peakMemoryBytes);
    if (run.cpuSeconds !== undefined) this.cpu.inc(labels, run.cpuSeconds);
    if (run.readBytes !== undefined) this.read.inc(labels, run.readBytes);
    if (run.writtenBytes !== undefined) this.written.inc(labels, run.writtenBytes);
  }

  /** Removes what is known of the last runs of a job that is not run any more. */
  forget(labels: { readonly kind: string; readonly name: string }): void {
    for (const gauge of [this.active, this.lastEnd, this.lastSuccess, this.exitStatus, this.peakMemory]) {
      gauge.remove(labels);
    }
  }
}
