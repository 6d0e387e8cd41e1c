import { join } from 'node:path';
import type { ApplicationMetrics, Run, RunEnd } from '@avalanche/metrics';
import { type Clock, type Logger, newUlid } from '@avalanche/model';
import { bounded } from './bounded.ts';
import { LastRuns } from './last-runs.ts';
import type { Report } from './report.ts';
import { ReportError } from './report.ts';
import { RunFiles } from './run-files.ts';
import {
  addPoint,
  applyReport,
  beginRun,
  endRun,
  hasPoint,
  movedBack,
  outcomeOf,
  pointOf,
  type RunFilter,
  type RunRecord,
  recoverRun,
} from './run-record.ts';
import { type Schedule, type ScheduleStatus, Schedules } from './schedules.ts';

/** Ended runs whose ids are known: a report that is delivered twice is counted once. */
const ENDED_MAX = 10_000;
/** A run that says nothing about it is lost after a week without a report. */
const TTL_MS = 7 * 86_400_000;
/** Lost runs that go on where they stopped when they are heard of again. */
const LOST_MAX = 1_000;
/** Maintenance that comes later than this after the last one: this process or its machine did not run. */
const PAUSE_MS = 60_000;
/** What is of a time to come is believed to be wrong when the clock has been behind it for so long. */
const CERTAIN_MS = 3_600_000;
/** What a report of a point says that is in the point's own line. */
const OF_POINTS = new Set([
  'event',
  'run_id',
  'kind',
  'name',
  'started_at',
  'counted',
  'epoch',
  'step',
  'loss',
  'accuracy',
]);
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
  /** Told of each run that ends, after it is in a file. */
  readonly onEnd?: (run: RunRecord) => void;
}

/** What a report did. */
export interface Taken {
  readonly run: RunRecord;
  /** It had been taken before. */
  readonly isRepeated: boolean;
}

/** What is kept of a run that has ended. */
interface Ended {
  readonly outcome: RunRecord['outcome'];
  /** By the clock of the job, in milliseconds. */
  readonly startedAt: number;
}

interface Running {
  record: RunRecord;
  /** By which it is counted; undefined where somebody else does that. */
  readonly handle: Run | undefined;
}

/** Runs of jobs: those under way, and the log of those that ended. What it takes is in a file when it answers. */
export class RunRegistry {
  readonly schedules: Schedules;
  private readonly running = new Map<string, Running>();
  private readonly files: RunFiles;
  private readonly ended = new Map<string, Ended>();
  private readonly lost = new Map<string, RunRecord>();
  private readonly lastRuns: LastRuns;
  /** Since when there has been something of a time to come, in milliseconds. */
  private behindSince: number | undefined;
  /** Nobody could report before. */
  private awakeSince: number;
  private maintainedAt: number;
  private rewriting: Promise<void> = Promise.resolve();

  private constructor(private readonly options: RegistryOptions) {
    this.files = new RunFiles(join(options.directory, 'runs'), (file, error) =>
      options.logger.error('Runs may not outlive a loss of power: their file cannot be synced', { file, error }),
    );
    this.lastRuns = new LastRuns(join(options.directory, 'runs', 'last-success.json'), options.metrics);
    this.schedules = new Schedules(join(options.directory, 'schedules.json'));
    this.awakeSince = options.clock.now();
    this.maintainedAt = this.awakeSince;
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
    if (this.wasTaken(runId, report)) return { run: this.unknown(runId, report), isRepeated: true };
    const known = this.running.get(runId);
    if (known && report.event === 'start') return { run: known.record, isRepeated: true };
    const lost = known || report.event === 'start' ? undefined : this.lost.get(runId);
    if (!known && !lost && report.kind === undefined) throw new ReportError(`run_id: no run ${runId} is under way`);
    if (!known && this.running.size >= RUNNING_MAX) throw new ReportError(`${RUNNING_MAX} runs are under way already`);
    if (report.schedule !== undefined) this.declare(report);
    const begun = known?.record ?? (lost ? recoverRun(lost) : beginRun(runId, report, now));
    const record = applyReport(begun, report, now);
    const run =
      report.event === 'done' ? this.finish(record, known?.handle, report, now) : this.keep(record, known, report);
    this.begun(runId, report);
    return { run, isRepeated: false };
  }

  /**
   * Whether it is of a run that has ended, and so was delivered before. A run that was lost and is heard of again goes on;
   * an id that is used again by one that started later is another run.
   */
  private wasTaken(runId: string, report: Report): boolean {
    const ended = this.ended.get(runId);
    if (!ended) return false;
    if (report.started_at !== undefined && report.started_at > ended.startedAt) return false;
    return report.event === 'start' || !this.lost.has(runId);
  }

  /** Forgets what is known of an earlier run of this id. */
  private begun(runId: string, report: Report): void {
    if (report.event === 'done') return;
    this.ended.delete(runId);
    this.wasFound(runId);
  }

  /** Of a run that is heard of again, or that is another by the same id: it is not lost. */
  private wasFound(runId: string): void {
    const run = this.lost.get(runId);
    if (!run) return;
    this.lost.delete(runId);
    this.lastRuns.takeBack(run, this.lost.values());
  }

  /** Takes the schedule that a report declares. @throws ReportError, or the system's error */
  declare({ kind, name, schedule = '', grace, timezone, started_at: startedAt }: Report): void {
    if (kind === undefined || name === undefined)
      throw new ReportError('schedule: kind and name must be given with it');
    const job = { kind, name, schedule, grace, ...(timezone ? { timezone } : {}) };
    this.schedules.declare(job, this.options.clock.now(), startedAt);
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
    /** Runs that were lost for a while: they are there once. */
    const recovered = new Set<string>();
    const isShown = (run: RunRecord): boolean => {
      if (run.outcome === 'lost' && recovered.has(run.run_id)) return false;
      if (run.recovered) recovered.add(run.run_id);
      return matches(run, filter);
    };
    for (const run of underWay) if (isShown(run)) yield run;
    for await (const run of this.files.newestFirst()) if (isShown(run)) yield run;
  }

  /** Each schedule with how it stands. */
  schedulesNow(): { readonly schedule: Schedule; readonly status: ScheduleStatus }[] {
    const now = this.options.clock.now();
    return this.schedules.list().map((schedule) => ({
      schedule,
      status: this.schedules.statusOf(schedule, this.lastRuns.succeededAt(schedule), now),
    }));
  }

  /** Gives up runs that were not heard of for their `ttl`, and removes what is older than the retention. */
  async maintain(): Promise<void> {
    const now = this.options.clock.now();
    if (Math.abs(now - this.maintainedAt) > PAUSE_MS) this.awakeSince = now;
    this.maintainedAt = now;
    try {
      this.giveUpLost(now);
      this.putRight(now);
      await this.saveLastRuns();
    } finally {
      // which makes room on a disk that is full
      await this.files.removeExpired(now, this.options.retentionMs);
    }
  }

  private giveUpLost(now: number): void {
    for (const { record, handle } of [...this.running.values()]) {
      const { reported_at: reportedAt, ttl = TTL_MS } = record;
      // their clients could not reach us while we did not run; of a time to come is what was heard before the clock was set
      const heardAt = reportedAt > now ? this.awakeSince : Math.max(reportedAt, this.awakeSince);
      if (now - heardAt <= ttl) continue;
      const lost = endRun(record, 'lost', Math.min(reportedAt, now));
      this.settle({ ...lost, error: 'no report of it came any more' }, handle);
    }
  }

  /** What happened while the clock was ahead must not hide for ever what happens now. One that is wrong for a moment costs nothing. */
  private putRight(now: number): void {
    if (!this.lastRuns.isAhead(now) && !this.schedules.isAhead(now)) {
      this.behindSince = undefined;
      return;
    }
    this.behindSince = Math.min(this.behindSince ?? now, now);
    if (now - this.behindSince < CERTAIN_MS) return;
    this.lastRuns.moveBack(now);
    this.schedules.moveBack(now);
  }

  /** Writes when jobs last ended and succeeded. @throws the system's error, after which it can be tried again */
  saveLastRuns(): Promise<void> {
    return this.lastRuns.save();
  }

  /** Resolves when the runs that have begun or ended are on the disk, and nothing is written any more. */
  async synced(): Promise<void> {
    await this.rewriting;
    await this.files.synced();
  }

  private keep(record: RunRecord, known: Running | undefined, report: Report): RunRecord {
    const told = report.event === 'log' ? pointOf(record, report) : undefined;
    const point = told && hasPoint(record, told) ? undefined : told;
    if (point && known && isOnlyPoint(report)) this.files.writePoint(record, point);
    else if (known) this.files.writeRunning(record, point ? [point] : []);
    else this.files.writeBegun(record, [...(record.curve ?? []), ...(point ? [point] : [])]);
    const handle = known ? known.handle : this.begin(record);
    if (point) handle?.log(point);
    const problems = handle ? { problems: handle.problems } : {};
    const next = point ? { ...addPoint(record, point), ...problems } : record;
    this.running.set(record.run_id, { record: next, handle });
    if (this.files.isLong) this.rewriting = this.rewrite();
    return next;
  }

  private begin({ kind, name, run_id: runId, started_at: startedAt, counted, curve = [] }: RunRecord): Run | undefined {
    if (counted) return undefined;
    const run = this.options.metrics.startRun({ kind, name, runId, startedAt });
    for (const point of curve) run.log(point);
    return run;
  }

  private finish(record: RunRecord, handle: Run | undefined, report: Report, now: number): RunRecord {
    const told = report.ended_at === undefined ? now : report.ended_at - (record.clock_ahead ?? 0);
    const ahead = Math.max(0, told - now);
    // one that began before our clock was set back has no time to come either
    const run = endRun(movedBack(record, Math.max(ahead, record.started_at - now)), outcomeOf(report), told - ahead);
    this.settle(run, handle ?? this.begin(record));
    return run;
  }

  private settle(run: RunRecord, handle: Run | undefined): void {
    this.files.writeEnded(run);
    if (this.running.delete(run.run_id)) this.forgetRunning(run.run_id);
    this.remember(run);
    handle?.end(endOf(run));
    this.options.onEnd?.(run);
  }

  private remember(run: RunRecord): void {
    bounded(this.ended, run.run_id, endedOf(run), ENDED_MAX);
    this.wasFound(run.run_id);
    if (run.outcome === 'lost') bounded(this.lost, run.run_id, run, LOST_MAX);
    this.lastRuns.add(run);
  }

  /** Not written, it costs nothing before so many others have ended that nobody knows that this one has. */
  private forgetRunning(runId: string): void {
    try {
      this.files.writeEnd(runId);
    } catch (error) {
      this.options.logger.warn('The end of a run is not in the file of running runs', { runId, error });
    }
  }

  private async rewrite(): Promise<void> {
    try {
      await this.files.rewriteRunning([...this.running.values()].map(({ record }) => record));
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
    this.lastRuns.restore();
    for (const record of this.files.readRunning().values()) {
      const ended = this.ended.get(record.run_id);
      const hasEnded = ended && !(ended.outcome === 'lost' && record.recovered) && ended.startedAt >= record.started_at;
      if (hasEnded) continue;
      this.running.set(record.run_id, { record, handle: this.begin(record) });
      this.ended.delete(record.run_id);
      this.wasFound(record.run_id);
    }
    await this.files.rewriteRunning([...this.running.values()].map(({ record }) => record));
  }

  private unknown(runId: string, report: Report): RunRecord {
    const run = beginRun(runId, report, this.options.clock.now());
    return { ...run, outcome: this.ended.get(runId)?.outcome ?? 'lost' };
  }
}

function endedOf({ outcome, started_at, clock_ahead = 0 }: RunRecord): Ended {
  return { outcome, startedAt: started_at + clock_ahead };
}

function isOnlyPoint(report: Report): boolean {
  return Object.entries(report).every(([key, value]) => value === undefined || OF_POINTS.has(key));
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
