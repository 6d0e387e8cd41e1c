import type { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { metricMaker } from './families.ts';
import { currentValue } from './series/internals.ts';
import type { SeriesLimits } from './series/limit.ts';

/** How a run ended; `lost`: its heartbeats stopped, nobody knows how it went, and it may yet tell. */
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
  readonly lastEnd: Gauge<'kind' | 'name'>;
  private readonly runs: Counter<'kind' | 'name' | 'outcome'>;
  private readonly lost: Counter<'kind' | 'name'>;
  private readonly duration: Histogram<'kind' | 'name'>;
  private readonly exitStatus: Gauge<'kind' | 'name'>;
  private readonly peakMemory: Gauge<'kind' | 'name'>;
  private readonly cpu: Counter<'kind' | 'name'>;
  private readonly read: Counter<'kind' | 'name'>;
  private readonly written: Counter<'kind' | 'name'>;

  /** @throws Error where one of the names is taken in `registry` by a metric of another type */
  constructor(registry: Registry, prefix = '', limits: SeriesLimits = {}) {
    const { counter, gauge, histogram } = metricMaker(registry, `${prefix}job_`, limits);
    this.active = gauge('active_runs', 'Runs under way.', LABELS);
    this.runs = counter('runs_total', 'Runs ended.', [...LABELS, 'outcome']);
    this.lost = counter('lost_runs_total', 'Runs given up, as they were not heard of any more.', LABELS);
    this.duration = histogram('duration_seconds', 'Duration of runs.', LABELS, DURATION_BUCKETS);
    this.lastEnd = gauge('last_end_timestamp_seconds', 'When the last run ended.', LABELS);
    this.lastSuccess = gauge('last_success_timestamp_seconds', 'When the last run that succeeded ended.', LABELS);
    this.exitStatus = gauge('exit_status', 'Exit status of the last run.', LABELS);
    this.peakMemory = gauge('peak_memory_bytes', 'The most memory that the last run had resident.', LABELS);
    this.cpu = counter('cpu_seconds_total', 'CPU time of ended runs.', LABELS);
    this.read = counter('read_bytes_total', 'Bytes that ended runs read from disks.', LABELS);
    this.written = counter('written_bytes_total', 'Bytes that ended runs wrote to disks.', LABELS);
  }

  /** Counts a run that has ended. One that is lost is counted by itself: it is a run that ended when it says how. */
  record(run: JobRunRecord, now: number): void {
    const labels = { kind: run.kind, name: run.name };
    const endedAt = (run.endedAt ?? now) / 1000;
    if (run.outcome === 'lost') {
      this.lost.inc(labels);
      raise(this.lastEnd, labels, endedAt);
      return;
    }
    this.runs.inc({ ...labels, outcome: run.outcome });
    this.duration.observe(labels, run.durationSeconds);
    if (run.cpuSeconds !== undefined) this.cpu.inc(labels, run.cpuSeconds);
    if (run.readBytes !== undefined) this.read.inc(labels, run.readBytes);
    if (run.writtenBytes !== undefined) this.written.inc(labels, run.writtenBytes);
    if (run.outcome === 'success') raise(this.lastSuccess, labels, endedAt);
    // of a run that is told of late the others say nothing: it is not the last
    if (!raise(this.lastEnd, labels, endedAt)) return;
    if (run.exitStatus !== undefined) this.exitStatus.set(labels, run.exitStatus);
    if (run.peakMemoryBytes !== undefined) this.peakMemory.set(labels, run.peakMemoryBytes);
  }

  /** Removes what is known of the last runs of a job that is not run any more. */
  forget(labels: { readonly kind: string; readonly name: string }): void {
    for (const gauge of [this.active, this.lastEnd, this.lastSuccess, this.exitStatus, this.peakMemory]) {
      gauge.remove(labels);
    }
  }
}

/** Sets a time that does not go back. @returns whether it is not before the one that was there */
export function raise<Label extends string>(
  gauge: Gauge<Label>,
  labels: Readonly<Record<Label, string>>,
  seconds: number,
): boolean {
  if ((currentValue(gauge, labels) ?? Number.NEGATIVE_INFINITY) > seconds) return false;
  gauge.set(labels, seconds);
  return true;
}
