import { afterEach, expect, test } from 'vitest';
import { START, Timeline } from '../testing.ts';
import { explainAlerts } from './explain.ts';
import { silenceReach } from './silence-reach.ts';

const YAML = `
route:
  receiver: ops
  group_by: [job]
  group_wait: 10s
  group_interval: 1m
  repeat_interval: 10m
  routes:
    - {receiver: night, matchers: [team = night], mute_time_intervals: [always]}
time_intervals: [{name: always, time_intervals: [{}]}]
inhibit_rules:
  - {name: down hides slow, source_matchers: [n = down], target_matchers: [n = slow], equal: [job]}
receivers: [{name: ops}, {name: night}]
`;

afterEach(() => Timeline.endAll());

function start(): Promise<Timeline> {
  return Timeline.start(YAML);
}

async function explained(time: Timeline, n: string) {
  const alert = time.manager.alerts.all().find(({ labels }) => labels.get('n') === n);
  if (!alert) throw new Error(`no alert ${n}`);
  const [explanation] = await explainAlerts(time.manager, [alert], time.clock.now());
  return explanation;
}

test('an alert waits for its group, is told, and is told again at repeat_interval', async () => {
  const time = await start();
  time.fire({ n: 'slow', job: 'x' });
  const waiting = await explained(time, 'slow');
  expect(waiting.verdict).toBe('It waits for its group until 2026-01-05T10:00:10Z.');
  expect(waiting.routes).toMatchObject([
    {
      path: ['{}'],
      receiver: 'ops',
      groupKey: '{}:{job="x"}',
      groupLabels: { job: 'x' },
      groupWait: '10s',
      lastTurn: null,
      nextTurn: '2026-01-05T10:00:10Z',
      integrations: [{ integration: 'webhook[0]', lastTold: null, repeatsAt: null }],
    },
  ]);
  await time.seconds(15);
  const told = await explained(time, 'slow');
  expect(told.verdict).toBe('It has been told: ops by webhook at 2026-01-05T10:00:10Z, taken.');
  expect(told.routes[0]).toMatchObject({
    lastTurn: '2026-01-05T10:00:10Z',
    nextTurn: '2026-01-05T10:01:10Z',
    integrations: [
      { lastTold: { at: '2026-01-05T10:00:10Z', firing: true, resolved: false }, repeatsAt: '2026-01-05T10:10:10Z' },
    ],
  });
  expect(told.notifications).toMatchObject([{ reason: 'first notification', status: 'sent', attempts: 1, firing: 1 }]);
});

test('what keeps an alert quiet is named, the cause that a notification meets first', async () => {
  const time = await start();
  time.fire({ n: 'slow', job: 'x' }, { n: 'late', job: 'x', team: 'night' });
  const matcher = { name: 'n', value: 'slow', isRegex: false, isEqual: true };
  const times = { startsAt: START, endsAt: START + 3_600_000 };
  time.manager.silences.set({
    ...{ id: '', matcherSets: [[matcher]], ...times, createdBy: 'me', comment: 'disk swap', annotations: {} },
  });
  expect((await explained(time, 'slow')).verdict).toBe(
    'Silenced by me until 2026-01-05T11:00:00Z (disk swap); nobody has been told.',
  );
  time.fire({ n: 'down', job: 'x' });
  const inhibited = await explained(time, 'slow');
  expect(inhibited.verdict).toMatch(/^Inhibited by [0-9a-f]{16} \(rule down hides slow\); nobody has been told\.$/);
  expect(inhibited.inhibitedBy).toMatchObject({
    labels: { n: 'down', job: 'x' },
    rule: { name: 'down hides slow', source: '{n="down"}', target: '{n="slow"}', equal: ['job'] },
  });
  const muted = await explained(time, 'late');
  expect(muted.verdict).toBe('Out of hours by always; nobody has been told.');
  expect(muted.routes[0].path).toEqual(['{}', '{team="night"}']);
});

test('a receiver that fails is named with its words', async () => {
  const time = await start();
  time.answer = () => ({ kind: 'failed', reason: 'no such channel', retry: false, category: 'clientError' });
  time.fire({ n: 'slow', job: 'x' });
  await time.seconds(20);
  expect((await explained(time, 'slow')).verdict).toBe('Telling ops by webhook failed: no such channel.');
});

test('a silence says what it would touch now and would have touched', async () => {
  const time = await start();
  time.fire({ n: 'slow', job: 'x', alertname: 'A' }, { n: 'late', job: 'x', team: 'night', alertname: 'B' });
  await time.seconds(60);
  time.resolve({ n: 'late', job: 'x', team: 'night', alertname: 'B' });
  const reach = (name: string, value: string, isRegex = false) =>
    silenceReach(time.manager, [{ name, value, isRegex, isEqual: true }]);
  expect(await reach('team', 'night')).toEqual({
    now: { matching: 0, of: 1 },
    last24h: { matching: 1, of: 2 },
    routes: { matching: 1, of: 2 },
    receivers: ['night'],
    mutesEverything: false,
  });
  expect((await reach('job', 'x')).mutesEverything).toBe(true);
  expect((await reach('alertname', '.+', true)).mutesEverything).toBe(true);
  expect((await reach('alertname', 'A')).mutesEverything).toBe(false);
  await time.manager.history.flush();
  const after = await time.restart();
  await after.manager.seen.restore(after.manager.history);
  const { last24h } = await silenceReach(after.manager, [{ name: 'job', value: 'x', isRegex: false, isEqual: true }]);
  expect(last24h).toEqual({ matching: 1, of: 1 });
});
