import { randomUUID } from 'node:crypto';
import type { ApplicationMetrics } from './application-metrics.ts';
import type { JobMetrics, RunOutcome, RunResources } from './job-metrics.ts';
import type { RunReport } from './run-reports.ts';
import {
  type CurveLimits,
  TRAINING_PROBLEMS,
  TrainingCurve,
  type TrainingPoint,
  type TrainingProblem,
} from './training-curve.ts';
import type { TrainingRuns } from './training-runs.ts';

export interface RunOptions {
  /** `analysis`, `training`, `download`, `backup`, or a word of yours. */
  readonly kind: string;
  /** Which of its kind, such as `taxonomic`: it becomes a label, so take it out of a small set. */
  readonly name: string;
  /** Default: a random one. */
  readonly runId?: string;
  /** Milliseconds since the epoch. Default now. */
  readonly startedAt?: number;
  /** What it was given; kept in the run registry only. */
  readonly parameters?: Readonly<Record<string, string | number | boolean>>;
  /** When a training counts as stuck. */
  readonly curve?: CurveLimits;
}

/** What is known of a run when it has ended. */
export interface RunEnd extends RunResources {
  readonly outcome: RunOutcome;
  readonly exitStatus?: number;
  /** Milliseconds since the epoch. Default now. */
  readonly endedAt?: number;
  /** Sequences read by an analysis. */
  readonly sequences?: number;
  /** Bytes received by a download. */
  readonly bytes?: number;
  /** Size of a backup. */
  readonly sizeBytes?: number;
  /** Of a training; default those logged last. */
  readonly accuracy?: number;
  readonly loss?: number;
}

interface RunParts {
  readonly metrics: ApplicationMetrics;
  readonly jobs: JobMetrics;
  readonly trainings: TrainingRuns;
  readonly now: () => number;
  /** Tells the run registry. */
  readonly report?: (fields: RunReport) => void;
}

/** A run under way. What it logs and how it ends become metrics; its id is a label only of the newest trainings. */
export class Run {
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  readonly startedAt: number;
  private readonly curve: TrainingCurve;
  private last: TrainingPoint = {};
  private points = 0;
  private hasEnded = false;

  /** By {@link ApplicationMetrics.startRun}. */
  constructor(
    private readonly parts: RunParts,
    { kind, name, runId = randomUUID(), startedAt, curve, parameters }: RunOptions,
  ) {
    this.id = runId;
    this.kind = kind;
    this.name = name;
    this.startedAt = startedAt ?? parts.now();
    this.curve = new TrainingCurve(curve);
    parts.jobs.active.inc({ kind, name });
    if (kind === 'analysis') parts.metrics.families.analysisActive.inc({ analysis_type: name });
    if (kind === 'download') parts.metrics.families.downloadActive.inc({ source: name });
    this.report('start', parameters ? { parameters } : {});
  }

  /** One step or epoch of a training: its loss and accuracy are shown, and judged (see {@link TrainingCurve}). */
  log(point: TrainingPoint): void {
    if (this.hasEnded) return;
    const labels = { model_type: this.name, run_id: this.id };
    this.points++;
    this.curve.add(point);
    const epoch = point.epoch ?? point.step ?? this.points;
    this.last = { ...this.last, ...point, epoch };
    this.parts.trainings.show(labels, { ...point, epoch });
    this.parts.trainings.judge(labels, this.curve);
    this.report('log', { ...point, epoch });
  }

  /** What is wrong with the training, by its curve up to now. */
  get problems(): TrainingProblem[] {
    return TRAINING_PROBLEMS.filter((problem) => this.curve.has(problem));
  }

  /** Counts the run. A second call does nothing. */
  end(end: RunEnd): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    const { kind, name } = this;
    const { metrics, jobs, trainings, now } = this.parts;
    const durationSeconds = Math.max(0, (end.endedAt ?? now()) - this.startedAt) / 1000;
    jobs.active.dec({ kind, name });
    jobs.record({ ...end, kind, name, durationSeconds }, now());
    trainings.acquit({ model_type: name, run_id: this.id });
    this.recordKind(metrics, end, durationSeconds);
    this.report('done', reportOf(end, now()));
  }

  private report(event: string, fields: RunReport): void {
    const { id, kind, name, startedAt } = this;
    this.parts.report?.({ event, run_id: id, kind, name, started_at: startedAt / 1000, ...fields });
  }

  /** In the metrics that runs of this kind have had all along, which know no run that is lost. */
  private recordKind(metrics: ApplicationMetrics, end: RunEnd, durationSeconds: number): void {
    const { kind, name } = this;
    if (kind === 'analysis') metrics.families.analysisActive.dec({ analysis_type: name });
    if (kind === 'download') metrics.families.downloadActive.dec({ source: name });
    if (end.outcome === 'lost') return;
    const status = end.outcome === 'success' ? 'success' : 'failed';
    const common = { status, durationSeconds, runId: this.id } as const;
    if (kind === 'analysis') {
      metrics.recordAnalysis({ ...common, type: name, ...given('sequences', end.sequences) });
    } else if (kind === 'training') {
      const accuracy = given('accuracy', end.accuracy ?? this.last.accuracy);
      const loss = given('loss', end.loss ?? this.last.loss);
      metrics.recordTraining({ ...common, modelType: name, ...accuracy, ...loss });
    } else if (kind === 'download') {
      metrics.recordDownload({ ...common, source: name, ...given('bytes', end.bytes) });
    } else if (kind === 'backup') {
      metrics.recordBackup({
        ...common,
        type: name,
        ...given('sizeBytes', end.sizeBytes),
        ...given('endedAt', end.endedAt),
      });
    }
  }
}

function given<Key extends string>(key: Key, value: number | undefined): Partial<Record<Key, number>> {
  return value === undefined ? {} : ({ [key]: value } as Record<Key, number>);
}

/** The end of a run in the words of the registry. */
function reportOf(end: RunEnd, now: number): RunReport {
  return {
    ended_at: (end.endedAt ?? now) / 1000,
    outcome: end.outcome === 'lost' ? 'failed' : end.outcome,
    exit_status: end.exitStatus,
    sequences: end.sequences,
    bytes: end.bytes,
    size_bytes: end.sizeBytes,
    accuracy: end.accuracy,
    loss: end.loss,
    cpu_seconds: end.cpuSeconds,
    peak_memory_bytes: end.peakMemoryBytes,
    read_bytes: end.readBytes,
    written_bytes: end.writtenBytes,
  };
}
