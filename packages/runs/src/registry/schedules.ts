import { readIfThere } from '../read-if-there.ts';
import { replaceFileNow } from '../replace-file.ts';
import { DueTimes } from './due-times.ts';
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
/** More are refused: they are looked at in each scrape. */
const SCHEDULES_MAX = 1_000;

/** What a schedule comes to, for as long as time is in between. */
interface Due {
  readonly times: DueTimes;
  /** The newest due time whose grace is over, and the one after it; milliseconds. */
  due: number | null;
  dueAfter: number | null;
  next: number | null;
  /** For which time that was found out. */
  at: number;
}

/** The schedules that jobs declared, in a file. */
export class Schedules {
  private readonly schedules = new Map<string, Schedule>();
  private readonly dues = new Map<string, Due>();

  /** @throws Error where the file is there and makes no sense */
  constructor(private readonly file: string) {
    for (const schedule of readSchedules(file)) this.schedules.set(keyOf(schedule), schedule);
  }

  list(): Schedule[] {
    return [...this.schedules.values()];
  }

  /**
   * A schedule that says the same as before stays as old as it is.
   * @param startedAt of the run that declares it: one that is older than what was declared meanwhile changes nothing
   * @throws ReportError, or the system's error
   */
  declare(
    given: Omit<Schedule, 'grace' | 'declared_at'> & { readonly grace?: number | undefined },
    now: number,
    startedAt = now,
  ): void {
    const before = this.schedules.get(keyOf(given));
    if (before && startedAt < before.declared_at) return;
    if (!before && this.schedules.size >= SCHEDULES_MAX) throw new ReportError(`more than ${SCHEDULES_MAX} schedules`);
    const { kind, name, timezone } = given;
    const grace = given.grace ?? before?.grace ?? GRACE_MS;
    const next = { kind, name, schedule: given.schedule, grace, ...(timezone ? { timezone } : {}), declared_at: now };
    if (timesOf(next).next(now) === null) throw new ReportError(`schedule: ${next.schedule}: it never comes`);
    const isSame = before?.schedule === next.schedule && before.grace === grace && before.timezone === next.timezone;
    if (isSame) return;
    this.save([...this.list().filter((other) => keyOf(other) !== keyOf(next)), next]);
    this.schedules.set(keyOf(next), next);
    this.dues.delete(keyOf(next));
  }

  /** @returns whether there was one. @throws the system's error */
  remove(job: { readonly kind: string; readonly name: string }): boolean {
    const key = keyOf(job);
    if (!this.schedules.has(key)) return false;
    this.save(this.list().filter((other) => keyOf(other) !== key));
    this.schedules.delete(key);
    this.dues.delete(key);
    return true;
  }

  /** Whether some were declared at a time that is still to come: the clock was wrong, or is. */
  isAhead(now: number): boolean {
    return this.list().some(({ declared_at }) => declared_at > now);
  }

  /** Those that were declared at a time to come were declared now: else nothing would be due before it. @throws the system's error */
  moveBack(now: number): void {
    if (!this.isAhead(now)) return;
    const moved = this.list().map((one) => ({ ...one, declared_at: Math.min(one.declared_at, now) }));
    this.save(moved);
    for (const schedule of moved) this.schedules.set(keyOf(schedule), schedule);
    this.dues.clear();
  }

  /** @param lastSuccess when a run of the job last succeeded, in milliseconds */
  statusOf(schedule: Schedule, lastSuccess: number | undefined, now: number): ScheduleStatus {
    const { due, next } = this.dueOf(schedule, now);
    const isMissed = due !== null && (lastSuccess ?? 0) < due;
    return { nextAt: next, missedAt: isMissed ? due : null };
  }

  /** Found out once for the time between two due times. */
  private dueOf(schedule: Schedule, now: number): Due {
    const key = keyOf(schedule);
    const graceIsOver = now - schedule.grace;
    const known = this.dues.get(key) ?? { times: timesOf(schedule), due: null, dueAfter: 0, next: 0, at: 0 };
    this.dues.set(key, known);
    const { times } = known;
    const isBack = now < known.at;
    known.at = now;
    if (isBack || (known.dueAfter !== null && graceIsOver >= known.dueAfter)) {
      known.due = times.last(schedule.declared_at, graceIsOver);
      known.dueAfter = times.next(graceIsOver);
    }
    if (isBack || (known.next !== null && now >= known.next)) known.next = times.next(now);
    return known;
  }

  private save(schedules: readonly Schedule[]): void {
    replaceFileNow(this.file, `${JSON.stringify(schedules, null, 2)}\n`);
  }
}

function keyOf({ kind, name }: { readonly kind: string; readonly name: string }): string {
  return JSON.stringify([kind, name]);
}

/** @throws ReportError */
function timesOf({ schedule, timezone }: Pick<Schedule, 'schedule' | 'timezone'>): DueTimes {
  try {
    return new DueTimes(schedule, timezone);
  } catch (error) {
    throw new ReportError(`schedule: ${schedule}: ${(error as Error).message}`);
  }
}

function readSchedules(file: string): Schedule[] {
  const text = readIfThere(file);
  if (text === undefined) return [];
  try {
    const schedules = JSON.parse(text) as Schedule[];
    for (const schedule of schedules) timesOf(schedule);
    return schedules;
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`);
  }
}
