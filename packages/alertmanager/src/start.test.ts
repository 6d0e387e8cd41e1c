import { execFileSync, spawn } from 'node:child_process';
import { accessSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { silentLogger } from '@avalanche/model';
import { createLogger, StartupError } from '@avalanche/web';
import { SMTPServer } from 'smtp-server';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type RunningAlertmanager, startAlertmanager } from './start.ts';

let directory = '';
const ends: (() => Promise<unknown> | unknown)[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'alertmanager-start-'));
});

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
  rmSync(directory, { recursive: true, force: true });
});

const OPS = 'route: {receiver: ops, group_by: [alertname], group_wait: 20ms, group_interval: 100ms}\n';

async function start(yaml: string, more: { logger?: typeof silentLogger } = {}): Promise<RunningAlertmanager> {
  const configFile = join(directory, 'alertmanager.yml');
  writeFileSync(configFile, yaml);
  const alertmanager = await startAlertmanager({
    configFile,
    directory: join(directory, 'data'),
    listen: { host: '127.0.0.1', port: 0 },
    logger: silentLogger,
    version: '1.2.3',
    externalUrl: 'http://am.test',
    ...more,
  });
  ends.push(() => alertmanager.stop());
  return alertmanager;
}

interface Received {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

/** A server that keeps what is posted to it; `next` waits for the first request that `accept` takes. */
async function receiver(status = 200) {
  const received: Received[] = [];
  const waiting = new Set<() => void>();
  const server: Server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    request.on('end', () => {
      received.push({ url: request.url ?? '', headers: request.headers, body: JSON.parse(text) });
      response.writeHead(status).end('ok');
      for (const wake of waiting) wake();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const next = (accept: (request: Received) => boolean = () => true): Promise<Received> =>
    new Promise((resolve) => {
      const look = (): void => {
        const found = received.find(accept);
        if (!found) return;
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      look();
    });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received, next };
}

function post(url: string, body: unknown): Promise<Response> {
  return fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
}

const ALERT = {
  labels: { alertname: 'DiskFull', severity: 'critical', instance: 'h:1' },
  annotations: { summary: 'Disk <full>', description: '98 %', runbook_url: 'https://docs.test/DiskFull' },
  startsAt: '2026-01-05T10:00:00.5Z',
  generatorURL: 'http://prom.test/graph?g0.expr=x&g0.tab=1',
};

describe('receivers', () => {
  test('a webhook gets the message of version 4, then that it is resolved', async () => {
    const hook = await receiver();
    writeFileSync(join(directory, 'token'), 'secret-token\n');
    const alertmanager = await start(`${OPS}
receivers:
  - name: ops
    webhook_configs:
      - {url: '${hook.url}/hook', http_config: {authorization: {credentials_file: token}}}
`);
    await post(`${alertmanager.url}/api/v2/alerts`, [ALERT]);
    const { headers, body, url } = await hook.next();
    expect({ url, type: headers['content-type'], agent: headers['user-agent'], auth: headers.authorization }).toEqual({
      url: '/hook',
      type: 'application/json',
      agent: 'Alertmanager/1.2.3',
      auth: 'Bearer secret-token',
    });
    expect(body).toEqual({
      receiver: 'ops',
      status: 'firing',
      alerts: [
        {
          status: 'firing',
          labels: ALERT.labels,
          annotations: ALERT.annotations,
          startsAt: '2026-01-05T10:00:00.5Z',
          endsAt: '0001-01-01T00:00:00Z',
          generatorURL: ALERT.generatorURL,
          fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/),
        },
      ],
      groupLabels: { alertname: 'DiskFull' },
      commonLabels: ALERT.labels,
      commonAnnotations: ALERT.annotations,
      externalURL: 'http://am.test',
      version: '4',
      groupKey: '{}:{alertname="DiskFull"}',
      truncatedAlerts: 0,
    });
    await post(`${alertmanager.url}/api/v2/alerts`, [{ ...ALERT, endsAt: new Date().toISOString() }]);
    const resolved = await hook.next(({ body: later }) => (later as { status: string }).status === 'resolved');
    expect(resolved.body).toMatchObject({ alerts: [{ status: 'resolved' }] });
    const metrics = await (await fetch(`${alertmanager.url}/metrics`)).text();
    expect(metrics).toMatch(/^alertmanager_notifications_total\{integration="webhook"\} [2-9]/m);
    expect(metrics).toContain('alertmanager_build_info{version="1.2.3"');
  });

  test('Slack gets title, text and colour by severity, and a label cannot become markup', async () => {
    const slack = await receiver();
    writeFileSync(join(directory, 'slack_url'), `${slack.url}/services/T/B/X\n`);
    const alertmanager = await start(`${OPS}
global: {slack_api_url_file: slack_url}
receivers:
  - name: ops
    slack_configs:
      - {channel: '#ops', fields: [{title: Severity, value: '{{ .CommonLabels.severity }}', short: true}]}
`);
    const evil = { ...ALERT.annotations, description: '<!channel> & <https://evil.test|click>' };
    await post(`${alertmanager.url}/api/v2/alerts`, [{ ...ALERT, annotations: evil }]);
    const { url, body } = await slack.next();
    expect(url).toBe('/services/T/B/X');
    const message = body as { channel: string; attachments: Record<string, unknown>[] };
    expect(message.channel).toBe('#ops');
    const [attachment] = message.attachments;
    expect(attachment).toMatchObject({
      color: '#c92a2a',
      title: ':rotating_light: Critical: DiskFull on h:1',
      title_link: 'http://am.test/#/alerts',
      fields: [{ title: 'Severity', value: 'critical', short: true }],
    });
    expect(attachment.text).toContain('*Disk &lt;full&gt;*');
    expect(attachment.text).toContain('&lt;!channel&gt; &amp; &lt;https://evil.test|click&gt;');
    expect(attachment.text).toContain('<https://docs.test/DiskFull|Runbook>');
    expect(attachment.text).toContain('<http://am.test/#/silences/new?filter=');
  });

  test('e-mail goes through a real SMTP server; a label cannot add a header', async () => {
    const mails: { from: string; to: string[]; user: string | undefined; text: string }[] = [];
    let mailCame = (): void => {};
    const gotMail = new Promise<void>((resolve) => {
      mailCame = resolve;
    });
    const server = new SMTPServer({
      authMethods: ['PLAIN'],
      allowInsecureAuth: true,
      hideSTARTTLS: true,
      disableReverseLookup: true,
      onAuth: ({ username, password }, _session, done) =>
        password === 'pass word' ? done(null, { user: username ?? '' }) : done(new Error('no')),
      onData: (stream, session, done) => {
        let text = '';
        stream.on('data', (chunk: Buffer) => {
          text += chunk.toString();
        });
        stream.on('end', () => {
          const { mailFrom, rcptTo } = session.envelope;
          const from = mailFrom ? mailFrom.address : '';
          mails.push({ from, to: rcptTo.map(({ address }) => address), user: session.user, text });
          done();
          mailCame();
        });
      },
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
    ends.push(() => new Promise<void>((resolve) => server.close(() => resolve())));
    writeFileSync(join(directory, 'smtp_password'), 'pass word\n');
    const alertmanager = await start(`${OPS}
global:
  smtp_smarthost: 127.0.0.1:${(server.server.address() as AddressInfo).port}
  smtp_from: Avalanche <avalanche@lab.test>
  smtp_require_tls: false
  smtp_auth_username: avalanche
  smtp_auth_password_file: smtp_password
receivers:
  - name: ops
    email_configs:
      - {to: 'a@lab.test, b@lab.test', headers: {X-Team: '{{ .CommonLabels.team }}'}}
`);
    const labels = { ...ALERT.labels, alertname: 'Disk\r\nBcc: evil@x.test', team: 'a\nX-Evil: 1' };
    await post(`${alertmanager.url}/api/v2/alerts`, [{ ...ALERT, labels }]);
    await gotMail;
    const [{ from, to, user, text }] = mails;
    expect({ from, to, user }).toEqual({
      from: 'avalanche@lab.test',
      to: ['a@lab.test', 'b@lab.test'],
      user: 'avalanche',
    });
    const [head, encoded] = text.split(/\r\n\r\n(.*)/s);
    const body = encoded.replace(/=\r\n/g, ''); // quoted-printable breaks lines
    expect(head).toMatch(/^Subject: Critical: Disk Bcc: evil@x\.test on h:1\r$/m);
    expect(head).toMatch(/^X-Team: a X-Evil: 1\r$/m);
    expect(head).not.toMatch(/^(Bcc|X-Evil):/m);
    expect(head).toContain('multipart/alternative');
    expect(body).toContain('Disk &lt;full&gt;');
    expect(body).toContain('https://docs.test/DiskFull');
  });

  test('an integration whose secret is not there yet is said once, and works as soon as it is there', async () => {
    const lines: string[] = [];
    const slack = await receiver();
    const hook = await receiver();
    const logger = createLogger({ write: (line) => lines.push(line) });
    const yaml = `${OPS}
receivers:
  - name: ops
    slack_configs: [{api_url_file: secrets/slack_url, channel: '#x'}]
    webhook_configs: [{url: '${hook.url}'}]
`;
    const alertmanager = await start(yaml, { logger });
    for (const alertname of ['A', 'B', 'C'])
      await post(`${alertmanager.url}/api/v2/alerts`, [{ labels: { alertname } }]);
    for (const key of ['A', 'B', 'C']) {
      await hook.next(({ body }) => (body as { groupKey: string }).groupKey.includes(`"${key}"`));
    }
    expect(lines.filter((line) => line.includes('not configured yet'))).toHaveLength(1);
    const metrics = await (await fetch(`${alertmanager.url}/metrics`)).text();
    expect(metrics).toContain('integration_configured{receiver="ops",integration="slack",index="0"} 0');
    expect(metrics).toContain('integration_configured{receiver="ops",integration="webhook",index="0"} 1');
    expect(metrics).toContain('alertmanager_notifications_failed_total{integration="slack",reason="other"} 0');
    mkdirSync(join(directory, 'secrets'));
    writeFileSync(join(directory, 'secrets', 'slack_url'), slack.url);
    await slack.next();
  });
});

describe('API v2', () => {
  const QUIET = 'route: {receiver: ops, group_by: [alertname]}\nreceivers: [{name: ops}]\n';

  async function get(alertmanager: RunningAlertmanager, path: string): Promise<unknown> {
    return (await fetch(`${alertmanager.url}/api/v2${path}`)).json();
  }

  test('alerts with their state, filtered; groups; receivers; status', async () => {
    const alertmanager = await start(`${QUIET}
inhibit_rules: [{source_matchers: [alertname = A], target_matchers: [alertname = C]}]
`);
    await post(`${alertmanager.url}/api/v2/alerts`, [
      { labels: { alertname: 'A', job: 'x', empty: '' }, generatorURL: 'http://p' },
      { labels: { alertname: 'B', job: 'x' } },
      { labels: { alertname: 'C' } },
      { labels: { alertname: 'Old' }, endsAt: '2020-01-01T00:00:00Z' },
    ]);
    const times = { startsAt: new Date().toISOString(), endsAt: new Date(Date.now() + 60_000).toISOString() };
    const matchers = [{ name: 'alertname', value: 'B', isRegex: false }];
    const created = await post(`${alertmanager.url}/api/v2/silences`, {
      matchers,
      ...times,
      createdBy: 'me',
      comment: 'c',
    });
    const { silenceID } = (await created.json()) as { silenceID: string };
    const names = async (query: string): Promise<string[]> => {
      const alerts = (await get(alertmanager, `/alerts?${query}`)) as { labels: { alertname: string } }[];
      return alerts.map(({ labels }) => labels.alertname).sort();
    };
    expect(await names('')).toEqual(['A', 'B', 'C']);
    expect(await names('silenced=false')).toEqual(['A', 'C']);
    expect(await names('inhibited=false')).toEqual(['A', 'B']);
    expect(await names('active=false')).toEqual(['B', 'C']);
    expect(await names('filter=job%3Dx&filter=alertname!%3DA')).toEqual(['B']);
    expect(await names('receiver=op.')).toEqual(['A', 'B', 'C']);
    expect(await names('receiver=op')).toEqual([]);
    const [b] = (await get(alertmanager, '/alerts?filter=alertname%3DB')) as Record<string, unknown>[];
    expect(b).toMatchObject({
      labels: { alertname: 'B', job: 'x' },
      receivers: [{ name: 'ops' }],
      status: { state: 'suppressed', silencedBy: [silenceID], inhibitedBy: [], mutedBy: [] },
      endsAt: expect.stringMatching(/^\d{4}-.*\.\d{3}Z$/),
    });
    const groups = (await get(alertmanager, '/alerts/groups')) as { labels: unknown; receiver: unknown }[];
    expect(groups.map(({ labels }) => labels)).toEqual([{ alertname: 'A' }, { alertname: 'B' }, { alertname: 'C' }]);
    expect(groups[0].receiver).toEqual({ name: 'ops' });
    expect(await get(alertmanager, '/receivers')).toEqual([{ name: 'ops' }]);
    expect(await get(alertmanager, '/status')).toMatchObject({
      cluster: { status: 'disabled', peers: [] },
      versionInfo: { version: '1.2.3' },
      config: { original: expect.stringContaining('receiver: ops') },
    });
    const metrics = await (await fetch(`${alertmanager.url}/metrics`)).text();
    expect(metrics).toContain('alertmanager_alerts{state="active"} 1');
    expect(metrics).toContain('alertmanager_alerts{state="suppressed"} 2');
    expect(metrics).toContain('alertmanager_silences{state="active"} 1');
  });

  test('silences are created, changed, listed and expired', async () => {
    const alertmanager = await start(QUIET);
    const url = `${alertmanager.url}/api/v2/silences`;
    const endsAt = new Date(Date.now() + 3_600_000).toISOString();
    const silence = {
      matchers: [{ name: 'a', value: 'x|y', isRegex: true, isEqual: true }],
      startsAt: new Date(Date.now() - 60_000).toISOString(),
      ...{ endsAt, createdBy: 'me', comment: 'work' },
    };
    const { silenceID: id } = (await (await post(url, silence)).json()) as { silenceID: string };
    const shown = (await get(alertmanager, `/silence/${id}`)) as { startsAt: string };
    expect(shown).toMatchObject({
      id,
      status: { state: 'active' },
      comment: 'work',
      endsAt,
      matchers: silence.matchers,
    });
    const longer = { ...silence, id, startsAt: shown.startsAt, comment: 'more work' };
    expect(await (await post(url, longer)).json()).toEqual({ silenceID: id });
    const other = { ...longer, matchers: [{ name: 'a', value: 'z', isRegex: false }] };
    const { silenceID: replaced } = (await (await post(url, other)).json()) as { silenceID: string };
    expect(replaced).not.toBe(id);
    const list = (await get(alertmanager, '/silences')) as { id: string; status: { state: string } }[];
    expect(list.map((item) => [item.id, item.status.state])).toEqual([
      [replaced, 'active'],
      [id, 'expired'],
    ]);
    expect((await fetch(`${alertmanager.url}/api/v2/silence/${replaced}`, { method: 'DELETE' })).status).toBe(200);
    const filtered = (await get(alertmanager, '/silences?filter=a%3Dz')) as { status: { state: string } }[];
    expect(filtered.map(({ status }) => status.state)).toEqual(['expired']);
  });

  const base = { startsAt: '2026-01-01T00:00:00Z', endsAt: '2099-01-01T00:00:00Z', createdBy: 'me', comment: '' };
  const match = (value: string, isRegex = false) => [{ name: 'a', value, isRegex }];
  test.each<[string, string, unknown, number, unknown]>([
    ['POST', '/alerts', [{ labels: {} }], 400, 'at least one label pair required'],
    ['POST', '/alerts', { labels: {} }, 400, expect.objectContaining({ code: 400 })],
    ['POST', '/alerts', [{}], 422, { code: 602, message: 'labels in body is required' }],
    ['POST', '/alerts', [{ labels: { a: 'b' }, startsAt: 'now' }], 400, expect.objectContaining({ code: 400 })],
    ['POST', '/silences', { ...base, matchers: [] }, 422, expect.objectContaining({ code: 612 })],
    ['POST', '/silences', { matchers: match('x') }, 422, expect.objectContaining({ code: 602 })],
    [
      'POST',
      '/silences',
      { ...base, matchers: match('.*', true) },
      400,
      'invalid silence: at least one matcher must not match the empty string',
    ],
    ['POST', '/silences', { ...base, matchers: match('(', true) }, 400, expect.stringContaining('invalid regular')],
    [
      'POST',
      '/silences',
      { ...base, endsAt: '2026-01-02T00:00:00Z', matchers: match('x') },
      400,
      "Failed to create silence: end time can't be in the past",
    ],
    [
      'POST',
      '/silences',
      { ...base, id: '3ff16d1c-5a9d-4f9c-8a4f-000000000000', matchers: match('x') },
      404,
      'silence not found',
    ],
    ['GET', '/silence/3ff16d1c-5a9d-4f9c-8a4f-000000000000', undefined, 404, undefined],
    ['DELETE', '/silence/3ff16d1c-5a9d-4f9c-8a4f-000000000000', undefined, 404, undefined],
    ['GET', '/silence/xyz', undefined, 422, expect.objectContaining({ code: 601 })],
    ['GET', '/alerts?filter=a~b', undefined, 400, 'bad matcher format: a~b'],
    ['GET', '/alerts?receiver=(', undefined, 400, expect.stringContaining('failed to parse receiver param')],
  ])('%s %s %o answers %i', async (method, path, body, status, answer) => {
    const alertmanager = await start(QUIET);
    const response = await fetch(`${alertmanager.url}/api/v2${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    const text = await response.text();
    expect(response.status).toBe(status);
    if (answer === undefined) expect(text).toBe('');
    else expect(JSON.parse(text)).toEqual(answer);
  });

  test('other origins may ask', async () => {
    const alertmanager = await start(QUIET);
    const headers = { origin: 'http://x.test', 'access-control-request-method': 'POST' };
    for (const method of ['GET', 'OPTIONS']) {
      const response = await fetch(`${alertmanager.url}/api/v2/status`, { method, headers });
      expect(response.headers.get('access-control-allow-origin')).toBe('*');
    }
  });
});

describe('starting and reloading', () => {
  const QUIET = 'route: {receiver: ops}\nreceivers: [{name: ops}]\n';

  test('a bad file, a busy port and a directory that cannot be written are one clear error each', async () => {
    const running = await start(QUIET);
    const options = {
      configFile: join(directory, 'alertmanager.yml'),
      directory: join(directory, 'other'),
      listen: { host: '127.0.0.1', port: Number(new URL(running.url).port) },
      logger: silentLogger,
      version: 'x',
    };
    await expect(startAlertmanager(options)).rejects.toThrow(StartupError);
    await expect(startAlertmanager(options)).rejects.toThrow('already in use');
    writeFileSync(join(directory, 'file'), '');
    await expect(startAlertmanager({ ...options, directory: join(directory, 'file') })).rejects.toThrow(
      'cannot write to',
    );
    writeFileSync(options.configFile, 'route: {receiver: nobody}');
    await expect(startAlertmanager(options)).rejects.toThrow(/alertmanager\.yml:1: .*undefined receiver "nobody"/);
  });

  test('a reload is all or nothing', async () => {
    const alertmanager = await start(QUIET);
    const file = join(directory, 'alertmanager.yml');
    writeFileSync(file, QUIET.replaceAll('ops', 'dev'));
    expect((await fetch(`${alertmanager.url}/-/reload`, { method: 'POST' })).status).toBe(200);
    writeFileSync(file, 'route: {}');
    expect((await fetch(`${alertmanager.url}/-/reload`, { method: 'POST' })).status).toBe(500);
    expect(await (await fetch(`${alertmanager.url}/api/v2/receivers`)).json()).toEqual([{ name: 'dev' }]);
    const metrics = await (await fetch(`${alertmanager.url}/metrics`)).text();
    expect(metrics).toContain('alertmanager_config_last_reload_successful 0');
    for (const path of ['healthy', 'ready']) expect((await fetch(`${alertmanager.url}/-/${path}`)).status).toBe(200);
  });
});

function onPath(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/local/bin'];
  return folders.map((folder) => join(folder, name)).find(isThere);
}

function isThere(file: string): boolean {
  try {
    accessSync(file);
    return true;
  } catch {
    return false;
  }
}

const amtool = onPath('amtool') ?? '';
const realAlertmanager = onPath('prometheus-alertmanager') ?? onPath('alertmanager') ?? '';
const shipped = new URL('../../../config/alertmanager/alertmanager.yml', import.meta.url).pathname;

describe.skipIf(!amtool)('the real amtool against us (needs amtool)', () => {
  test('alerts and silences are added, queried and expired; the configuration is shown', async () => {
    const { url } = await start('route: {receiver: ops}\nreceivers: [{name: ops}]\n');
    const run = (...args: string[]): Promise<string> => runTool(amtool, [`--alertmanager.url=${url}`, ...args]);
    await run('alert', 'add', 'Slow', 'job=x', '--annotation=summary=it is slow');
    expect(await run('alert', 'query', '-o', 'extended')).toMatch(/job="x".*summary="it is slow"/);
    const id = (await run('silence', 'add', 'alertname=Slow', 'job=~x|y', '--comment=c', '--author=me')).trim();
    expect(await run('silence', 'query')).toContain(id);
    expect(await run('alert', 'query', '--silenced')).toContain('Slow');
    expect(await run('alert', 'query')).not.toContain('Slow');
    await run('silence', 'expire', id);
    expect(await run('silence', 'query')).not.toContain(id);
    expect(await run('silence', 'query', '--expired')).toContain(id);
    expect(await run('config', 'show')).toContain('receiver: ops');
    expect(await run('config', 'routes', 'test', 'a=b')).toContain('ops');
    expect(await run('cluster', 'show')).toContain('disabled');
  });

  test('the shipped file passes amtool check-config', () => {
    expect(execFileSync(amtool, ['check-config', shipped], { encoding: 'utf8' })).toContain('SUCCESS');
  });
});

/** Runs a command without holding the event loop, on which our own server answers it. */
function runTool(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args);
    let output = '';
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    child.on('close', (code) => (code === 0 ? resolve(output) : reject(new Error(`${args.join(' ')}: ${errors}`))));
  });
}

describe.skipIf(!realAlertmanager)('beside the real Alertmanager (needs prometheus-alertmanager)', () => {
  test('a webhook gets the same message from both, key by key', async () => {
    const hook = await receiver();
    const yaml = (path: string): string => `
route: {receiver: web.hook, group_by: [alertname, job], group_wait: 300ms, routes: [{matchers: ['severity=~"a.*"', job=x]}]}
receivers: [{name: web.hook, webhook_configs: [{url: '${hook.url}/${path}', max_alerts: 2}]}]
`;
    const ours = await start(yaml('ours'));
    const real = join(directory, 'real.yml');
    writeFileSync(real, yaml('real'));
    const port = await freePort();
    const child = spawn(realAlertmanager, [
      ...[`--config.file=${real}`, `--storage.path=${join(directory, 'real')}`, '--cluster.listen-address='],
      ...[`--web.listen-address=127.0.0.1:${port}`, '--web.external-url=http://am.test'],
    ]);
    const ended = new Promise((resolve) => child.on('exit', resolve));
    ends.push(() => {
      child.kill();
      return ended;
    });
    await untilReady(`http://127.0.0.1:${port}/-/ready`);
    const labels = { alertname: 'Größe "x"', job: 'x', severity: 'ab' };
    const startsAt = new Date().toISOString();
    const alerts = ['h:2', 'h:1', 'h:3'].map((instance) => ({ ...ALERT, startsAt, labels: { ...labels, instance } }));
    await Promise.all([ours.url, `http://127.0.0.1:${port}`].map((url) => post(`${url}/api/v2/alerts`, alerts)));
    const [a, b] = await Promise.all(['/ours', '/real'].map((path) => hook.next(({ url }) => url === path)));
    expect(JSON.stringify(a.body)).toBe(JSON.stringify(b.body));
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function untilReady(url: string): Promise<void> {
  for (let i = 0; i < 100; i++) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${url} does not answer`);
}
