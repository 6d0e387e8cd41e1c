import { once } from 'node:events';
import { appendFileSync, readdirSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { NotificationRecord } from '../history/record.ts';
import type { RunningAlertmanager } from '../start.ts';
import { ALERT, post, Stage } from '../testing-http.ts';

let stage: Stage;
let alertmanager: RunningAlertmanager;
let hook: Awaited<ReturnType<Stage['receiver']>>;

beforeEach(async () => {
  stage = new Stage();
  hook = await stage.receiver();
  alertmanager = await stage.start(`
route:
  receiver: ops
  group_by: [alertname]
  group_wait: 20ms
  labels: {team: '{{ .CommonLabels.instance }}', link: 'see {{ routeLabels "team" }}'}
  routes: [{receiver: nobody, matchers: [alertname=Quiet]}]
receivers:
  - {name: ops, labels: {owner: edna}, webhook_configs: [{url: '${hook.url}/ops?token=s3cret'}]}
  - {name: nobody}
`);
});

afterEach(() => stage.end());

async function get<Answer>(path: string): Promise<Answer> {
  return (await fetch(`${alertmanager.url}/api/v2${path}`)).json() as Promise<Answer>;
}

async function fire(...names: string[]): Promise<void> {
  const alerts = names.map((alertname) => ({ ...ALERT, labels: { ...ALERT.labels, alertname } }));
  await post(`${alertmanager.url}/api/v2/alerts`, alerts);
}

interface Notifications {
  readonly notifications: readonly NotificationRecord[];
  readonly next: string | null;
}

async function untilRecorded(count: number): Promise<Notifications> {
  for (;;) {
    const found = await get<Notifications>('/notifications');
    if (found.notifications.length >= count) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('notifications are listed newest first, filtered and in pages', async () => {
  for (const [i, name] of ['A', 'B', 'C'].entries()) {
    await fire(name);
    await untilRecorded(i + 1);
  }
  const { notifications, next } = await untilRecorded(3);
  expect(next).toBe(null);
  expect(notifications.map(({ groupLabels }) => groupLabels.alertname)).toEqual(['C', 'B', 'A']);
  expect(notifications[0]).toMatchObject({
    ...{ receiver: 'ops', integration: 'webhook', index: 0, reason: 'first notification', status: 'sent' },
    reply: expect.stringContaining('200'),
    ...{ attempts: 1, firing: 1, resolved: 0 },
    alerts: [{ status: 'firing', labels: { alertname: 'C' }, annotations: ALERT.annotations }],
  });
  const first = await get<Notifications>('/notifications?limit=2');
  expect(first.notifications).toHaveLength(2);
  const second = await get<Notifications>(`/notifications?limit=2&before=${first.next}`);
  expect(second.notifications.map(({ groupLabels }) => groupLabels.alertname)).toEqual(['A']);
  const { fingerprint } = notifications[1].alerts[0];
  for (const query of ['filter=alertname%3DB', `fingerprint=${fingerprint}`]) {
    expect((await get<Notifications>(`/notifications?${query}`)).notifications).toHaveLength(1);
  }
  for (const query of ['status=failed', 'receiver=nobody', 'integration=slack']) {
    expect((await get<Notifications>(`/notifications?${query}`)).notifications).toEqual([]);
  }
});

test('pages lose no notification that began after, and ended before, the last of a page', async () => {
  await fire('A', 'B');
  const { notifications } = await untilRecorded(2);
  const directory = join(stage.directory, 'data', 'notifications');
  const file = join(directory, readdirSync(directory)[0]);
  // it began before all others, and was tried again until now
  const slow = { ...notifications[0], id: `00000000${notifications[0].id.slice(8)}`, attempts: 9 };
  appendFileSync(file, `${JSON.stringify(slow)}\n`);
  const pages: string[] = [];
  for (let next: string | null = ''; next !== null; ) {
    const page: Notifications = await get(`/notifications?limit=1${next === '' ? '' : `&before=${next}`}`);
    pages.push(...page.notifications.map(({ id }) => id));
    ({ next } = page);
  }
  expect(pages).toEqual([slow.id, ...notifications.map(({ id }) => id)]);
});

test('an alert is explained', async () => {
  await fire('A', 'Quiet');
  await untilRecorded(1);
  const answer = await get<{ alerts: { verdict: string; labels: object }[]; matching: number }>(
    '/alerts/explain?filter=alertname%3D~%22A%7CQuiet%22',
  );
  expect(answer.matching).toBe(2);
  const verdicts = answer.alerts.map(({ verdict }) => verdict).sort();
  expect(verdicts[1]).toBe('Its receivers have nobody to tell.');
  expect(verdicts[0]).toMatch(/^It has been told: ops by webhook at .*200/);
  expect(await get('/alerts/explain')).toBe('one of fingerprint and filter must be given');
});

test('labels of routes are rendered for webhooks and groups; receivers are found by theirs', async () => {
  await fire('A');
  const { body } = await hook.next();
  expect(body).toMatchObject({ routeLabels: { team: 'h:1', link: 'see h:1' } });
  expect(await get('/alerts/groups')).toMatchObject([{ routeLabels: { team: 'h:1', link: 'see h:1' } }]);
  expect(await get('/receivers?receiver_matchers=owner%3Dedna')).toEqual([
    { name: 'ops', labels: { name: 'ops', owner: 'edna' } },
  ]);
  expect(await get('/alerts?receiver_matchers=owner%3Dother')).toEqual([]);
  expect(await get('/receivers?receiver_matchers=%3D')).toMatch(
    /^failed to parse receiver_matchers param: bad matcher/,
  );
});

test('a test goes the way of real notifications, says that it is one, and shows the talk without secrets', async () => {
  const answer = await post(`${alertmanager.url}/api/v2/receivers/test`, { receiver: 'ops' });
  const { results } = (await answer.json()) as { results: { talk: string[]; status: string; reply: string }[] };
  expect(results).toMatchObject([{ receiver: 'ops', integration: 'webhook[0]', status: 'sent' }]);
  expect(results[0].reply).toContain('200');
  expect(results[0].talk.join('\n')).toMatch(/^> POST /m);
  expect(results[0].talk.join('\n')).not.toContain('s3cret');
  const { body } = await hook.next();
  expect(body).toMatchObject({
    alerts: [{ labels: { alertname: 'TestNotification', avalanche_test: 'true' } }],
    commonAnnotations: { summary: 'This is a test of receiver ops; nothing is wrong.' },
  });
  expect((await untilRecorded(1)).notifications[0].reason).toBe('test');
  const byLabels = await post(`${alertmanager.url}/api/v2/receivers/test`, { labels: { alertname: 'Quiet' } });
  expect(await byLabels.json()).toEqual({ results: [] });
});

test('a test does not go where its labels lead', async () => {
  const templated = await stage.start(`
route: {receiver: ops}
receivers: [{name: ops, webhook_configs: [{url: '${hook.url}/{{ .CommonLabels.to }}'}]}]
`);
  const answer = await post(`${templated.url}/api/v2/receivers/test`, { labels: { to: '../admin' } });
  const { results } = (await answer.json()) as { results: { status: string; reply: string }[] };
  expect(results).toMatchObject([{ status: 'failed', reply: expect.stringContaining('its address is a template') }]);
  expect(hook.received).toEqual([]);
});

test.each([
  [{}, 400, 'one of receiver and labels must be given'],
  [{ receiver: 'http://169.254.169.254/' }, 404, 'there is no receiver "http://169.254.169.254/"'],
])('a test of %o is answered %i', async (wish, status, message) => {
  const answer = await post(`${alertmanager.url}/api/v2/receivers/test`, wish);
  expect([answer.status, await answer.json()]).toEqual([status, message]);
});

test.each(['http://evil.example', 'null', 'http://127.0.0.1.evil.example:9093'])(
  'a page of %s sends no tests',
  async (origin) => {
    const answer = await fetch(`${alertmanager.url}/api/v2/receivers/test`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin },
      body: JSON.stringify({ receiver: 'ops' }),
    });
    expect(answer.status).toBe(403);
    expect(hook.received).toEqual([]);
  },
);

test.each(['receivers/test', 'silences/reach', 'templates/preview'])(
  'a page whose name was made to lead here has nothing done: %s',
  async (path) => {
    const headers = { host: 'evil.test', origin: 'http://evil.test', 'content-type': 'application/json' };
    const url = `${alertmanager.url}/api/v2/${path}`;
    // fetch has its own idea of Host
    const outgoing = request(url, { method: 'POST', headers }).end('{"receiver":"ops"}');
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
    expect(answer.statusCode).toBe(403);
    answer.resume();
    expect(hook.received).toEqual([]);
  },
);

test('a template is tried out on a notification of the past, else on an example', async () => {
  const preview = async (body: object): Promise<unknown> =>
    (await post(`${alertmanager.url}/api/v2/templates/preview`, body)).json();
  const text = '{{ .Status }} {{ .GroupLabels.alertname }} {{ len .Alerts }}';
  expect(await preview({ text })).toEqual({ output: 'firing ExampleAlert 2' });
  await fire('A');
  const { notifications } = await untilRecorded(1);
  expect(await preview({ text, notification: notifications[0].id })).toEqual({ output: 'firing A 1' });
  const html = '<b>{{ .CommonAnnotations.summary }}</b>';
  expect(await preview({ text: html, kind: 'html' })).toEqual({ output: '<b>Disk &lt;full&gt;</b>' });
  expect(await preview({ text: '{{ .Nothing }}' })).toMatch(/can't evaluate field Nothing/);
  expect(await preview({ text: '{{ range' })).toMatch(/unclosed action|unexpected/);
});

test('a silence says what it would touch', async () => {
  await fire('A', 'B');
  const reach = async (matchers: unknown): Promise<unknown> =>
    (await post(`${alertmanager.url}/api/v2/silences/reach`, { matchers })).json();
  const all = [{ name: 'alertname', value: '.+', isRegex: true }];
  expect(await reach(all)).toMatchObject({ now: { matching: 2, of: 2 }, receivers: ['ops'], mutesEverything: true });
  expect(await reach([{ name: 'alertname', value: '(', isRegex: true }])).toMatch(/missing closing \)|regular|parsing/);
});
