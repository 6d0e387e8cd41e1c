import { Cron } from 'croner';
import { bounded } from './bounded.ts';

/** Longer than any change of a time zone's offset, shorter than the time between two. */
const AROUND_MS = 24 * 3_600_000;
/** Offsets change at quarters of an hour, and are known for as many of them. */
const QUARTER_MS = 900_000;
const QUARTERS_MAX = 10_000;
const ZONES_MAX = 100;
/** Where a last due time is looked for first; a range that has none is doubled. */
const RANGE_MS = 3_600_000;

/**
 * When something is due, by the clock on the wall of a time zone. Where that is put forward, what would have been due in
 * the hour that is left out is due as it is; where it is put back, what is due in the hour that comes twice is due in the
 * first: a job is asked for once, and by when any scheduler would have run it. All times in milliseconds.
 */
export class DueTimes {
  /** Knows no zone: it is given the time on the wall as if it were UTC. (In a zone, croner leaves runs out near a change.) */
  private readonly cron: Cron;
  private readonly zone: Zone;

  /**
   * @param schedule five or six fields of cron, `@daily` and the like, or a time of day such as `02:00`
   * @param timezone by default the server's
   * @throws Error with the reason
   */
  constructor(schedule: string, timezone?: string) {
    const [, hour, minute] = /^(\d{1,2}):(\d{2})$/.exec(schedule.trim()) ?? [];
    const pattern = hour === undefined ? schedule : `${Number(minute)} ${Number(hour)} * * *`;
    this.cron = new Cron(pattern, { paused: true, utcOffset: 0 });
    this.zone = zoneOf(timezone);
  }

  /** The first due time after another. */
  next(after: number): number | null {
    const { cron, zone } = this;
    for (let wall = cron.nextRun(new Date(after + zone.offset(after))); wall; wall = cron.nextRun(wall)) {
      const due = zone.timeOf(wall.getTime());
      if (due > after) return due; // not in the hour that comes for the second time
    }
    return null;
  }

  /** The last due time of those from one time to another, both included. */
  last(from: number, until: number): number | null {
    for (let range = RANGE_MS; ; range *= 2) {
      const begin = Math.max(from, until - range);
      const first = this.next(begin - 1);
      if (first !== null && first <= until) return this.lastAfter(first, until);
      if (begin === from) return null;
    }
  }

  /** The last one from a due time on. By halving, as croner has nothing for it. */
  private lastAfter(first: number, until: number): number {
    let last = first;
    // there is none between `end` and `until`
    for (let end = until; end - last > 1000; ) {
      const middle = Math.floor((last + end) / 2);
      const due = this.next(middle);
      if (due !== null && due <= until) last = due;
      else end = middle;
    }
    const after = this.next(last);
    return after !== null && after <= until ? after : last;
  }
}

const zones = new Map<string, Zone>();

/** Schedules share what is found out of a zone. @throws Error where there is no such zone */
function zoneOf(timezone = ''): Zone {
  const zone = zones.get(timezone) ?? new Zone(timezone);
  bounded(zones, timezone, zone, ZONES_MAX);
  return zone;
}

/** By how much the clock on the wall is ahead of UTC. */
class Zone {
  private readonly format: Intl.DateTimeFormat;
  private readonly offsets = new Map<number, number>();

  /** @param timezone '' for the server's. @throws Error where there is no such zone */
  constructor(timezone: string) {
    this.format = new Intl.DateTimeFormat('en-US', {
      ...(timezone ? { timeZone: timezone } : {}),
      hourCycle: 'h23',
      ...{ year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' },
    });
  }

  offset(time: number): number {
    const quarter = Math.floor(time / QUARTER_MS);
    const known = this.offsets.get(quarter);
    if (known !== undefined) return known;
    if (this.offsets.size >= QUARTERS_MAX) this.offsets.clear();
    const offset = this.findOffset(quarter * QUARTER_MS);
    this.offsets.set(quarter, offset);
    return offset;
  }

  private findOffset(time: number): number {
    const part: Record<string, number> = {};
    for (const { type, value } of this.format.formatToParts(time)) part[type] = Number(value);
    const wall = Date.UTC(part.year, part.month - 1, part.day, part.hour, part.minute, part.second);
    return wall - time;
  }

  /** When the wall shows a time: the first time that it does, or the change that leaves it out. Never goes back. */
  timeOf(wall: number): number {
    const before = this.offset(wall - AROUND_MS);
    const after = this.offset(wall + AROUND_MS);
    if (before === after || this.offset(wall - before) === before) return wall - before;
    if (this.offset(wall - after) === after) return wall - after;
    return this.changeBetween(wall - after, wall - before);
  }

  /** The first time of the offset that holds at `to`, to the second. */
  private changeBetween(from: number, to: number): number {
    const old = this.offset(from);
    let [last, first] = [from, to];
    while (first - last > 1000) {
      const middle = last + Math.floor((first - last) / 2000) * 1000;
      if (this.offset(middle) === old) last = middle;
      else first = middle;
    }
    return first;
  }
}
