import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createLogger } from '@avalanche/web';
import { SMTPServer } from 'smtp-server';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ALERT, post, Stage } from '../testing-http.ts';

let stage: Stage;

beforeEach(() => {
  stage = new Stage();
});

afterEach(() => stage.end());

const OPS = 'route: {receiver: ops, group_by: [alertname], group_wait: 20ms, group_interval: 100ms}\n';

describe('receivers', () => {
  test('a webhook gets the message of version 4, then that it is resolved', async () => {
    const hook = await stage.receiver();
    writeFileSync(join(stage.directory, 'token'), 'secret-token\n');
    const alertmanager = await stage.start(`${OPS}
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
      notification_reason: 'first notification',
      groupLabels: { alertname: 'DiskFull' },
      routeLabels: {},
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

  test('name and password in a webhook’s URL are sent as Basic authorization', async () => {
    const hook = await stage.receiver();
    const url = `${hook.url.replace('http://', 'http://me:p%40ss@')}/hook`;
    const alertmanager = await stage.start(`${OPS}
receivers:
  - {name: ops, webhook_configs: [{url: '${url}'}]}
`);
    await post(`${alertmanager.url}/api/v2/alerts`, [ALERT]);
    const { headers } = await hook.next();
    expect(headers.authorization).toBe(`Basic ${btoa('me:p@ss')}`);
  });

  test('Slack gets title, text and colour by severity, and a label cannot become markup', async () => {
    const slack = await stage.receiver();
    writeFileSync(join(stage.directory, 'slack_url'), `${slack.url}/services/T/B/X\n`);
    const alertmanager = await stage.start(`${OPS}
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
      title_link: 'http://am.test/#/alerts?receiver=ops',
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
    stage.onEnd(() => new Promise<void>((resolve) => server.close(() => resolve())));
    writeFileSync(join(stage.directory, 'smtp_password'), 'pass word\n');
    const alertmanager = await stage.start(`${OPS}
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

  test('a receiver of many integrations that hang makes Node warn of nothing', async () => {
    const warnings: Error[] = [];
    const warned = (warning: Error): void => void warnings.push(warning);
    process.on('warning', warned);
    stage.onEnd(() => process.off('warning', warned));
    let asked = 0;
    let allAsked = (): void => {};
    const all = new Promise<void>((resolve) => {
      allAsked = resolve;
    });
    const deaf = createServer(() => {
      if (++asked === 12) allAsked();
    });
    deaf.listen(0, '127.0.0.1');
    await once(deaf, 'listening');
    stage.onEnd(() => {
      deaf.closeAllConnections();
      deaf.close();
    });
    const entry = `{url: 'http://127.0.0.1:${(deaf.address() as AddressInfo).port}/'}`;
    const alertmanager = await stage.start(`${OPS}
receivers: [{name: ops, webhook_configs: [${Array.from({ length: 12 }, () => entry).join(', ')}]}]
`);
    await post(`${alertmanager.url}/api/v2/alerts`, [ALERT]);
    await all;
    await alertmanager.stop();
    // a warning comes at the next tick
    await new Promise((resolve) => setImmediate(resolve));
    expect(warnings).toEqual([]);
  });

  test('an integration whose secret is not there yet is said once, and works as soon as it is there', async () => {
    const lines: string[] = [];
    const slack = await stage.receiver();
    const hook = await stage.receiver();
    const logger = createLogger({ write: (line) => lines.push(line) });
    const yaml = `${OPS}
receivers:
  - name: ops
    slack_configs: [{api_url_file: secrets/slack_url, channel: '#x'}]
    webhook_configs: [{url: '${hook.url}'}]
`;
    const alertmanager = await stage.start(yaml, { logger });
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
    mkdirSync(join(stage.directory, 'secrets'));
    writeFileSync(join(stage.directory, 'secrets', 'slack_url'), slack.url);
    await slack.next();
  });
});
