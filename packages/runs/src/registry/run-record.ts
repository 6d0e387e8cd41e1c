import type { TrainingProblem } from '@avalanche/metrics';
import type { Report } from './report.ts';

/** A point of a training's curve. */
export interface CurvePoint {
  readonly epoch: number;
  readonly loss?: number;
  readonly accuracy?: number;
}

/** A run as the registry keeps and shows it. Times in milliseconds since the epoch. */
export interface RunRecord {
  readonly run_id: string;
  readonly kind: string;
  readonly name: string;
  readonly outcome: 'running' | 'success' | 'failed' | 'cancelled' | 'lost';
  readonly started_at: number;
  /** When it was heard of last. */
  readonly reported_at: number;
  readonly ended_at?: number;
  readonly duration_seconds?: number;
  readonly exit_status?: number;
  readonly signal?: string;
  readonly error?: string;
  readonly host?: string;
  readonly user?: string;
  readonly command?: string;
  readonly parameters?: Readonly<Record<string, string | number | boolean | null>>;
  readonly progress?: number;
  readonly loss?: number;
  readonly accuracy?: number;
  readonly sequences?: number;
  readonly bytes?: number;
  readonly size_bytes?: number;
  readonly cpu_seconds?: number;
  readonly peak_memory_bytes?: number;
  readonly read_bytes?: number;
  readonly written_bytes?: number;
  /** Whether an application has it in its own metrics. */
  readonly counted?: boolean;
  /** By how many milliseconds its clock is ahead of ours, which times of it are moved back by. */
  readonly clock_ahead?: number;
  /** It had been given up for lost, and was heard of again. */
  readonly recovered?: boolean;
  /** Milliseconds. */
  readonly ttl?: number;
  /** What was wrong with the training when it was last heard of. */
  readonly problems?: readonly TrainingProblem[];
  readonly curve?: readonly CurvePoint[];
}

/** Which runs to list. */
export interface RunFilter {
  readonly kind?: string | undefined;
  readonly name?: string | undefined;
  readonly outcome?: string | undefined;
  readonly host?: string | undefined;
  /** Started at or after, and before; milliseconds. */
  readonly since?: number | undefined;
  readonly until?: number | undefined;
}

/** A curve of more points loses every second one. */
const POINTS_MAX = 2_000;

/** A report's keys that are of a report, and no part of a run. */
const NOT_KEPT = new Set([
  'event',
  'epoch',
  'step',
  'schedule',
  'grace',
  'timezone',
  'started_at',
  'ended_at',
  'outcome',
]);

/** The run that a report begins. Of a job whose clock is ahead of ours, times are moved back: nothing is in the future. */
export function beginRun(runId: string, report: Report, now: number): RunRecord {
  const ended = report.ended_at ?? now;
  const begun = report.event === 'done' ? ended - (report.duration_seconds ?? 0) * 1000 : now;
  const started = Math.round(report.started_at ?? begun);
  const ahead = Math.max(0, started - now, report.event === 'done' ? ended - now : 0);
  return {
    run_id: runId,
    kind: report.kind ?? 'job',
    name: report.name ?? 'unknown',
    outcome: 'running',
    started_at: Math.max(0, started - ahead),
    reported_at: now,
    ...(ahead > 0 ? { clock_ahead: ahead } : {}),
  };
}

/** A run whose clock has turned out to be further ahead of ours. */
export function movedBack(run: RunRecord, ms: number): RunRecord {
  if (ms <= 0) return run;
  return { ...run, started_at: Math.max(0, run.started_at - ms), clock_ahead: (run.clock_ahead ?? 0) + ms };
}

/** A run that was given up for lost, under way again. */
export function recoverRun({ error: _, ended_at, duration_seconds, ...run }: RunRecord): RunRecord {
  return { ...run, outcome: 'running', recovered: true };
}

/** The run after a report. What it does not say stays as it was. */
export function applyReport(run: RunRecord, report: Report, now: number): RunRecord {
  const kept = Object.fromEntries(
    Object.entries(report).filter(([key, value]) => value !== undefined && !NOT_KEPT.has(key)),
  ) as Partial<RunRecord>;
  const parameters = { ...run.parameters, ...report.parameters };
  return {
    ...run,
    ...kept,
    ...(Object.keys(parameters).length > 0 ? { parameters } : {}),
    // what a run is does not change under way
    run_id: run.run_id,
    kind: run.kind,
    name: run.name,
    reported_at: now,
  };
}

export function endRun(run: RunRecord, outcome: RunRecord['outcome'], endedAt: number): RunRecord {
  const ended = Math.max(run.started_at, endedAt);
  // what went wrong on the way to a success is not how it ended
  const { error, ...rest } = run;
  const kept = outcome === 'success' || error === undefined ? rest : run;
  return { ...kept, outcome, ended_at: ended, duration_seconds: (ended - run.started_at) / 1000 };
}

/** How a run ended that says it is done: as it says, else by its exit status. */
export function outcomeOf({ outcome, exit_status, signal }: Report): 'success' | 'failed' | 'cancelled' {
  if (outcome) return outcome;
  return (exit_status ?? 0) === 0 && signal === undefined ? 'success' : 'failed';
}

/** The point that a report tells of. */
export function pointOf(run: RunRecord, { epoch, step, loss, accuracy }: Report): CurvePoint {
  return {
    epoch: epoch ?? step ?? (run.curve?.at(-1)?.epoch ?? 0) + 1,
    ...(loss === undefined ? {} : { loss }),
    ...(accuracy === undefined ? {} : { accuracy }),
  };
}

/** Whether a point was told before: a report that is sent again must not double it. */
export function hasPoint(run: RunRecord, { epoch, loss, accuracy }: CurvePoint): boolean {
  return (run.curve ?? []).some(
    (known) => known.epoch === epoch && Object.is(known.loss, loss) && Object.is(known.accuracy, accuracy),
  );
}

export function addPoint(run: RunRecord, point: CurvePoint): RunRecord {
  const before = run.curve ?? [];
  const kept = before.length < POINTS_MAX ? before : before.filter((_, i) => i % 2 === 1);
  return { ...run, curve: [...kept, point] };
}

/** JSON with words for the numbers that it has none for. */
export function stringify(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'number' && !Number.isFinite(item) ? String(item) : item,
  );
}

const MEASURES = new Set(['loss', 'accuracy']);
const NOT_FINITE = new Set<unknown>(['NaN', 'Infinity', '-Infinity']);

/** What `stringify` made; undefined where a crash has torn it. */
export function parse(text: string): unknown {
  try {
    return JSON.parse(text, (key, value: unknown) =>
      MEASURES.has(key) && NOT_FINITE.has(value) ? Number(value) : value,
    );
  } catch {
    return undefined;
  }
}

export function isRun(value: unknown): value is RunRecord {
  const run = value as Partial<RunRecord> | null | undefined;
  return typeof run?.run_id === 'string' && typeof run.started_at === 'number' && typeof run.kind === 'string';
}
