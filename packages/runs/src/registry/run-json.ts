import type { RunRecord } from './run-record.ts';
import type { Schedule, ScheduleStatus } from './schedules.ts';

/** A run as the API shows it: times in RFC 3339; words for numbers that JSON has none for. */
export function runJson({ curve, ttl, clock_ahead: _, ...run }: RunRecord, isWhole: boolean): Record<string, unknown> {
  return {
    ...finite(run),
    started_at: new Date(run.started_at).toISOString(),
    reported_at: new Date(run.reported_at).toISOString(),
    ...(run.ended_at === undefined ? {} : { ended_at: new Date(run.ended_at).toISOString() }),
    ...(ttl === undefined ? {} : { ttl_seconds: ttl / 1000 }),
    ...(isWhole && curve ? { curve: curve.map(finite) } : {}),
  };
}

export function scheduleJson({ schedule, status }: { readonly schedule: Schedule; readonly status: ScheduleStatus }) {
  const { grace, declared_at, ...rest } = schedule;
  const time = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());
  return {
    ...rest,
    grace_seconds: grace / 1000,
    declared_at: time(declared_at),
    next_at: time(status.nextAt),
    missed_at: time(status.missedAt),
  };
}

function finite(object: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(object).map(([key, value]) => [
      key,
      typeof value === 'number' && !Number.isFinite(value) ? String(value) : (value as unknown),
    ]),
  );
}
