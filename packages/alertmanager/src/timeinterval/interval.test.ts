import { expect, test } from 'vitest';
import { containsTime } from './interval.ts';
import { timeIntervalSchema } from './schema.ts';

test.each<[unknown, string, boolean]>([
  [{}, '2026-01-05T10:00:00Z', true],
  [{ times: [{ start_time: '09:00', end_time: '17:00' }] }, '2026-01-05T09:00:00Z', true],
  [{ times: [{ start_time: '09:00', end_time: '17:00' }] }, '2026-01-05T17:00:00Z', false],
  [{ times: [{ start_time: '22:00', end_time: '24:00' }] }, '2026-01-05T23:59:59Z', true],
  [{ weekdays: ['monday:friday'] }, '2026-01-04T10:00:00Z', false],
  [{ weekdays: ['saturday', 'sunday'] }, '2026-01-04T10:00:00Z', true],
  [{ days_of_month: ['-1'] }, '2026-02-28T10:00:00Z', true],
  [{ days_of_month: ['-3:-1'] }, '2026-02-25T10:00:00Z', false],
  [{ days_of_month: ['1:5', 31] }, '2026-01-31T10:00:00Z', true],
  [{ days_of_month: ['25:-1'] }, '2026-02-28T10:00:00Z', true],
  [{ days_of_month: ['31'] }, '2026-02-28T10:00:00Z', false],
  [{ months: ['march:may', 12], years: ['2025:2026'] }, '2026-12-01T10:00:00Z', true],
  [{ months: ['march:may'] }, '2026-06-01T00:00:00Z', false],
  [{ times: [{ start_time: '09:00', end_time: '10:00' }], location: 'Asia/Tokyo' }, '2026-01-05T00:30:00Z', true],
  [{ weekdays: ['monday'], location: 'America/New_York' }, '2026-01-05T03:00:00Z', false],
  [{ times: [{ start_time: '02:00', end_time: '03:00' }], location: 'Europe/Berlin' }, '2026-03-29T01:30:00Z', false],
  [{ times: [{ start_time: '02:00', end_time: '03:00' }], location: 'Europe/Berlin' }, '2026-10-25T01:30:00Z', true],
  [{ times: [{ start_time: '09:00', end_time: '10:00' }], location: '' }, '2026-01-05T09:30:00Z', true],
  [{ days_of_month: ['27:-1'] }, '2026-02-28T10:00:00Z', true],
  [{ days_of_month: ['-31:-31'] }, '2026-02-01T10:00:00Z', false],
  [{ times: [] }, '2026-01-05T10:00:00Z', false],
])('%o holds at %s: %s', (raw, at, expected) => {
  expect(containsTime(timeIntervalSchema.parse(raw), Date.parse(at))).toBe(expected);
});

test.each([
  [{ times: [{ start_time: '17:00', end_time: '09:00' }] }, 'start time cannot be equal or after end time'],
  [{ times: [{ start_time: '9:00', end_time: '10:00' }] }, "couldn't parse timestamp 9:00, invalid format"],
  [{ weekdays: ['friday:monday'] }, 'start cannot be after end'],
  [{ weekdays: ['saturday:sunday'] }, 'start cannot be after end'],
  [{ days_of_month: ['-1:-3'] }, 'start cannot be after end'],
  [{ weekdays: ['1'] }, 'is not a valid value (sunday, monday'],
  [{ days_of_month: ['0'] }, 'is not a valid value (-31 to 31)'],
  [{ days_of_month: ['28:-1'] }, 'start cannot be after end'],
  [{ days_of_month: ['-1:1'] }, 'end day must be negative if start day is negative'],
  [{ days_of_month: ['1: 5'] }, 'is not a valid value (-31 to 31)'],
  [{ location: 'Nowhere/Land' }, 'unknown time zone Nowhere/Land'],
  [{ location: 'europe/berlin' }, 'unknown time zone europe/berlin'],
])('refused: %o', (raw, message) => {
  expect(() => timeIntervalSchema.parse(raw)).toThrow(message);
});
