import { type AddressInfo, createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Authority, hasOpenssl } from '../../../../tests/support/certificates.ts';
import type { Outcome } from './integration.ts';
import { configOf, ENTRIES } from './testing-entries.ts';
import { ServiceStage, status } from './testing-integration.ts';
import type { ServiceAnswer } from './testing-services.ts';

const stage = new ServiceStage();
const attempt = stage.attempt.bind(stage);
const custom = stage.custom.bind(stage);
beforeAll(async () => {
  if (hasOpenssl) await stage.start((directory) => new Authority(directory, 'services'));
});
afterAll(async () => {
  if (hasOpenssl) await stage.stop();
});

describe.skipIf(!hasOpenssl)('services that do not take it (needs openssl)', () => {
  const NAMES = Object.keys(ENTRIES);

  test.each(NAMES)('%s: 500 is tried again, 429 as well and after its time, 401 is not', async (name) => {
    const yaml = configOf(name, stage.services);
    const failing = await attempt(yaml, { answer: status(500, 'broken') });
    expect(failing.outcome).toMatchObject({ kind: 'failed', retry: true, category: 'serverError' });
    const limited = await attempt(yaml, { answer: status(429, '{}', { 'retry-after': '7' }) });
    expect(limited.outcome).toMatchObject({ retry: true, category: 'rateLimited', retryAfterMs: 7000 });
    const refused = await attempt(yaml, { answer: status(401, '{}') });
    const retry = name.startsWith('telegram') || name === 'wechat'; // as upstream
    expect(refused.outcome).toMatchObject({ kind: 'failed', retry, category: 'authError' });
  });

  test.each([
    ['pagerduty v1', 403, true],
    ['pagerduty', 403, false],
    ['webhook', 404, false],
    ['webhook', 302, false],
    ['telegram', 400, true],
    ['wechat', 404, true],
  ])('%s: of %i trying again is worth it: %s', async (name, code, retry) => {
    const { outcome } = await attempt(configOf(name, stage.services), { answer: status(code) });
    expect(outcome).toMatchObject({ kind: 'failed', retry });
  });

  test.each<[name: string, body: string, outcome: Partial<Outcome> & { reason: string }]>([
    [
      'slack',
      'no_service',
      { retry: false, reason: 'channel "#DiskFull": received an error response from Slack: no_service' } as never,
    ],
    [
      'rocketchat',
      '{"success":false,"error":"no room"}',
      { retry: false, reason: 'channel "#ops": error response from Rocketchat: no room' } as never,
    ],
    ['rocketchat', 'hm', { retry: true, reason: 'channel "#ops": could not unmarshal JSON response "hm"' } as never],
    [
      'telegram',
      '{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}',
      { retry: true, reason: 'telegram: Bad Request: chat not found (400)' } as never,
    ],
  ])('%s: 200 with %j is a failure', async (name, body, outcome) => {
    expect((await attempt(configOf(name, stage.services), { answer: status(200, body) })).outcome).toMatchObject(
      outcome,
    );
  });

  test('what an error says is told as each service says it', async () => {
    const reasonOf = async (name: string, code: number, body: string) => {
      const { outcome } = await attempt(configOf(name, stage.services), { answer: status(code, body) });
      return outcome.kind === 'failed' ? outcome.reason : outcome.kind;
    };
    expect(await reasonOf('pagerduty', 400, '{"message":"invalid","errors":["a","b"]}')).toBe(
      'unexpected status code 400: invalid: a,b',
    );
    expect(await reasonOf('incidentio', 422, '{"message":"m","errors":["a"]}')).toBe(
      'unexpected status code 422: m: a',
    );
    expect(await reasonOf('sns', 403, '<Error><Message>no such key</Message></Error>')).toBe(
      'unexpected status code 403: no such key',
    );
    expect(
      await reasonOf(
        'telegram',
        429,
        '{"ok":false,"error_code":429,"description":"Too Many","parameters":{"retry_after":9}}',
      ),
    ).toBe('telegram: Too Many (429)');
    expect(await reasonOf('webhook', 500, 'x'.repeat(5000))).toHaveLength('unexpected status code 500: '.length + 1024);
  });

  test('one that hangs is left at its deadline, or when the attempt is', async () => {
    const answer = (): ServiceAnswer => ({ respond: () => {} });
    const hook = (extra: string) => custom('webhook', `{url: 'https://hook.test/secret-path', ${extra}}`);
    const own = await attempt(hook('timeout: 80ms'), { answer });
    expect(own.outcome).toMatchObject({
      retry: true,
      category: 'contextDeadlineExceeded',
      reason: 'Post "<redacted>": context deadline exceeded: configured webhook timeout reached (80ms)',
    });
    const outer = await attempt(hook(''), { answer, signal: AbortSignal.timeout(80) });
    expect(outer.outcome).toMatchObject({ retry: true, category: 'contextDeadlineExceeded' });
    expect(JSON.stringify([own.talk, own.outcome, outer.outcome])).not.toContain('secret-path');
  });

  test('one that refuses, breaks off or has a bad certificate is tried again, and told why', async () => {
    const gone = createServer();
    await new Promise<void>((resolve) => gone.listen(0, '127.0.0.1', resolve));
    const { port } = gone.address() as AddressInfo;
    await new Promise((resolve) => gone.close(resolve));
    const refused = await attempt(custom('webhook', `{url: 'http://127.0.0.1:${port}/x', http_config: {}}`));
    expect(refused.outcome).toMatchObject({
      retry: true,
      category: 'other',
      reason: `Post "<redacted>": dial tcp 127.0.0.1:${port}: connect: connection refused`,
    });
    const untrusted = `{url: 'https://hook.test/x', http_config: {proxy_url: '${stage.services.proxyUrl}'}}`;
    expect((await attempt(custom('webhook', untrusted))).outcome).toMatchObject({
      retry: true,
      reason: 'Post "<redacted>": tls: failed to verify certificate: x509: certificate signed by unknown authority',
    });
    const broken = (): ServiceAnswer => ({ respond: (response) => response.destroy() });
    expect((await attempt(configOf('discord', stage.services), { answer: broken })).outcome).toMatchObject({
      retry: true,
    });
  });

  test('an answer that ends halfway is a failure only where its text says whether it was taken', async () => {
    const cut = (): ServiceAnswer => ({
      respond: (response) => {
        response.writeHead(200, { 'content-length': '100', 'content-type': 'application/json' });
        response.write('{"ok":');
        setTimeout(() => response.destroy(), 20);
      },
    });
    expect((await attempt(configOf('webhook', stage.services), { answer: cut })).outcome).toMatchObject({
      kind: 'sent',
    });
    const slack = await attempt(configOf('slack', stage.services), { answer: cut });
    expect(slack.outcome).toMatchObject({ kind: 'failed', retry: true });
    const endless = (): ServiceAnswer => ({ respond: (response) => void response.writeHead(200).write('x') });
    const started = Date.now();
    expect((await attempt(configOf('webhook', stage.services), { answer: endless })).outcome).toMatchObject({
      kind: 'sent',
    });
    expect(Date.now() - started).toBeLessThan(4000);
  });
});

describe.skipIf(!hasOpenssl)('what is told of the talk (needs openssl)', () => {
  test.each(Object.keys(ENTRIES))('%s: no secret', async (name) => {
    const { talk, outcome } = await attempt(configOf(name, stage.services));
    expect(talk[0]).toMatch(/^> (POST|GET) https:\/\//);
    expect(talk).toContain('< 200 OK');
    expect(outcome).toMatchObject({ kind: 'sent', reply: expect.stringMatching(/^200 OK/) });
    const secrets =
      /key-[12]|og-key|vo-key|12:ab|webhooks\/1|s3cret|wechat-token|Signature=|token=token|Bearer \w|: rt$|\bSK\b/m;
    expect(talk.join('\n')).not.toMatch(secrets);
  });

  test('the reply is one line of at most 200 characters, without what we sent as a secret', async () => {
    const entry = `{url: 'https://hook.test/x', http_config: {proxy_url: '${stage.services.proxyUrl}', tls_config: {ca_file: '${stage.services.caFile}'}}}`;
    const { outcome } = await attempt(custom('webhook', entry), { answer: status(202, `a\n${'b'.repeat(900)}`) });
    expect(outcome).toEqual({ kind: 'sent', reply: `202 Accepted: a ${'b'.repeat(198)}` });
  });
});
