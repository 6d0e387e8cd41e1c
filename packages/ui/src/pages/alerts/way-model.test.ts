import { expect, test } from 'vitest';
import type { AlertExplanation, NotificationRecord, RouteExplanation } from '../../api/alertmanager/insight.ts';
import { ApiError } from '../../api/http.ts';
import { shortDateTime } from '../../dashboard/time-range.ts';
import type { AlertView } from './alert-model.ts';
import {
  humanTimes,
  type Piece,
  type RuleOfAlert,
  ruleOf,
  toldOf,
  verdictOf,
  type WayStep,
  wayOf,
} from './way-model.ts';

const alert: AlertView = {
  key: 'k',
  name: 'DiskFull',
  severity: 'critical',
  state: 'firing',
  muted: undefined,
  since: '2026-01-01T00:00:00Z',
  labels: { instance: 'a' },
  annotations: {},
  value: '9.7e+01',
  receivers: ['ops'],
  fingerprint: 'f1',
  silence: undefined,
};
const of: RuleOfAlert = {
  rule: { type: 'alerting', name: 'DiskFull', query: 'used > 90', duration: 300, health: 'ok', state: 'firing' },
  group: { name: 'disk', file: 'rules.yml', interval: 15, rules: [] },
};
const route: RouteExplanation = {
  path: ['{}', '{severity="critical"}'],
  receiver: 'ops',
  groupKey: '{}:{}',
  groupLabels: { alertname: 'DiskFull' },
  groupWait: '30s',
  groupInterval: '5m',
  repeatInterval: '4h',
  lastTurn: '2026-01-01T00:05:30Z',
  nextTurn: '2026-01-01T00:10:30Z',
  mutedBy: [],
  integrations: [
    { integration: 'webhook[0]', sendResolved: true, notConfigured: null, lastTold: null, repeatsAt: null },
  ],
};
const explanation: AlertExplanation = {
  fingerprint: 'f1',
  labels: { alertname: 'DiskFull', instance: 'a' },
  startsAt: '2026-01-01T00:05:00Z',
  endsAt: '',
  generatorURL: 'http://prometheus/graph',
  resolved: false,
  verdict: 'It has been told: ops by webhook at 2026-01-01T00:05:30.000Z, 200 OK.',
  silencedBy: [],
  inhibitedBy: null,
  routes: [route],
  notifications: [],
};
const record: NotificationRecord = {
  id: 'r',
  at: '2026-01-01T00:05:30Z',
  receiver: 'ops',
  integration: 'webhook',
  index: 0,
  groupKey: '',
  groupLabels: {},
  reason: 'first notification',
  status: 'failed',
  reply: '500 Internal Server Error',
  attempts: 3,
  durationSeconds: 2,
  firing: 1,
  resolved: 0,
  alerts: [],
  otherFingerprints: [],
};

const textOf = (piece: Piece): string =>
  typeof piece === 'string'
    ? piece
    : Object.values(piece)
        .map((part) => JSON.stringify(part))
        .join(' ');
const lineOf = ({ title, lines }: WayStep): string =>
  `${title}: ${lines.map((line) => line.map(textOf).join('')).join(' | ')}`;

test('the way of an alert goes from its sample to whom it was told, in order', () => {
  const way = wayOf(alert, of, { explanation });
  expect(way.map(({ title }) => title)).toEqual([
    ...['Sample', 'Expression', 'Pending', 'Firing', 'Route', 'Receiver', 'Group', 'Kept quiet', 'Notifications'],
  ]);
  expect(way.map(lineOf)).toMatchObject([
    'Sample: the value is "97"',
    'Expression: "used > 90" | evaluated every 15s, last ""',
    'Pending: since "2026-01-01T00:00:00Z", must last 5m',
    'Firing: since "2026-01-01T00:05:00Z"',
    'Route: the root → "{severity=\\"critical\\"}"',
    'Receiver: "/receivers?receiver=ops" "ops" by webhook[0]',
    expect.stringContaining('waits 30s at first, 5m between changes, repeats after 4h'),
    'Kept quiet: no, neither by a silence nor by inhibition, nor by its hours',
    'Notifications: nobody has been told',
  ]);
});

test('what keeps an alert quiet is linked, and a failed notification stands out', () => {
  const way = wayOf(alert, undefined, {
    explanation: {
      ...explanation,
      routes: [{ ...route, mutedBy: ['nights'] }, route],
      silencedBy: [{ id: 's1', comment: 'new disk', createdBy: 'eva', endsAt: '2026-01-01T02:00:00Z' }],
      inhibitedBy: {
        fingerprint: 'f2',
        labels: { alertname: 'NodeDown' },
        rule: { name: '', source: '{a="b"}', target: '{c="d"}', equal: ['instance'] },
      },
      notifications: [record],
    },
  });
  const lines = way.map(lineOf);
  expect(lines[0]).toBe('Sent by: "http://prometheus/graph" "http://prometheus/graph"');
  expect(lines).toContain('Out of hours: muted now by "nights"');
  expect(lines.filter((line) => /^Route \d of 2/.test(line))).toHaveLength(2);
  const quiet = way.find(({ key }) => key === 'quiet');
  expect(quiet).toMatchObject({ tone: 'warn' });
  expect(quiet?.lines.flat()).toEqual(
    expect.arrayContaining([
      { href: '/alerts/NodeDown', text: 'NodeDown' },
      { href: '/silences/s1', text: 'new disk' },
    ]),
  );
  expect(way.at(-1)).toMatchObject({ tone: 'crit' });
  expect(lines.at(-1)).toMatch(
    /FAILED to ops by webhook\[0\]: 500 Internal.*first notification, took 2s after 3 attempts/,
  );
});

test.each([
  ['a server that does not explain', new ApiError('404', 404), /does not tell what it sent/],
  ['one that is away', new ApiError('am:9093 does not answer.', 0, 'away'), /not known: am:9093 does not answer/],
  ['one that has not got it', undefined, /does not have it/],
])('without an explanation the verdict says why: %s', (_, error, words) => {
  const told = toldOf(undefined, error);
  expect(verdictOf(alert, told, of)).toMatch(words);
  expect(wayOf(alert, of, told).at(-1)?.title).toBe('Firing');
});

test('a pending alert is told to nobody until it fires', () => {
  const at = shortDateTime(Date.parse('2026-01-01T00:05:00Z'));
  const pending = { ...alert, state: 'pending' as const, fingerprint: undefined };
  expect(verdictOf(pending, { missing: 'unknown' }, of)).toContain(`it fires at ${at} if it lasts`);
  expect(verdictOf(alert, { missing: 'nowhere' }, of)).toContain('does not know an Alertmanager');
});

test('moments in a sentence are written for people', () => {
  const iso = '2026-01-01T00:05:30.123Z';
  expect(humanTimes(`until ${iso}.`)).toBe(`until ${shortDateTime(Date.parse(iso))}.`);
});

test('of several rules with the name, the one that has the alert is its own', () => {
  const base = { annotations: {}, state: 'firing' as const, value: '1' };
  const other = {
    ...of,
    rule: { ...of.rule, alerts: [{ ...base, labels: { alertname: 'DiskFull', instance: 'b' } }] },
  };
  const own = { ...of, rule: { ...of.rule, alerts: [{ ...base, labels: { alertname: 'DiskFull', instance: 'a' } }] } };
  expect(ruleOf(alert, [other, own])).toBe(own);
  expect(ruleOf(alert, [other, other])).toBeUndefined();
  expect(ruleOf(alert, [of])).toBe(of);
});
