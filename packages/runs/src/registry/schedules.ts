import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { Cron } from 'croner';
import { ReportError } from './report.ts';

/** When a job is due, and by when it must have succeeded. */
export interface Schedule {
  readonly kind: string;
  readonly name: string;
  /** Five or six fields of cron, `@daily` and the like, or a time of day such as `02:00`. */
  readonly schedule: string;
  /** Milliseconds after the due time. */
  readonly grace: number;
  /** Such as `Europe/Brussels`; by default the server's. */
  readonly timezone?: string;
  /** Milliseconds; what was due before is not asked for. */
  readonly declared_at: number;
}

/** How a scheduled job stands. */
export interface ScheduleStatus {
  readonly nextAt: number | null;
  /** The due time that nobody has come for, in milliseconds; null where all is well. */
  readonly missedAt: number | null;
}

const GRACE_MS = 3_600_000;

/** The schedules that jobs declared, in a file. */
export class Schedules {
  private readonly schedules = new Map<string, Schedule>();
  private readonly crons = new Map<string, Cron>();

  /** @throws Error where the file is there and makes no sense */
  constructor(private readonly file: string) {
    for (const schedule of readSchedules(file)) this.schedules.set(keyOf(schedule), schedule);
  }

  list(): Schedule[] {
    return [...this.schedules.values()];
  }

  /** A schedule that says the same as before stays as old as it is. @throws ReportError, or the system's error */
  declare(given: Omit<Schedule, 'grace' | 'declared_at'> & { readonly grace?: number | undefined }, now: number): void {
    const before = this.schedules.get(keyOf(given));
    const { kind, name, timezone } = given;
    const grace = given.grace ?? before?.grace ?? GRACE_MS;
    const next = { kind, name, schedule: given.schedule, grace, ...(timezone ? { timezone } : {}), declared_at: now };
    cronOf(next);
    const isSame = before?.schedule === next.schedule && before.grace === grace && before.timezone === next.timezone;
    if (isSame) return;
    this.schedules.set(keyOf(next), next);
    this.crons.delete(keyOf(next));
    this.save();
  }

  /** @returns whether there was one. @throws the system's error */
  remove(job: { readonly kind: string; readonly name: string }): boolean {
    const removed = this.schedules.delete(keyOf(job));
    this.crons.delete(keyOf(job));
    if (removed) this.save();
    return removed;
  }

  /** @param lastSuccess when a run of the job last succeeded, in milliseconds */
  statusOf(schedule: Schedule, lastSuccess: number | undefined, now: number): ScheduleStatus {
    const cron = this.crons.get(keyOf(schedule)) ?? cronOf(schedule);
    this.crons.set(keyOf(schedule), cron);
    const [due] = cron.previousRuns(1, new Date(now - schedule.grace));
    const wasAsked = due !== undefined && due.getTime() >= schedule.declared_at;
    const isMissed = wasAsked && (lastSuccess ?? 0) < due.getTime();
    return { nextAt: cron.nextRun(new Date(now))?.getTime() ?? null, missedAt: isMissed ? due.getTime() : null };
  }

  private save(): void {
    writeFileSync(`${this.file}.tmp`, `${JSON.stringify(this.list(), null, 2)}\n`, { mode: 0o600 });
    renameSync(`${this.file}.tmp`, this.file);
  }
}

function keyOf({ kind, name }: { readonly kind: string; readonly name: string }): string {
  return JSON.stringify([kind, name]);
}

/** @throws ReportError */
function cronOf({ schedule, timezone }: Pick<Schedule, 'schedule' | 'timezone'>): Cron {
  const [, hour, minute] = /^(\d{1,2}):(\d{2})$/.exec(schedule.trim()) ?? [];
  const pattern = hour === undefined ? schedule : `${Number(minute)} ${Number(hour)} * * *`;
  try {
    const cron = new Cron(pattern, { paused: true, ...(timezone ? { timezone } : {}) });
    if (cron.nextRun() === null) throw new Error('it never comes');
    return cron;
  } catch (error) {
    throw new ReportError(`schedule: ${schedule}: ${(error as Error).message}`);
  }
}

function readSchedules(file: string): Schedule[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  try {
    return JSON.parse(text) as Schedule[];
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`);
  }
}
