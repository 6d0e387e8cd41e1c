import { expect, test } from 'vitest';
import { formatMatcher, matchesLabels, parseMatcher } from '../../api/alertmanager/matcher.ts';
import type { GettableAlert } from '../../api/alertmanager/types.ts';
import { stateSentence } from '../home/areas.ts';
import { eventsOfAlerts } from '../home/events.ts';
import { comparedLevel, graphWindowMs, joinAlerts, runbookName } from './alert-model.ts';

function managed(labels: Record<string, string>, silencedBy: string[] = []): GettableAlert {
  return {
    labels,
    annotations: {},
    startsAt: '2026-01-01T00:00:00Z',
    endsAt: '',
    updatedAt: '',
    fingerprint: JSON.stringify(labels),
    receivers: [{ name: 'web' }],
    status: { state: silencedBy.length > 0 ? 'suppressed' : 'active', silencedBy, inhibitedBy: [] },
  };
}

test('alerts of both servers become one list, worst first, each once', () => {
  const base = { annotations: {}, activeAt: '2026-01-01T00:00:00Z', value: '1' };
  const views = joinAlerts(
    [
      { ...base, labels: { alertname: 'Load', severity: 'warning' }, state: 'pending' },
      { ...base, labels: { alertname: 'Disk', severity: 'critical' }, state: 'firing' },
      { ...base, labels: { alertname: 'Cpu', severity: 'warning' }, state: 'firing' },
    ],
    [
      managed({ alertname: 'Disk', severity: 'critical', cluster: 'x' }, ['id']),
      managed({ alertname: 'Other', severity: 'info' }),
    ],
  );
  expect(views.map((view) => [view.name, view.state, view.muted])).toEqual([
    ['Cpu', 'firing', undefined],
    ['Other', 'firing', undefined],
    ['Disk', 'firing', 'silenced'],
    ['Load', 'pending', undefined],
  ]);
});

test.each([
  ['up == 0', { left: 'up', level: 0 }],
  ['100 * (a / b) > 90', { left: '100 * (a / b)', level: 90 }],
  ['a > 1 and b > 2', undefined],
  ['absent(up)', undefined],
])('level of %s', (expr, expected) => expect(comparedLevel(expr)).toEqual(expected));

test('matchers are read and written as amtool does', () => {
  for (const text of ['a="b"', 'a!="b"', 'a=~"b|c"', 'a!~"b.*"', String.raw`a="say \"hi\""`]) {
    expect(formatMatcher(parseMatcher(text)!)).toBe(text);
  }
  expect(parseMatcher('a=b')).toMatchObject({ value: 'b' });
  expect(parseMatcher('no matcher')).toBeUndefined();
  expect(matchesLabels([parseMatcher('job=~"a|b"')!, parseMatcher('x!="1"')!], { job: 'b' })).toBe(true);
  expect(matchesLabels([parseMatcher('job=~"a"')!], { job: 'ab' })).toBe(false);
});

const HOUR_MS = 3_600_000;
test.each([
  [undefined, 6],
  [10_000_000_000 - 60_000, 1],
  [10_000_000_000 - 2 * HOUR_MS, 4],
  [0, 24],
])('the graph of an alert that began at %s shows %s h', (firstMs, hours) =>
  expect(graphWindowMs(firstMs, 10_000_000_000)).toBe(hours * HOUR_MS),
);

test.each([
  ['http://127.0.0.1:9090/runbooks/ApplicationDown', 'ApplicationDown'],
  ['{{ $externalURL }}/runbooks/RedisDown', 'RedisDown'],
  ['https://wiki.example/pages/x', undefined],
])('whose runbook is %s', (url, name) => expect(runbookName(url)).toBe(name));

test('the state in one sentence', () => {
  const ago = (): string => '3 h ago';
  expect(stateSentence({ firing: 2, targets: 8, targetsUp: 7, lastBackup: 1, diskFullDays: 41.2 }, ago)).toBe(
    '2 alerts firing, 7 of 8 targets up, last backup 3 h ago, disk full in 41 days.',
  );
  expect(
    stateSentence({ firing: 0, targets: 8, targetsUp: 8, lastBackup: undefined, diskFullDays: undefined }, ago),
  ).toBe('No alerts firing, all 8 targets up.');
  expect(
    stateSentence(
      { firing: 0, muted: 1, targets: 2, targetsUp: 1, lastBackup: undefined, diskFullDays: undefined },
      ago,
    ),
  ).toBe('No alerts firing, 1 muted, 1 of 2 targets up.');
});

test('beginnings and ends of firing, newest first', () => {
  const metric = { alertname: 'A' };
  const values = [
    [120, '1'],
    [180, '1'],
    [360, '1'],
  ] as const;
  const events = eventsOfAlerts([{ metric, values }], { startMs: 0, endMs: 360_000, stepMs: 60_000 });
  expect(events.map((event) => [event.kind, event.atMs])).toEqual([
    ['fired', 360_000],
    ['ended', 240_000],
    ['fired', 120_000],
  ]);
});
