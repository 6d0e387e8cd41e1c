import { afterEach, beforeEach, expect, test } from 'vitest';
import { ALERT, post, Stage } from '../testing-http.ts';

let stage: Stage;
beforeEach(() => {
  stage = new Stage();
});
afterEach(() => stage.end());

const YAML = (hook: string): string => `
route: {receiver: hook, group_by: ['...'], group_wait: 20ms}
receivers: [{name: hook, webhook_configs: [{url: '${hook}'}]}]
`;

test('an alert of 10 MB and one of 10,000 labels arrive, a larger body is refused, and the server goes on', async () => {
  const hook = await stage.receiver();
  const { url } = await stage.start(YAML(hook.url));
  const big = { labels: { alertname: 'Big' }, annotations: { text: 'x'.repeat(10_000_000) } };
  const wide = {
    labels: { alertname: 'Wide', ...Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`l${i}`, `v${i}`])) },
  };
  expect((await post(`${url}/api/v2/alerts`, [big])).status).toBe(200);
  expect((await post(`${url}/api/v2/alerts`, [wide])).status).toBe(200);
  expect((await post(`${url}/api/v2/alerts`, [{ ...big, annotations: { text: 'x'.repeat(17_000_000) } }])).status).toBe(
    413,
  );
  const named = (name: string) => hook.next(({ body }) => JSON.stringify(body).includes(`"alertname":"${name}"`));
  await Promise.all([named('Big'), named('Wide')]);
  await post(`${url}/api/v2/alerts`, [ALERT]);
  await named('DiskFull');
  expect(((await (await fetch(`${url}/api/v2/alerts`)).json()) as unknown[]).length).toBe(3);
});

test('bytes that are no UTF-8 become U+FFFD, as in Go', async () => {
  const hook = await stage.receiver();
  const { url } = await stage.start(YAML(hook.url));
  const body = Buffer.concat([
    Buffer.from('[{"labels":{"alertname":"a'),
    Buffer.from([0xff, 0xc3]),
    Buffer.from('"}}]'),
  ]);
  const headers = { 'content-type': 'application/json' };
  expect((await fetch(`${url}/api/v2/alerts`, { method: 'POST', headers, body })).status).toBe(200);
  const { body: told } = await hook.next();
  expect(told).toMatchObject({ alerts: [{ labels: { alertname: 'a\ufffd\ufffd' } }] });
});

test.each([
  ['calls itself', '{{ define "x" }}{{ template "x" . }}{{ end }}{{ template "x" . }}'],
  ['counts for ever', '{{ range $i := 10000000000 }}{{ range $j := 10000000000 }}{{ $j }}{{ end }}{{ end }}'],
  [
    'grows without end',
    '{{ define "x" }}{{ .Status }}{{ template "x" . }}{{ template "x" . }}{{ end }}{{ template "x" . }}',
  ],
])('a template that %s fails its notification, and no other', async (_what, template) => {
  const hook = await stage.receiver();
  const { url } = await stage.start(`
route:
  receiver: good
  group_wait: 20ms
  routes: [{receiver: evil, continue: true, matchers: [alertname=DiskFull]}, {receiver: good}]
receivers:
  - {name: good, webhook_configs: [{url: '${hook.url}/good'}]}
  - name: evil
    webhook_configs: [{url: '${hook.url}/evil', payload: {text: '${template}'}}]
`);
  await post(`${url}/api/v2/alerts`, [ALERT]);
  await hook.next(({ url: path }) => path === '/good');
  const failed = async (): Promise<string> => {
    for (;;) {
      const answer = await fetch(`${url}/api/v2/notifications?status=failed`);
      const { notifications } = (await answer.json()) as { notifications: { reply: string }[] };
      if (notifications.length > 0) return notifications[0].reply;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  expect(await failed()).toMatch(/template|exceed|too (many|deep|long|much)/i);
  expect(hook.received.filter(({ url: path }) => path === '/evil')).toEqual([]);
});
