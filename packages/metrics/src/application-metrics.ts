import { randomUUID } from 'node:crypto';
import { type Counter, collectDefaultMetrics, type Histogram, Registry, register } from 'prom-client';
import { createFamilies, DEFAULT_BUCKETS, type DurationBuckets, type MetricFamilies } from './families.ts';
import { HttpMetrics } from './http.ts';
import { JobMetrics, raise } from './job-metrics.ts';
import { Run, type RunOptions } from './run.ts';
import { type RunReport, RunReports } from './run-reports.ts';
import { setExemplar } from './series/exemplars.ts';
import type { LabelSet } from './series/internals.ts';
import type { SeriesLimits } from './series/limit.ts';
import { CONTENT_TYPES, formatFor, renderMetrics } from './series/render.ts';
import { SessionWindow } from './sessions.ts';
import { createTracker, type Tracker } from './tracker.ts';
import { TrainingRuns } from './training-runs.ts';

/** Of so many types of backups it is known when the last one ended. */
const BACKUP_TYPES_MAX = 2_000;

/** How a job ended: the value of the label `status`. */
export type RunStatus = 'success' | 'failed';

export interface AnalysisRecord {
  /** The label `analysis_type`, such as `taxonomic`. */
  readonly type: string;
  readonly status: RunStatus;
  readonly durationSeconds: number;
  /** Sequences read. */
  readonly sequences?: number;
  /** Which run it was: the exemplar of what is counted, and no label. */
  readonly runId?: string;
}

export interface TrainingRecord {
  /** The label `model_type`. */
  readonly modelType: string;
  readonly status: RunStatus;
  readonly durationSeconds: number;
  /** Accuracy and loss become series only together with a run id. */
  readonly runId?: string;
  /** On held-out data, 0 to 1. */
  readonly accuracy?: number;
  readonly loss?: number;
}

export interface DownloadRecord {
  /** The label `source`: a name out of a small set of yours, never a URL. */
  readonly source: string;
  readonly status: RunStatus;
  readonly durationSeconds: number;
  /** Bytes received, of a failed download too. */
  readonly bytes?: number;
  /** Which run it was: the exemplar of what is counted, and no label. */
  readonly runId?: string;
}

export interface BackupRecord {
  /** The label `backup_type`. */
  readonly type: string;
  readonly status: RunStatus;
  readonly durationSeconds: number;
  readonly sizeBytes?: number;
  /** Milliseconds since the epoch. Default now. */
  readonly endedAt?: number;
}

/** What a finished call measured; `measure` of a tracker takes it from the call's result. */
export type AnalysisMeasures = Pick<AnalysisRecord, 'sequences'>;
export type TrainingMeasures = Pick<TrainingRecord, 'runId' | 'accuracy' | 'loss'>;
export type DownloadMeasures = Pick<DownloadRecord, 'bytes'>;

export interface ApplicationInfo {
  readonly version: string;
  readonly name: string;
  readonly environment: string;
}

export interface ApplicationMetricsOptions {
  /** Default: a registry of its own. */
  readonly registry?: Registry;
  /** Put before every metric name. Default: none. */
  readonly prefix?: string;
  /** Upper bounds in seconds; lists that are not given keep their default. */
  readonly buckets?: Partial<DurationBuckets>;
  /** How many trainings keep their `run_id` series. Default 50. */
  readonly trainingRunsMax?: number;
  /** How many series each metric may have, and for how long those that are not used stay. */
  readonly limits?: Pick<SeriesLimits, 'maxSeries' | 'expireAfterMs'>;
  /** Labels of every series of the registry, such as `{ region: 'eu' }`. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Where runs are reported (`startRun`): the pushgateway role, such as `http://127.0.0.1:9091`. Default: nowhere. */
  readonly runsUrl?: string;
  readonly info?: ApplicationInfo;
  /** Milliseconds since the epoch; for tests. */
  readonly now?: () => number;
}

/**
 * The metrics of an Avalanche application: names, types and labels are a contract with its dashboards and alerts. They
 * are made when the first of them is used: until then an instance costs nothing and leaves its registry alone.
 */
export class ApplicationMetrics {
  readonly registry: Registry;
  private readonly now: () => number;
  private made: { readonly families: MetricFamilies; readonly trainings: TrainingRuns } | undefined;
  private madeHttp: HttpMetrics | undefined;
  private madeJobs: JobMetrics | undefined;
  private readonly reports: RunReports | undefined;
  /** When the last backup of each type ended, in milliseconds. */
  private readonly lastBackups = new Map<string, number>();

  constructor(private readonly options: ApplicationMetricsOptions = {}) {
    this.registry = options.registry ?? new Registry();
    this.now = options.now ?? Date.now;
    if (options.labels) this.registry.setDefaultLabels({ ...options.labels });
    if (options.runsUrl) this.reports = new RunReports(options.runsUrl);
    if (options.info) this.setInfo(options.info);
  }

  /** The metrics themselves, for what has no method here, such as `families.databaseConnections.set(3)`. */
  get families(): MetricFamilies {
    return this.parts.families;
  }

  /** The middleware of servers. */
  get http(): HttpMetrics {
    this.madeHttp ??= new HttpMetrics(this.families, new SessionWindow(this.now), this.now);
    return this.madeHttp;
  }

  /** All of the registry, in the format that a scraper's `Accept` header asks for. */
  async scrape(accept?: string): Promise<{ readonly contentType: string; readonly body: string }> {
    const format = formatFor(accept);
    return { contentType: CONTENT_TYPES[format], body: await renderMetrics(this.registry, format) };
  }

  /** Adds the metrics of the process and of Node.js (`process_…`, `nodejs_…`), which its dashboards read. */
  collectProcess(): void {
    if (this.registry.getSingleMetric('process_cpu_user_seconds_total') === undefined) {
      collectDefaultMetrics({ register: this.registry });
    }
  }

  /** Settles when the run registry has been told of all runs, or after a few seconds. For the end of a process. */
  async flushRuns(): Promise<void> {
    await this.reports?.flush();
  }

  private get parts() {
    if (this.made) return this.made;
    const { prefix = '', buckets, limits = {}, trainingRunsMax = 50 } = this.options;
    const families = createFamilies(this.registry, {
      prefix,
      buckets: { ...DEFAULT_BUCKETS, ...buckets },
      limits: { ...limits, now: this.now },
    });
    this.made = { families, trainings: new TrainingRuns(families, trainingRunsMax) };
    return this.made;
  }

  /** Shows which run was counted, where the scraper asks for OpenMetrics. */
  private exemplify(metric: Counter | Histogram, labels: LabelSet, value: number, runId: string | undefined): void {
    if (runId !== undefined) setExemplar(metric, labels, { labels: { run_id: runId }, value, at: this.now() });
  }

  /** Sets `avalanche_application_info`, in place of what was set before. */
  setInfo(info: ApplicationInfo): void {
    this.families.info.reset();
    this.families.info.set({ version: info.version, name: info.name, environment: info.environment }, 1);
  }

  recordAnalysis({ type, status, durationSeconds, sequences, runId }: AnalysisRecord): void {
    const { analysisRuns, analysisDuration, analysisSequences } = this.families;
    analysisRuns.inc({ analysis_type: type, status });
    analysisDuration.observe({ analysis_type: type }, durationSeconds);
    this.exemplify(analysisRuns, { analysis_type: type, status }, 1, runId);
    this.exemplify(analysisDuration, { analysis_type: type }, durationSeconds, runId);
    if (sequences !== undefined) analysisSequences.inc({ analysis_type: type }, sequences);
  }

  recordTraining({ modelType, status, durationSeconds, runId, accuracy, loss }: TrainingRecord): void {
    const { trainingRuns, trainingDuration } = this.families;
    trainingRuns.inc({ model_type: modelType, status });
    trainingDuration.observe({ model_type: modelType }, durationSeconds);
    this.exemplify(trainingRuns, { model_type: modelType, status }, 1, runId);
    this.exemplify(trainingDuration, { model_type: modelType }, durationSeconds, runId);
    if (runId === undefined || (accuracy === undefined && loss === undefined)) return;
    const measures = { ...(accuracy === undefined ? {} : { accuracy }), ...(loss === undefined ? {} : { loss }) };
    this.parts.trainings.show({ model_type: modelType, run_id: runId }, measures);
  }

  recordDownload({ source, status, durationSeconds, bytes, runId }: DownloadRecord): void {
    const { downloadJobs, downloadDuration, downloadBytes } = this.families;
    downloadJobs.inc({ source, status });
    downloadDuration.observe({ source }, durationSeconds);
    this.exemplify(downloadJobs, { source, status }, 1, runId);
    this.exemplify(downloadDuration, { source }, durationSeconds, runId);
    if (bytes !== undefined) downloadBytes.inc({ source }, bytes);
  }

  recordBackup({ type, status, durationSeconds, sizeBytes, endedAt = this.now() }: BackupRecord): void {
    const { backupSuccess, backupLastSuccess, backupSize, backupDuration } = this.families;
    const labels = { backup_type: type };
    const succeeded = status === 'success';
    backupDuration.observe(labels, durationSeconds);
    const isNewestSuccess = succeeded && raise(backupLastSuccess, labels, endedAt / 1000);
    if (isNewestSuccess && sizeBytes !== undefined) backupSize.set(labels, sizeBytes);
    // one that is told of late is not the last
    if ((this.lastBackups.get(type) ?? 0) > endedAt) return;
    this.lastBackups.set(type, endedAt);
    if (this.lastBackups.size > BACKUP_TYPES_MAX)
      this.lastBackups.delete(this.lastBackups.keys().next().value as string);
    backupSuccess.set(labels, succeeded ? 1 : 0);
  }

  /** The metrics that runs of all kinds of jobs have. Made when they are first needed. */
  get jobs(): JobMetrics {
    const { prefix, limits } = this.options;
    this.madeJobs ??= new JobMetrics(this.registry, prefix, { ...limits, now: this.now });
    return this.madeJobs;
  }

  /** Begins a run of any job, which logs its training curve and is counted when it ends. */
  startRun(options: RunOptions): Run {
    const { trainings } = this.parts;
    const report = this.reports && ((fields: RunReport) => this.reports?.add(fields));
    return new Run(
      { metrics: this, jobs: this.jobs, trainings, now: this.now, ...(report ? { report } : {}) },
      options,
    );
  }

  /** Counts each call as an analysis; `analysis_active_runs` is up while it runs. */
  trackAnalysis<Result>(type: string, measure: (result: Result) => AnalysisMeasures = () => ({})): Tracker<Result> {
    const active = this.families.analysisActive;
    return this.trackJob<Result>({
      run: { kind: 'analysis', name: type },
      measures: measure,
      started: () => active.inc({ analysis_type: type }),
      ended: () => active.dec({ analysis_type: type }),
      succeeded: (durationSeconds, result) =>
        this.recordAnalysis({ type, status: 'success', durationSeconds, ...measure(result) }),
      failed: (durationSeconds) => this.recordAnalysis({ type, status: 'failed', durationSeconds }),
    });
  }

  /** Counts each call as a training; give `measure` to show its accuracy and loss. */
  trackTraining<Result>(
    modelType: string,
    measure: (result: Result) => TrainingMeasures = () => ({}),
  ): Tracker<Result> {
    return this.trackJob<Result>({
      run: { kind: 'training', name: modelType },
      measures: measure,
      succeeded: (durationSeconds, result) =>
        this.recordTraining({ modelType, status: 'success', durationSeconds, ...measure(result) }),
      failed: (durationSeconds) => this.recordTraining({ modelType, status: 'failed', durationSeconds }),
    });
  }

  /** Counts each call as a download; `download_active_jobs` is up while it runs. */
  trackDownload<Result>(source: string, measure: (result: Result) => DownloadMeasures = () => ({})): Tracker<Result> {
    const active = this.families.downloadActive;
    return this.trackJob<Result>({
      run: { kind: 'download', name: source },
      measures: measure,
      started: () => active.inc({ source }),
      ended: () => active.dec({ source }),
      succeeded: (durationSeconds, result) =>
        this.recordDownload({ source, status: 'success', durationSeconds, ...measure(result) }),
      failed: (durationSeconds) => this.recordDownload({ source, status: 'failed', durationSeconds }),
    });
  }

  /**
   * Counts each call as an HTTP request, for handlers that no middleware sees. `status` is the response's code:
   * `statusOf(result)` (default 200), and for an exception its `statusCode` or `status` where that is one, else 500.
   */
  trackRequest<Result>(
    { method = 'GET', endpoint }: { readonly method?: string; readonly endpoint: string },
    statusOf: (result: Result) => number = () => 200,
  ): Tracker<Result> {
    return this.trackJob<Result>({
      succeeded: (durationSeconds, result) =>
        this.http.record({ method, endpoint, status: statusOf(result), durationSeconds }),
      failed: (durationSeconds, error) =>
        this.http.record({ method, endpoint, status: errorStatus(error), durationSeconds }),
    });
  }

  private trackJob<Result>(job: TrackedJob<Result>): Tracker<Result> {
    return createTracker<Result>(() => {
      const startedMs = this.now();
      job.started?.();
      const run = this.reportStart(job, startedMs);
      const ended = (): number => {
        job.ended?.();
        return Math.max(0, this.now() - startedMs) / 1000;
      };
      return {
        succeeded: (result) => {
          job.succeeded(ended(), result);
          run?.('success', measuresOf(job.measures?.(result) ?? {}));
        },
        failed: (error) => {
          job.failed(ended(), error);
          run?.('failed', { error: errorText(error) });
        },
      };
    });
  }

  /** Tells the run registry of a call, where there is one. @returns what tells of its end */
  private reportStart<Result>({ run }: TrackedJob<Result>, startedMs: number) {
    const { reports } = this;
    if (!reports || !run) return undefined;
    const common = { ...run, run_id: randomUUID(), started_at: startedMs / 1000 };
    reports.add({ ...common, event: 'start' });
    return (outcome: RunStatus, fields: RunReport): void => {
      reports.add({ ...common, event: 'done', outcome, ended_at: this.now() / 1000, ...fields });
    };
  }
}

interface TrackedJob<Result> {
  /** What the run registry is told that it was. */
  readonly run?: { readonly kind: string; readonly name: string };
  readonly measures?: (result: Result) => AnalysisMeasures & TrainingMeasures & DownloadMeasures;
  started?(): void;
  ended?(): void;
  succeeded(durationSeconds: number, result: Result): void;
  failed(durationSeconds: number, error: unknown): void;
}

/** What a call measured, in the words of the registry. */
function measuresOf({
  sequences,
  bytes,
  accuracy,
  loss,
}: AnalysisMeasures & TrainingMeasures & DownloadMeasures): RunReport {
  return { sequences, bytes, accuracy, loss };
}

function errorText(error: unknown): string {
  return String(error instanceof Error ? error.message : error).slice(0, 4096);
}

function errorStatus(error: unknown): number {
  if (typeof error !== 'object' || error === null) return 500;
  const { statusCode, status } = error as { statusCode?: unknown; status?: unknown };
  const code = statusCode ?? status;
  return typeof code === 'number' && Number.isInteger(code) && code >= 400 && code <= 599 ? code : 500;
}

/** Metrics on a registry of their own (or the one given), for tests and for processes that hold several applications. */
export function createApplicationMetrics(options: ApplicationMetricsOptions = {}): ApplicationMetrics {
  return new ApplicationMetrics(options);
}

/** Where the default instance is kept: an application may load this library twice, as ES module and as CommonJS. */
const DEFAULT_INSTANCE = Symbol.for('@avalanche/metrics.applicationMetrics');

/**
 * The metrics of this process, on prom-client's global registry, beside whatever else the application keeps there. Works
 * without a line of set-up; `AVALANCHE_RUNS_URL` says where runs are reported.
 */
export const applicationMetrics: ApplicationMetrics = /* @__PURE__ */ defaultInstance();

function defaultInstance(): ApplicationMetrics {
  const shared = globalThis as { [DEFAULT_INSTANCE]?: ApplicationMetrics };
  const runsUrl = process.env.AVALANCHE_RUNS_URL;
  shared[DEFAULT_INSTANCE] ??= createApplicationMetrics({ registry: register, ...(runsUrl ? { runsUrl } : {}) });
  return shared[DEFAULT_INSTANCE];
}

/** {@link ApplicationMetrics.trackAnalysis} of the default metrics. */
export const trackAnalysis: ApplicationMetrics['trackAnalysis'] = (...args) =>
  applicationMetrics.trackAnalysis(...args);
/** {@link ApplicationMetrics.trackTraining} of the default metrics. */
export const trackTraining: ApplicationMetrics['trackTraining'] = (...args) =>
  applicationMetrics.trackTraining(...args);
/** {@link ApplicationMetrics.trackDownload} of the default metrics. */
export const trackDownload: ApplicationMetrics['trackDownload'] = (...args) =>
  applicationMetrics.trackDownload(...args);
/** {@link ApplicationMetrics.trackRequest} of the default metrics. */
export const trackRequest: ApplicationMetrics['trackRequest'] = (...args) => applicationMetrics.trackRequest(...args);
