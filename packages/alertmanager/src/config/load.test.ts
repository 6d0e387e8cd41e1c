import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadAlertmanagerConfig } from './load.ts';

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'alertmanager-config-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

function load(text: string) {
  const file = join(directory, 'alertmanager.yml');
  writeFileSync(file, text);
  return loadAlertmanagerConfig(file);
}

const OPS = 'receivers: [{name: ops}]\n';

test.each([
  ['receivers: []', 'no routes provided'],
  [`route: {}\n${OPS}`, ':1: route: root route must specify a default receiver'],
  [`route:\n  receiver: dev\n${OPS}`, ':2: route.receiver: undefined receiver "dev" used in route'],
  [`route: {receiver: ops, matchers: [a=b]}\n${OPS}`, 'root route must not have any matchers'],
  [
    `route:\n  receiver: ops\n  routes:\n    - receiver: nobody\n${OPS}`,
    ':4: route.routes[0].receiver: undefined receiver "nobody" used in route',
  ],
  [`route:\n  receiver: ops\n  group_wiat: 1s\n${OPS}`, ':3: route.group_wiat: unknown key'],
  [`route:\n  receiver: ops\n  group_interval: 0s\n${OPS}`, ':3: route.group_interval: group_interval cannot be zero'],
  [`route:\n  receiver: ops\n  group_wait: 5\n${OPS}`, ':3: route.group_wait: '],
  [`route: {receiver: ops, group_by: ['...', a]}\n${OPS}`, 'cannot have wildcard group_by'],
  [`route: {receiver: ops, group_by: [a, a]}\n${OPS}`, 'duplicated label "a" in group_by'],
  [
    `route: {receiver: ops, routes: [{matchers: ['a~b']}]}\n${OPS}`,
    'route.routes[0].matchers[0]: bad matcher format: a~b',
  ],
  [`route: {receiver: ops, routes: [{match_re: {a: '('}}]}\n${OPS}`, 'route.routes[0].match_re.a: '],
  [`route: {receiver: ops, routes: [{mute_time_intervals: [x]}]}\n${OPS}`, 'undefined time interval "x" used in route'],
  ['route: {receiver: ops}\nreceivers: [{name: ops}, {name: ops}]', 'notification config name "ops" is not unique'],
  [
    'route: {receiver: ops}\nreceivers:\n  - name: ops\n    pagerduty_configs: [{}]',
    ':4: receivers[0].pagerduty_configs[0]: missing service or routing key in PagerDuty config',
  ],
  [
    'route: {receiver: ops}\nreceivers: [{name: ops, webhook_configs: [{}]}]',
    'one of url or url_file must be configured',
  ],
  [
    'route: {receiver: ops}\nreceivers: [{name: ops, webhook_configs: [{url: "ftp://x"}]}]',
    'unsupported scheme "ftp" for URL',
  ],
  ['route: {receiver: ops}\nreceivers: [{name: ops, slack_configs: [{}]}]', 'no Slack API URL nor App token set'],
  ['route: {receiver: ops}\nreceivers: [{name: ops, email_configs: [{to: a@b}]}]', 'no global SMTP smarthost set'],
  [`route: {receiver: ops}\n${OPS}global: {smtp_port: 25}`, ':3: global.smtp_port: unknown key'],
])('refused with file, line and key: %#', async (text, message) => {
  await expect(load(text)).rejects.toThrow(message);
});

test('children inherit from their parents, and matchers old and new mean the same', async () => {
  const { route } = await load(`
route:
  receiver: ops
  group_by: [job]
  group_wait: 1s
  routes:
    - match: {team: db}
      match_re: {severity: warning|critical}
      matchers: ['{env="prod", x!=""}']
      repeat_interval: 2h
      routes: [{group_by: ['...'], continue: true}]
${OPS}`);
  const [child] = route.routes;
  expect(child).toMatchObject({ receiver: 'ops', groupBy: ['job'], groupWaitMs: 1000, groupIntervalMs: 300_000 });
  expect(child.key).toBe('{}/{env="prod",severity=~"^(?:warning|critical)$",team="db",x!=""}');
  expect(child.routes[0]).toMatchObject({ groupBy: [], groupByAll: true, repeatIntervalMs: 7_200_000, continue: true });
});

test('a template that does not parse is refused by its file', async () => {
  writeFileSync(join(directory, 'bad.tmpl'), '{{ define "x" }}{{ nonsense }}{{ end }}');
  await expect(load(`route: {receiver: ops}\n${OPS}templates: ['*.tmpl']`)).rejects.toThrow(/bad\.tmpl.*nonsense/);
});

test('secrets are masked wherever the file is shown', async () => {
  const { maskedYaml } = await load(`
global: {smtp_auth_password: s3cret, slack_api_url: 'https://hooks.test/s3cret', smtp_smarthost: 'mail.test:25', smtp_from: a@b}
route: {receiver: ops}
receivers:
  - name: ops
    webhook_configs:
      - url: http://hook.test/s3cret
        http_config: {basic_auth: {username: me, password: s3cret}}
    slack_configs: [{api_url: 'https://hooks.test/s3cret', title_link: 'http://x'}]
    email_configs: [{to: a@b, auth_password: s3cret}]
`);
  expect(maskedYaml).not.toContain('s3cret');
  expect(maskedYaml).toContain('http://x');
  expect(maskedYaml.match(/<secret>/g)).toHaveLength(6);
});

test('what is shown of the file is what it says, and can be loaded again', async () => {
  const text = `
global: {http_config: {proxy_url: 'http://u:s3cret@h:1'}, mattermost_webhook_url: 'http://m/s3cret'}
route: {receiver: ops, routes: [{match: {on: yes}, labels: {x: 0123}}]}
receivers:
  - name: ops
    pagerduty_configs: [{routing_key: s3cret, details: {on: 0x10}}]
    sns_configs: [{sigv4: {access_key: AK, secret_key: s3cret}, topic_arn: t}]
    pushover_configs: [{user_key: s3cret, token: s3cret}]
    victorops_configs: [{api_key: s3cret, routing_key: shown}]
    webhook_configs: [{url_file: hook, http_config: {http_headers: {X-Key: {secrets: [s3cret]}}, tls_config: {}}}]
time_intervals: [{name: t, time_intervals: [{times: [{start_time: 09:00, end_time: 17:00}]}]}]
`;
  const { maskedYaml } = await load(text);
  expect(maskedYaml).not.toContain('s3cret');
  expect(maskedYaml).toContain('http://u:xxxxx@h:1');
  expect(maskedYaml).toMatch(/start_time: "?09:00/);
  expect(maskedYaml).toMatch(/x: "0123"/);
  expect(maskedYaml).toContain('routing_key: shown');
  expect((await load(maskedYaml)).maskedYaml).toBe(maskedYaml);
});

test('the file that is shipped loads', async () => {
  const file = new URL('../../../../config/alertmanager/alertmanager.yml', import.meta.url).pathname;
  const { config } = await loadAlertmanagerConfig(file);
  expect(config.receivers.map(({ name }) => name)).toEqual(['critical', 'warning', 'info']);
});
