import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { roundsOf } from '@avalanche/model';
import { afterEach, expect, test, vi } from 'vitest';
import { alertOf, START, Timeline } from './testing.ts';

const ROUTE = `
route: {receiver: ops, group_by: [job], group_wait: 10s, group_interval: 1m, repeat_interval: 10m}
receivers: [{name: ops}]
`;
function start(yaml = ROUTE, options?: { sendResolved: boolean }): Promise<Timeline> {
  return Timeline.start(yaml, options);
}

afterEach(() => Timeline.endAll());

const a = { n: 'a', job: 'x' };
const b = { n: 'b', job: 'x' };

test('group_wait gathers the first alerts, group_interval brings later ones, repeat_interval repeats', async () => {
  const time = await start();
  time.fire(a);
  await time.seconds(5);
  time.fire(b, { n: 'other', job: 'y' });
  await time.seconds(20);
  time.fire({ n: 'c', job: 'x' });
  await time.seconds(100);
  expect(time.lines).toEqual(['10s ops firing{a,b}', '15s ops firing{other}', '70s ops firing{a,b,c}']);
  await time.seconds(12 * 60);
  // the first turn of the group after repeat_interval has passed: 10 + 12 * 60 for x, 15 + 11 * 60 for y
  expect(time.lines.slice(3)).toEqual(['675s ops firing{other}', '730s ops firing{a,b,c}']);
});

test('a resolved alert is told once, at the next turn, and a group that is empty starts over with group_wait', async () => {
  const time = await start();
  time.fire(a, b);
  await time.seconds(30);
  time.resolve(a);
  await time.seconds(60);
  time.resolve(b);
  await time.seconds(400);
  expect(time.lines).toEqual(['10s ops firing{a,b}', '70s ops firing{b} resolved{a}', '130s ops resolved{b}']);
  time.fire(a);
  await time.seconds(60);
  expect(time.lines.slice(3)).toEqual(['500s ops firing{a}']);
});

test('an alert that fires and ends within group_wait is not news', async () => {
  const time = await start();
  time.fire(a);
  await time.seconds(5);
  time.resolve(a);
  await time.seconds(300);
  expect(time.lines).toEqual([]);
});

test('an alert that is not reported again ends by itself at its endsAt', async () => {
  const time = await start();
  time.fire(a);
  await time.seconds(3_700);
  expect(time.lines.at(-1)).toBe('3610s ops resolved{a}');
});

test('without send_resolved the receiver hears only of firing alerts, and of a new one again', async () => {
  const time = await start(ROUTE, { sendResolved: false });
  time.fire(a);
  await time.seconds(15);
  time.resolve(a);
  await time.seconds(200);
  time.fire(a);
  await time.seconds(100);
  expect(time.lines).toEqual(['10s ops firing{a}', '225s ops firing{a}']);
});

test('an alert that began long ago does not wait for group_wait', async () => {
  const time = await start();
  await time.seconds(60);
  time.fire({ n: 'new', job: 'z' });
  void time.manager.alerts.put([alertOf({ n: 'old', job: 'x' }, { startsAt: START, updatedAt: START + 60_000 })]);
  await time.seconds(20);
  expect(time.lines).toEqual(['60s ops firing{old}', '70s ops firing{new}']);
});

test('a silence that begins keeps quiet, one that ends lets the group speak at its next turn', async () => {
  const time = await start();
  const matcher = { name: 'n', value: 'a', isRegex: false, isEqual: true };
  const times = { startsAt: START, endsAt: START + 150_000 };
  const id = time.manager.silences.set({
    id: '',
    matcherSets: [[matcher]],
    ...times,
    createdBy: 'me',
    comment: '',
    annotations: {},
  });
  time.fire(a, b);
  await time.seconds(100);
  expect(time.lines).toEqual(['10s ops firing{b}']);
  expect(time.manager.silences.get(id)?.startsAt).toBe(START);
  await time.seconds(100);
  expect(time.lines.slice(1)).toEqual(['190s ops firing{a,b}']);
});

test('an inhibited alert stays quiet while its source fires', async () => {
  const time = await start(`${ROUTE}
inhibit_rules:
  - {source_matchers: [n = a], target_matchers: ['n =~ "b|a"'], equal: [job]}
`);
  time.fire(a, b, { n: 'b', job: 'y' });
  await time.seconds(80);
  expect(time.lines).toEqual(['10s ops firing{a}', '10s ops firing{b}']);
  time.resolve(a);
  await time.seconds(60);
  expect(time.lines.slice(2)).toEqual(['130s ops firing{b} resolved{a}']);
});

test('a restart neither repeats inside repeat_interval nor forgets what fires', async () => {
  const before = await start();
  before.fire(a);
  await before.seconds(60);
  expect(before.lines).toEqual(['10s ops firing{a}']);
  const after = await before.restart();
  // Prometheus goes on reporting; the start is the old one, so that there is no new wait
  after.fire(a);
  await after.seconds(500);
  expect(after.lines).toEqual([]);
  await after.seconds(120);
  expect(after.lines).toEqual(['670s ops firing{a}']);
  after.resolve(a);
  await after.seconds(60);
  expect(after.lines.at(-1)).toBe('730s ops resolved{a}');
});

test('silences survive a restart', async () => {
  const before = await start();
  const matchers = [{ name: 'job', value: 'x.*', isRegex: true, isEqual: true }];
  const times = { startsAt: START, endsAt: START + 3_600_000 };
  const id = before.manager.silences.set({
    id: '',
    matcherSets: [matchers],
    ...times,
    createdBy: 'me',
    comment: 'work',
    annotations: {},
  });
  const after = await before.restart();
  after.fire(a);
  await after.seconds(100);
  expect(after.lines).toEqual([]);
  expect(after.manager.silences.get(id)?.comment).toBe('work');
});

test('reloads that come at once leave one dispatcher', async () => {
  const time = await start();
  const { loaded } = time.manager;
  await Promise.all([time.manager.apply(loaded), time.manager.apply(loaded), time.load()]);
  time.fire(a);
  // still on its way when a second dispatcher would look into the notification log
  time.answer = () => new Promise((resolve) => setTimeout(resolve, 20, { kind: 'sent' }));
  await time.seconds(10);
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(time.lines).toEqual(['10s ops firing{a}']);
});

test('a reload does not notify again, and new alerts follow the new routes', async () => {
  const time = await start();
  time.fire(a);
  await time.seconds(20);
  await time.load(
    ROUTE.replace('receiver: ops, group_by: [job], group_wait: 10s', 'receiver: ops, group_by: [job], group_wait: 30s'),
  );
  time.fire({ n: 'c', job: 'z' });
  await time.seconds(60);
  expect(time.lines).toEqual(['10s ops firing{a}', '50s ops firing{c}']);
});

test('a reload has no turn before every alert is in its group: those that have ended come first', async () => {
  const time = await start(ROUTE.replace('group_wait: 10s', 'group_wait: 0s'));
  const report = (kind: string, endsAt: number): Promise<void> => {
    const names = Array.from({ length: 400 }, (_, i) => `${kind}${i}`);
    const times = { updatedAt: time.clock.now(), endsAt };
    return time.manager.alerts.put(names.map((n) => alertOf({ n, job: 'x' }, times)));
  };
  await report('ended', START + 3_600_000);
  await report('firing', START + 3_600_000);
  await time.seconds(1);
  await report('ended', time.clock.now());
  await time.seconds(70);
  const { rounds } = await roundsOf(async () => {
    let isLoading = true;
    const reload = time.manager.apply(time.manager.loaded).finally(() => {
      isLoading = false;
    });
    while (isLoading) await time.seconds(0.001);
    await reload;
  });
  expect(rounds).toBeGreaterThan(10);
  time.fire({ n: 'new', job: 'x' });
  await time.seconds(70);
  expect(time.lines).toHaveLength(3);
  expect(time.lines[2]).toMatch(/^71\.\d+s ops firing\{.*new.*\}/);
});

test('a failed attempt is repeated with back-off until it is sent; one that is hopeless waits for the next turn', async () => {
  const time = await start();
  let failures = 3;
  time.answer = () =>
    failures-- > 0 ? { kind: 'failed', reason: 'no', retry: true, category: 'serverError' } : { kind: 'sent' };
  time.fire(a);
  await time.seconds(30);
  expect(time.lines).toEqual([
    '10s ops firing{a} (failed)',
    '10.5s ops firing{a} (failed)',
    '11.25s ops firing{a} (failed)',
    '12.375s ops firing{a}',
  ]);
  time.answer = () => ({ kind: 'failed', reason: 'no', retry: false, category: 'clientError' });
  time.fire(b);
  await time.seconds(110);
  expect(time.lines.slice(4)).toEqual(['70s ops firing{a,b} (failed)', '130s ops firing{a,b} (failed)']);
});

test('a receiver that hangs does not delay another', async () => {
  const time = await start(`
route:
  receiver: ops
  group_wait: 10s
  group_interval: 1m
  routes: [{receiver: stuck, continue: true, matchers: ['n=~".+"']}, {receiver: ops}]
receivers: [{name: ops}, {name: stuck}]
`);
  time.answer = (receiver) => (receiver === 'stuck' ? new Promise(() => {}) : { kind: 'sent' });
  time.fire(a);
  await time.seconds(30);
  expect(time.lines).toEqual(['10s ops firing{a}']);
  await time.manager.stop(); // nor the end
});

test('an error that nobody has foreseen costs one notification, not the process nor another receiver', async () => {
  const time = await start(`
route: {receiver: ops, group_wait: 10s, group_interval: 1m, routes: [{receiver: odd, continue: true}, {receiver: ops}]}
receivers: [{name: ops}, {name: odd}]
`);
  let isOdd = true;
  time.answer = (receiver) => {
    if (receiver === 'odd' && isOdd) throw new Error('unforeseen');
    return { kind: 'sent' };
  };
  time.fire(a);
  await time.seconds(30);
  expect(time.lines).toEqual(['10s ops firing{a}']);
  isOdd = false;
  await time.seconds(60);
  expect(time.lines.slice(1)).toEqual(['70s odd firing{a}']);
  await time.load(); // which waits for the turns
});

test('a turn that fails before anybody is told costs that turn, not the process', async () => {
  const time = await start();
  const failing = vi.spyOn(time.manager.silences, 'silencedBy').mockImplementation(() => {
    throw new Error('unforeseen');
  });
  time.fire(a);
  await time.seconds(20);
  failing.mockRestore();
  expect(time.lines).toEqual([]);
  await time.seconds(60);
  expect(time.lines).toEqual(['70s ops firing{a}']);
});

test('an end amid maintenance is the end, and nothing is written after it', async () => {
  const time = await start();
  time.fire(a);
  await time.seconds(15 * 60 - 1);
  const maintenance = time.seconds(1);
  await time.manager.stop();
  await maintenance;
  rmSync(join(time.directory, 'nflog'));
  await time.seconds(3_600);
  expect(readdirSync(time.directory)).not.toContain('nflog');
});

test('maintenance of one file that fails leaves out no other', async () => {
  const time = await start();
  const record = join(time.directory, 'notifications', '2020-01-01.jsonl');
  writeFileSync(record, '{}\n');
  mkdirSync(join(time.directory, 'silences.tmp', 'in-the-way'), { recursive: true });
  // at the second look, an hour after the first; files are removed on no clock of ours
  const isThereLater = async () => {
    await time.seconds(15 * 60);
    return existsSync(record);
  };
  await expect.poll(isThereLater).toBe(false);
  await time.manager.stop(); // without an error: all is in the file from before
});

test('a receiver that hangs is left alone when the turn is over, and asked again at the next one', async () => {
  const time = await start();
  let asked = 0;
  time.answer = () => (++asked === 1 ? new Promise(() => {}) : { kind: 'sent' });
  time.fire(a);
  await time.seconds(80);
  expect(time.lines).toEqual(['70s ops firing{a}']);
});

test('a route is quiet within its mute interval and outside its active interval', async () => {
  const time = await start(`
route:
  receiver: ops
  group_wait: 10s
  group_interval: 1m
  routes:
    - {matchers: [n = a], mute_time_intervals: [early]}
    - {matchers: [n = b], active_time_intervals: [early]}
time_intervals:
  - name: early
    time_intervals: [{times: [{start_time: '09:00', end_time: '10:05'}], weekdays: ['monday:friday']}]
receivers: [{name: ops}]
`);
  time.fire(a, b);
  await time.seconds(400);
  expect(time.lines).toEqual(['10s ops firing{b}', '310s ops firing{a}']);
});
