import { Labels } from '@avalanche/model';
import { expect, test } from 'vitest';
import { alertOf, START } from '../testing.ts';
import { type Alert, goTime, mergeAlerts } from './alert.ts';
import { fingerprint, fingerprintOfMap } from './fingerprint.ts';

// what Alertmanager 0.25 shows for these labels
test.each([
  [{}, 'cbf29ce484222325'],
  [{ alertname: 'x' }, 'd240efc3896bf266'],
  [{ alertname: 'Größe', severity: 'critical', instance: 'h:1', job: 'node' }, '6ef07b02b01a8488'],
])('fingerprint of %o', (labels, expected) => {
  expect(fingerprint(Labels.from(labels))).toBe(expected);
  const sorted = Object.fromEntries(Object.entries({ ...labels, empty: '' }).sort());
  expect(fingerprintOfMap(sorted)).toBe(expected);
});

test('names that are whole numbers, which JavaScript puts first, are hashed where Go has them', () => {
  const labels = { 9: 'b', 10: 'a', '-': 'c' };
  expect(fingerprintOfMap(labels)).toBe(fingerprint(Labels.from(labels)));
});

test.each<[string, Partial<Alert>, Partial<Alert>, Partial<Alert>]>([
  ['the earliest start', { startsAt: 5 }, { startsAt: 9, updatedAt: 2 }, { startsAt: 5 }],
  ['a younger end', { endsAt: 100 }, { endsAt: 200, updatedAt: 2 }, { endsAt: 200 }],
  [
    'an explicit later end of the older',
    { endsAt: 300 },
    { endsAt: 200, updatedAt: 2, timeout: true },
    { endsAt: 300 },
  ],
  ['not a later end that we made up', { endsAt: 300, timeout: true }, { endsAt: 200, updatedAt: 2 }, { endsAt: 200 }],
  ['resolved now', { endsAt: 300 }, { endsAt: 40, updatedAt: 2 }, { endsAt: 40 }],
  [
    'the younger, whichever comes first',
    { endsAt: 200, updatedAt: 3 },
    { endsAt: 150, updatedAt: 2, timeout: true },
    { endsAt: 200 },
  ],
])('merging takes %s', (_title, a, b, expected) => {
  const base = { startsAt: 1, updatedAt: 1, endsAt: 100, timeout: false };
  expect(mergeAlerts(alertOf({}, { ...base, ...a }), alertOf({}, { ...base, ...b }), 50)).toMatchObject(expected);
});

test('times are printed as Go does', () => {
  expect([0, START, START + 120].map(goTime)).toEqual([
    '0001-01-01T00:00:00Z',
    '2026-01-05T10:00:00Z',
    '2026-01-05T10:00:00.12Z',
  ]);
});
