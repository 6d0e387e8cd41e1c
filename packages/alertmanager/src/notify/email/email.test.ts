import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SMTPServer, SMTPServerOptions } from 'smtp-server';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Authority, hasOpenssl } from '../../../../../tests/support/certificates.ts';
import { START } from '../../testing.ts';
import { integrationsOf, notificationOf } from '../testing-integration.ts';
import { startMailServer } from './testing-mail.ts';

let directory = '';
let pair = { key: '', cert: '' };
let caFile = '';
const servers: SMTPServer[] = [];
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'email-'));
  if (!hasOpenssl) return;
  const authority = new Authority(directory, 'mail');
  const { certFile, keyFile } = authority.sign('server', 'DNS:localhost,IP:127.0.0.1');
  caFile = authority.certFile;
  pair = { key: readFileSync(keyFile, 'utf8'), cert: readFileSync(certFile, 'utf8') };
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => new Promise<void>((resolve) => server.close(() => resolve()))));
});
afterAll(() => rmSync(directory, { recursive: true }));

/** A mail server that ends with the test. */
async function mailServer(options: SMTPServerOptions = {}) {
  const started = await startMailServer(options);
  servers.push(started.server);
  return started;
}

/** Sends one mail by an entry `email`, and says what became of it and what was told of the talk. */
async function send(
  port: number,
  email: string,
  labels: Record<string, string> = {},
  annotations?: Record<string, string>,
) {
  const global = `{smtp_smarthost: '127.0.0.1:${port}', smtp_from: 'Ops <ops@lab.test>'}`;
  const entry = /\bto: '/.test(email) ? `{${email}}` : `{to: you@lab.test, ${email}}`;
  const yaml = `{global: ${global}, route: {receiver: ops}, receivers: [{name: ops, email_configs: [${entry}]}]}`;
  const [integration] = await integrationsOf(directory, yaml);
  const talk: string[] = [];
  const notification = notificationOf(labels, annotations ? { annotations } : {});
  const { signal } = new AbortController();
  const outcome = await integration.notify(notification, { signal, data: {}, talk: (line) => talk.push(line) });
  return { outcome, talk: talk.join('\n') };
}

const PLAIN = 'require_tls: false';
const USER = `auth_username: me, auth_password: pass word, auth_secret: cram secret`;

describe('mail', () => {
  test('has a text and an HTML part, date, id, and what the configuration adds', async () => {
    const { mails, port } = await mailServer();
    const headers = `headers: {subject: '{{ .Status }} ü {{ .CommonLabels.alertname }}', X-Team: '{{ .CommonLabels.team }}', 'reply-to': r@lab.test}`;
    const { outcome, talk } = await send(port, `${PLAIN}, hello: mon.lab.test, ${headers}`, { team: 'db' });
    expect(outcome).toEqual({ kind: 'sent', reply: expect.stringMatching(/^250 /) });
    const [{ from, to, head, text, secure }] = mails;
    expect({ from, to, secure }).toEqual({ from: 'ops@lab.test', to: ['you@lab.test'], secure: false });
    expect(head).toMatch(/^From: Ops <ops@lab\.test>\r$/m);
    expect(head).toMatch(/^Subject: =\?UTF-8\?.*\?=\r$/m);
    expect(head).toMatch(/^X-Team: db\r$/m);
    expect(head).toMatch(/^Reply-To: r@lab\.test\r$/m);
    expect(head).toMatch(/^Message-ID: <\S+@\S+>\r$/m);
    expect(head).toMatch(/^Date: \w{3}, \d\d \w{3} \d{4} [\d:]{8} \+0000\r$/m);
    expect(head).toContain('multipart/alternative');
    expect(text.indexOf('text/plain')).toBeLessThan(text.indexOf('text/html'));
    expect(talk).toMatch(/^> EHLO mon\.lab\.test$/m);
    expect(talk).toMatch(/^> RCPT TO:<you@lab\.test>$/m);
  });

  test('has only the part that there is', async () => {
    const { mails, port } = await mailServer();
    await send(port, `${PLAIN}, html: '', text: 'just {{ .Status }}'`);
    expect(mails[0].head).toContain('text/plain');
    expect(mails[0].text).toContain('just firing');
  });

  test('is put in a thread with the others of its group, of the day where that is wanted', async () => {
    const { mails, port } = await mailServer();
    await send(port, `${PLAIN}, threading: {enabled: true, thread_by_date: none}`);
    await send(port, `${PLAIN}, threading: {enabled: true, thread_by_date: daily}`);
    const group = createHash('sha256').update('{}:{alertname="DiskFull"}').digest('hex').slice(0, 16);
    const day = new Date(START);
    const date = [day.getFullYear(), day.getMonth() + 1, day.getDate()]
      .map((part) => String(part).padStart(2, '0'))
      .join('-');
    for (const [i, end] of ['', date].entries()) {
      expect(mails[i].head).toContain(`References: <alert-${group}-${end}@alertmanager>`);
      expect(mails[i].head).toContain(`In-Reply-To: <alert-${group}-${end}@alertmanager>`);
    }
  });
});

describe.skipIf(!hasOpenssl)('mail by TLS (needs openssl)', () => {
  const trust = () => `tls_config: {ca_file: '${caFile}'}`;

  test('STARTTLS is demanded, and TLS from the start where the entry says so', async () => {
    const starttls = await mailServer({ ...pair, hideSTARTTLS: false });
    expect((await send(starttls.port, trust())).outcome).toMatchObject({ kind: 'sent' });
    expect(starttls.mails[0].secure).toBe(true);
    const implicit = await mailServer({ ...pair, secure: true });
    expect((await send(implicit.port, `force_implicit_tls: true, ${trust()}`)).outcome).toMatchObject({ kind: 'sent' });
    expect(implicit.mails[0].secure).toBe(true);
  });

  test('neither a server without it nor one that we cannot trust gets the mail', async () => {
    const bare = await mailServer();
    expect((await send(bare.port, trust())).outcome).toMatchObject({ kind: 'failed' });
    const unknown = await mailServer({ ...pair, hideSTARTTLS: false });
    expect((await send(unknown.port, '')).outcome).toMatchObject({ kind: 'failed', retry: true });
    expect((await send(unknown.port, 'tls_config: {insecure_skip_verify: true}')).outcome).toMatchObject({
      kind: 'sent',
    });
    expect([bare.mails.length, unknown.mails.length]).toEqual([0, 1]);
  });
});

describe('who we are', () => {
  test.each([
    ['CRAM-MD5', ['CRAM-MD5', 'PLAIN'], USER],
    ['PLAIN', ['PLAIN', 'LOGIN', 'CRAM-MD5'], USER],
    ['LOGIN', ['LOGIN', 'PLAIN'], USER],
    ['PLAIN', ['CRAM-MD5', 'XOAUTH2', 'PLAIN'], 'auth_username: me, auth_password: pass word'],
  ])('is said by %s, the first of %j that we can', async (method, authMethods, user) => {
    const { mails, port } = await mailServer({ authMethods });
    const { outcome, talk } = await send(port, `${PLAIN}, ${user}`);
    expect(outcome).toMatchObject({ kind: 'sent' });
    expect(mails[0]).toMatchObject({ user: 'me', method });
    for (const secret of [
      'pass word',
      'cram secret',
      Buffer.from('pass word').toString('base64'),
      Buffer.from('\0me\0pass word').toString('base64'),
    ]) {
      expect(talk).not.toContain(secret);
    }
  });

  test('a password may come from a file, and is waited for there', async () => {
    const { mails, port } = await mailServer({ authMethods: ['PLAIN'] });
    const entry = `${PLAIN}, auth_username: me, auth_password_file: mail_password`;
    expect((await send(port, entry)).outcome).toMatchObject({ kind: 'not-configured' });
    writeFileSync(join(directory, 'mail_password'), 'pass word\n');
    expect((await send(port, entry)).outcome).toMatchObject({ kind: 'sent' });
    expect(mails).toHaveLength(1);
  });

  test('a wrong password is said to be one, and not tried again', async () => {
    const { port } = await mailServer({ authMethods: ['PLAIN'] });
    const { outcome } = await send(port, `${PLAIN}, auth_username: me, auth_password: wrong`);
    expect(outcome).toMatchObject({ kind: 'failed', retry: false, category: 'authError' });
    const unknown = await mailServer({ authMethods: ['XOAUTH2'] });
    const { outcome: none } = await send(unknown.port, `${PLAIN}, ${USER}`);
    expect(none).toMatchObject({ kind: 'failed', reason: 'find auth mechanism: unknown auth mechanism: XOAUTH2' });
  });
});

describe('servers that do not take it', () => {
  const refusing = (code: number) => ({
    onRcptTo: (_address: unknown, _session: unknown, done: (error?: Error) => void) =>
      done(Object.assign(new Error('no'), { responseCode: code })),
  });

  test.each([
    [450, true],
    [550, false],
  ])('%i: worth another try: %s', async (code, retry) => {
    const { port } = await mailServer(refusing(code));
    expect((await send(port, PLAIN)).outcome).toMatchObject({ kind: 'failed', retry });
  });

  test('one recipient that is refused does not cost the others their mail, and is told', async () => {
    const { mails, port } = await mailServer({
      onRcptTo: ({ address }, _session, done) =>
        done(address.startsWith('gone') ? Object.assign(new Error('no'), { responseCode: 550 }) : null),
    });
    const { outcome } = await send(port, `${PLAIN}, to: 'gone@lab.test, here@lab.test'`);
    expect(outcome).toMatchObject({ kind: 'sent', reply: expect.stringContaining('but not for gone@lab.test') });
    expect(mails[0].to).toEqual(['here@lab.test']);
  });

  test('one that is not there is tried again', async () => {
    const { outcome } = await send(1, PLAIN);
    expect(outcome).toMatchObject({
      kind: 'failed',
      retry: true,
      reason: expect.stringContaining('establish connection to server'),
    });
  });
});

describe('labels that mean harm', () => {
  test('cannot add a header, a recipient or script', async () => {
    const { mails, port } = await mailServer();
    const labels = { alertname: 'x\r\nBcc: evil@x.test\r\n\r\nbody', SortedPairs: 'boo', team: `a\u2028b\0c` };
    const annotations = { summary: '<script>alert(1)</script>', runbook_url: 'javascript:alert(1)' };
    const headers = `headers: {X-Team: '{{ .CommonLabels.team }}'}`;
    expect((await send(port, `${PLAIN}, ${headers}`, labels, annotations)).outcome).toMatchObject({ kind: 'sent' });
    const [{ head, text, to }] = mails;
    expect(head).not.toMatch(/^(Bcc|body)/m);
    expect(to).toEqual(['you@lab.test']);
    expect(text.split('text/html')[1]).not.toMatch(/<script|href=3D"javascript/);
  });

  test('an address of several lines is no address', async () => {
    const { mails, port } = await mailServer();
    const [integration] = await integrationsOf(
      directory,
      `{global: {smtp_smarthost: '127.0.0.1:${port}', smtp_from: a@b.c, smtp_require_tls: false}, route: {receiver: ops}, receivers: [{name: ops, email_configs: [{to: '{{ .CommonLabels.owner }}'}]}]}`,
    );
    for (const owner of ['a@b.c\r\nBcc: evil@x.test', 'root', '']) {
      const outcome = await integration.notify(notificationOf({ owner }), {
        signal: new AbortController().signal,
        data: {},
      });
      expect(outcome).toMatchObject({
        kind: 'failed',
        retry: false,
        reason: expect.stringContaining("parse 'to' addresses"),
      });
    }
    expect(mails).toEqual([]);
  });

  test('of a megabyte do not become a header of one', async () => {
    const { mails, port } = await mailServer();
    const subject = `headers: {Subject: '{{ .CommonLabels.alertname }}'}`;
    const { outcome } = await send(port, `${PLAIN}, ${subject}`, { alertname: 'ü'.repeat(1_000_000) });
    expect(outcome).toMatchObject({ kind: 'sent' });
    expect(mails[0].head.length).toBeLessThan(40_000);
    expect(mails[0].text.length).toBeLessThan(60_000);
  });
});
