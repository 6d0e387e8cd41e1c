import { join } from 'node:path';
import type { ApplicationMetrics, Run, RunEnd } from '@avalanche/metrics';
import { type Clock, type Logger, newUlid } from '@avalanche/model';
import type { Report } from './report.ts';
import { ReportError } from './report.ts';
import { RunFiles } from './run-files.ts';
import {
  addPoint,
  applyReport,
  beginRun,
  endRun,
  outcomeOf,
  pointOf,
  type RunFilter,
  type RunRecord,
} from './run-record.ts';
import { type Schedule, type ScheduleStatus, Schedules } from './schedules.ts';

/** Ended runs whose ids are known: a report that is delivered twice is counted once. */
const ENDED_MAX = 10_000;
/** A run that says nothing about it is lost after a week without a report. */
const TTL_MS = 7 * 86_400_000;
/** More runs at once are refused: a loop that starts runs must not take the memory. */
const RUNNING_MAX = 10_000;

export interface RegistryOptions {
  readonly directory: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where runs are counted. */
  readonly metrics: ApplicationMetrics;
  /** How long ended runs are kept, in milliseconds. */
  readonly retentionMs: number;
  /** Told of each run that ends, after it is on disk. */
  readonly onEnd?: (run: RunRecord) => void;
}

/** What a report did. */
export interface Taken {
  readonly run: RunRecord;
  /** It had been taken before. */
  readonly isRepeated: boolean;
}

interface Running {
  record: RunRecord;
  /** By which it is counted; undefined where somebody else does that. */
  readonly handle: Run | undefined;
}

/** Runs of jobs: those under way, and the log of those that ended. What it takes is on disk when it answers. */
export class RunRegistry {
  readonly schedules: Schedules;
  private readonly running = new Map<string, Running>();
  private readonly files: RunFiles;
  private readonly ended = new Map<string, RunRecord['outcome']>();
  /** By job, in milliseconds. */
  private readonly lastSuccess = new Map<string, number>();

  private constructor(private readonly options: RegistryOptions) {
    this.files = new RunFiles(join(options.directory, 'runs'));
    this.schedules = new Schedules(join(options.directory, 'schedules.json'));
  }

  /** @throws the system's error */
  static async open(options: RegistryOptions): Promise<RunRegistry> {
    const registry = new RunRegistry(options);
    await registry.restore();
    return registry;
  }

  get runningCount(): number {
    return this.running.size;
  }

  /** @throws ReportError, or the system's error, after which nothing of the report is known */
  report(report: Report): Taken {
    const now = this.options.clock.now();
    const runId = report.run_id ?? newUlid(now);
    if (report.schedule !== undefined) this.declare(report);
    if (this.ended.has(runId)) return { run: this.unknown(runId, report), isRepeated: true };
    const known = this.running.get(runId);
    if (known && report.event === 'start') return { run: known.record, isRepeated: true };
    if (!known && report.kind === undefined) throw new ReportError(`run_id: no run ${runId} is under way`);
    if (!known && this.running.size >= RUNNING_MAX) throw new ReportError(`${RUNNING_MAX} runs are under way already`);
    const begun = known?.record ?? beginRun(runId, report, now);
    const record = applyReport(begun, report, now);
    if (report.event === 'done') return { run: this.finish(record, known?.handle, report, now), isRepeated: false };
    return { run: this.keep(record, known, report), isRepeated: false };
  }

  /** Takes the schedule that a report declares. @throws ReportError, or the system's error */
  declare({ kind, name, schedule = '', grace, timezone }: Report): void {
    if (kind === undefined || name === undefined)
      throw new ReportError('schedule: kind and name must be given with it');
    const job = { kind, name, schedule, grace, ...(timezone ? { timezone } : {}) };
    this.schedules.declare(job, this.options.clock.now());
  }

  /** One run, whole; undefined where it is not known, or too old. */
  async find(runId: string): Promise<RunRecord | undefined> {
    const known = this.running.get(runId);
    if (known) return known.record;
    for await (const run of this.files.newestFirst()) if (run.run_id === runId) return run;
    return undefined;
  }

  /** Those under way first, the newest start first; then the ended ones, the newest end first. */
  async *list(filter: RunFilter): AsyncGenerator<RunRecord> {
    const underWay = [...this.running.values()].map(({ record }) => record).sort((a, b) => b.started_at - a.started_at);
    for (const run of underWay) if (matches(run, filter)) yield run;
    for await (const run of this.files.newestFirst()) if (matches(run, filter)) yield run;
  }

  /** Each schedule with how it stands. */
  schedulesNow(): { readonly schedule: Schedule; readonly status: ScheduleStatus }[] {
    const now = this.options.clock.now();
    return this.schedules.list().map((schedule) => ({
      schedule,
      status: this.schedules.statusOf(schedule, this.lastSuccess.get(jobKey(schedule)), now),
    }));
  }

  /** Gives up runs that were not heard of for their `ttl`, and removes what is older than the retention. */
  async maintain(): Promise<void> {
    const now = this.options.clock.now();
    for (const { record, handle } of [...this.running.values()]) {
      if (now - record.reported_at <= (record.ttl ?? TTL_MS)) continue;
      this.settle({ ...endRun(record, 'lost', record.reported_at), error: 'no report of it came any more' }, handle);
    }
    await this.files.removeBefore(now - this.options.retentionMs);
  }

  private keep(record: RunRecord, known: Running | undefined, report: Report): RunRecord {
    const point = report.event === 'log' ? pointOf(record, report) : undefined;
    if (point) this.files.writePoint(record.run_id, point);
    if (!point || !known) this.files.writeRunning(record);
    const handle = known?.handle ?? this.begin(record);
    if (point) handle?.log(point);
    const problems = handle ? { problems: handle.problems } : {};
    const next = point ? { ...addPoint(record, point), ...problems } : record;
    this.running.set(record.run_id, { record: next, handle });
    if (this.files.isLong) this.rewrite();
    return next;
  }

  private begin({ kind, name, run_id: runId, started_at: startedAt, counted }: RunRecord): Run | undefined {
    if (counted) return undefined;
    return this.options.metrics.startRun({ kind, name, runId, startedAt });
  }

  private finish(record: RunRecord, handle: Run | undefined, report: Report, now: number): RunRecord {
    const run = endRun(record, outcomeOf(report), report.ended_at ?? now);
    this.settle(run, handle ?? this.begin(record));
    return run;
  }

  private settle(run: RunRecord, handle: Run | undefined): void {
    this.files.writeEnded(run);
    this.running.delete(run.run_id);
    this.remember(run);
    handle?.end(endOf(run));
    this.options.onEnd?.(run);
  }

  private remember(run: RunRecord): void {
    this.ended.set(run.run_id, run.outcome);
    if (this.ended.size > ENDED_MAX) this.ended.delete(this.ended.keys().next().value as string);
    const key = jobKey(run);
    if (run.outcome !== 'success' || (this.lastSuccess.get(key) ?? 0) >= (run.ended_at ?? 0)) return;
    this.lastSuccess.set(key, run.ended_at ?? 0);
  }

  private rewrite(): void {
    try {
      this.files.rewriteRunning([...this.running.values()].map(({ record }) => record));
    } catch (error) {
      this.options.logger.error('The file of running runs cannot be written anew', { error });
    }
  }

  private async restore(): Promise<void> {
    const newest: RunRecord[] = [];
    for await (const run of this.files.newestFirst()) {
      newest.push(run);
      if (newest.length >= ENDED_MAX) break;
    }
    for (const run of newest.reverse()) this.remember(run);
    this.restoreLastSuccess();
    for (const record of this.files.readRunning().values()) {
      if (this.ended.has(record.run_id)) continue;
      const handle = this.begin(record);
      for (const point of record.curve ?? []) handle?.log(point);
      this.running.set(record.run_id, { record, handle });
    }
    this.rewrite();
  }

  /** Alerts ask when a backup last succeeded, also right after a start. */
  private restoreLastSuccess(): void {
    for (const [key, at] of this.lastSuccess) {
      const [kind, name] = JSON.parse(key) as [string, string];
      this.options.metrics.jobs.lastSuccess.set({ kind, name }, at / 1000);
      if (kind === 'backup') this.options.metrics.families.backupLastSuccess.set({ backup_type: name }, at / 1000);
    }
  }

  private unknown(runId: string, report: Report): RunRecord {
    const run = beginRun(runId, report, this.options.clock.now());
    return { ...run, outcome: this.ended.get(runId) ?? 'lost' };
  }
}

function jobKey({ kind, name }: { readonly kind: string; readonly name: string }): string {
  return JSON.stringify([kind, name]);
}

function matches(run: RunRecord, { kind, name, outcome, host, since, until }: RunFilter): boolean {
  return (
    (kind === undefined || run.kind === kind) &&
    (name === undefined || run.name === name) &&
    (outcome === undefined || run.outcome === outcome) &&
    (host === undefined || run.host === host) &&
    (since === undefined || run.started_at >= since) &&
    (until === undefined || run.started_at < until)
  );
}

function endOf(run: RunRecord): RunEnd {
  const optional = {
    exitStatus: run.exit_status,
    sequences: run.sequences,
    bytes: run.bytes,
    sizeBytes: run.size_bytes,
    accuracy: run.accuracy,
    loss: run.loss,
    cpuSeconds: run.cpu_seconds,
    peakMemoryBytes: run.peak_memory_bytes,
    readBytes: run.read_bytes,
    writtenBytes: run.written_bytes,
  };
  const given = Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined));
  const outcome = run.outcome === 'running' ? 'lost' : run.outcome;
  return { ...given, outcome, ...(run.ended_at === undefined ? {} : { endedAt: run.ended_at }) };
}
