import { describe, expect, test } from 'vitest';
import { DueTimes } from './due-times.ts';

const at = (text: string): number => Date.parse(`${text}Z`);
const shown = (ms: number | null): string => (ms === null ? 'never' : new Date(ms).toISOString().slice(5, 16));

/** Due times after another, one after the other. */
function following(schedule: string, zone: string, after: string, count: number): string[] {
  const times = new DueTimes(schedule, zone);
  const out: string[] = [];
  for (let due = times.next(at(after)); out.length < count && due !== null; due = times.next(due)) out.push(shown(due));
  return out;
}

// In Brussels clocks go from 02:00 to 03:00 on 2026-03-29 at 01:00Z, and from 03:00 to 02:00 on 2026-10-25 at 01:00Z
test.each<[string, string, string, readonly string[]]>([
  ['30 2 * * *', 'Europe/Brussels', '2026-03-27T12:00', ['03-28T01:30', '03-29T01:00', '03-30T00:30']],
  ['02:00', 'Europe/Brussels', '2026-03-27T12:00', ['03-28T01:00', '03-29T01:00', '03-30T00:00']],
  ['03:00', 'Europe/Brussels', '2026-03-27T12:00', ['03-28T02:00', '03-29T01:00', '03-30T01:00']],
  ['15,45 2 * * *', 'Europe/Brussels', '2026-03-28T12:00', ['03-29T01:00', '03-30T00:15', '03-30T00:45']],
  ['30 * * * *', 'Europe/Brussels', '2026-03-28T23:00', ['03-28T23:30', '03-29T00:30', '03-29T01:00', '03-29T01:30']],
  ['30 2 * * *', 'Europe/Brussels', '2026-10-24T12:00', ['10-25T00:30', '10-26T01:30', '10-27T01:30']],
  ['03:00', 'Europe/Brussels', '2026-10-24T12:00', ['10-25T02:00', '10-26T02:00']],
  ['30 * * * *', 'Europe/Brussels', '2026-10-24T23:00', ['10-24T23:30', '10-25T00:30', '10-25T02:30', '10-25T03:30']],
  ['0 0 * * *', 'Africa/Cairo', '2026-04-22T12:00', ['04-22T22:00', '04-23T22:00', '04-24T21:00']],
  ['15 2 * * *', 'Australia/Lord_Howe', '2026-10-02T20:00', ['10-03T15:30', '10-04T15:15']],
  ['0 9 * * *', 'Asia/Kolkata', '2026-03-28T12:00', ['03-29T03:30', '03-30T03:30']],
  ['0 12 31 12 *', 'Pacific/Apia', '2011-12-29T00:00', ['12-30T22:00']],
])('%s in %s after %s', (schedule, zone, after, expected) => {
  expect(following(schedule, zone, after, expected.length)).toEqual(expected);
});

describe.each(['30 2 * * *', '0 3 * * *', '*/20 * * * *', '0 */2 * * *', '15,45 1-3 * * *', '@daily'])(
  '%s',
  (schedule) => {
    test.each([
      ['Europe/Brussels', '2026-03-28T00:00', '2026-03-30T12:00'],
      ['Europe/Brussels', '2026-10-24T00:00', '2026-10-26T12:00'],
      ['America/Santiago', '2026-09-05T00:00', '2026-09-07T12:00'],
    ])('in %s is the same however it is asked for, from %s to %s', (zone, from, until) => {
      const times = new DueTimes(schedule, zone);
      const all: number[] = [];
      for (let due = times.next(at(from) - 1); due !== null && due <= at(until); due = times.next(due)) all.push(due);
      for (let now = at(from); now <= at(until); now += 5 * 60_000) {
        expect(shown(times.last(at(from), now))).toBe(shown(all.filter((due) => due <= now).at(-1) ?? null));
        const next = all.find((due) => due > now);
        if (next !== undefined) expect(shown(times.next(now))).toBe(shown(next));
      }
    });
  },
);

test.each([
  ['61 * * * *', undefined],
  ['02:00', 'Mars/Base'],
])('%s in %s is refused', (schedule, zone) => {
  expect(() => new DueTimes(schedule, zone)).toThrow();
});
