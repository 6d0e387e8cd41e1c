import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Authority, hasOpenssl } from '../../../../tests/support/certificates.ts';
import { configOf } from './testing-entries.ts';
import { integrationsOf, notificationOf, ServiceStage } from './testing-integration.ts';
import type { ServiceAnswer, ServiceRequest } from './testing-services.ts';

const stage = new ServiceStage();
const attempt = stage.attempt.bind(stage);
const custom = stage.custom.bind(stage);
beforeAll(async () => {
  if (hasOpenssl) await stage.start((directory) => new Authority(directory, 'services'));
});
afterAll(async () => {
  if (hasOpenssl) await stage.stop();
});

describe.skipIf(!hasOpenssl)('what differs from one message to the next (needs openssl)', () => {
  test('a Slack message of an app is edited, not sent again', async () => {
    const entry = `{api_url: 'https://slack.com/api/chat.postMessage', update_message: true, channel: '#ops', http_config: HTTP}`;
    const token = stage.services.httpConfig.replace(/\}$/, ', authorization: {credentials: xoxb-1234}}');
    const yaml = custom('slack', entry.replace('HTTP', token));
    const first = await attempt(yaml);
    expect(first.requests[0].headers.authorization).toBe('Bearer xoxb-1234');
    expect(first.data).toEqual({ threadTs: '17.01', channelId: 'C1' });
    const second = await attempt(yaml, { data: first.data, resolved: true });
    expect(second.requests.map(({ url }) => url)).toEqual(['https://slack.com/api/chat.update']);
    expect(JSON.parse(second.requests[0].body)).toMatchObject({ channel: 'C1', ts: '17.01' });
  });

  test('an app’s token is the authorization, from a file as well', async () => {
    writeFileSync(join(stage.directory, 'app_token'), 'xoxb-file\n');
    const yaml = custom('slack', `{channel: '#ops'}`).replace(
      'global: {',
      'global: {slack_app_token_file: app_token, ',
    );
    const { requests } = await attempt(yaml);
    expect(requests[0]).toMatchObject({
      url: 'https://slack.com/api/chat.postMessage',
      headers: { authorization: 'Bearer xoxb-file' },
    });
  });

  test('Jira’s issue is found again, reopened and closed', async () => {
    const issue = (key: string) => ({ key: 'OPS-7', fields: { status: { statusCategory: { key } } } });
    const answering =
      (category: string) =>
      ({ url, method }: ServiceRequest): ServiceAnswer => {
        if (url.includes('/search')) return { body: JSON.stringify({ issues: [issue(category)] }) };
        if (method === 'GET') return { body: '{"transitions":[{"id":"3","name":"Done"},{"id":"4","name":"Reopen"}]}' };
        return { status: 204 };
      };
    const yaml = configOf('jira', stage.services);
    const steps = ({ requests }: Awaited<ReturnType<typeof attempt>>) =>
      requests
        .slice(1)
        .map(
          ({ method, url, body }) =>
            `${method} ${url.replace(/.*\/2\//, '')}${url.includes('trans') ? body.trim() : ''}`,
        );
    const transition = (id: string) => [
      'PUT issue/OPS-7',
      'GET issue/OPS-7/transitions',
      `POST issue/OPS-7/transitions{"transition":{"id":"${id}"}}`,
    ];
    expect(steps(await attempt(yaml, { answer: answering('new'), resolved: true }))).toEqual(transition('3'));
    expect(steps(await attempt(yaml, { answer: answering('done') }))).toEqual(transition('4'));
    expect(steps(await attempt(yaml, { answer: answering('new') }))).toEqual(['PUT issue/OPS-7']);
    const none = await attempt(yaml, { resolved: true });
    expect([none.outcome.kind, none.requests.length]).toEqual(['sent', 1]);
  });

  test('WeChat’s token is asked for once, and again when it has expired', async () => {
    const [integration] = await integrationsOf(stage.directory, configOf('wechat', stage.services));
    stage.services.answer = stage.content;
    stage.services.requests.length = 0;
    const notify = () => integration.notify(notificationOf(), { signal: new AbortController().signal, data: {} });
    await notify();
    await notify();
    const asked = () => stage.services.requests.filter(({ url }) => url.includes('/gettoken')).length;
    expect(asked()).toBe(1);
    stage.services.answer = (request) =>
      request.url.includes('/gettoken') ? stage.content(request) : { body: '{"errcode":42001,"errmsg":"expired"}' };
    expect(await notify()).toMatchObject({ kind: 'failed', retry: true, reason: 'expired' });
    stage.services.answer = stage.content;
    expect(await notify()).toMatchObject({ kind: 'sent' });
    expect(asked()).toBe(2);
  });

  test('SNS may act in a role', async () => {
    const sts =
      '<Credentials><AccessKeyId>ROLE</AccessKeyId><SecretAccessKey>rolesecret</SecretAccessKey><SessionToken>session1</SessionToken></Credentials>';
    const answer = (request: ServiceRequest): ServiceAnswer =>
      request.url.includes('//sts') ? { body: sts } : stage.content(request);
    const sigv4 = '{region: eu-west-1, access_key: AK12, secret_key: SK12, role_arn: "arn:role", external_id: ext}';
    const { requests, talk } = await attempt(custom('sns', `{sigv4: ${sigv4}, topic_arn: t}`), { answer });
    expect(requests.map(({ url }) => url)).toEqual([
      'https://sts.eu-west-1.amazonaws.com/',
      'https://sns.eu-west-1.amazonaws.com/',
    ]);
    expect(requests[1].headers).toMatchObject({
      'x-amz-security-token': 'session1',
      authorization: expect.stringContaining('Credential=ROLE/'),
    });
    expect(talk.join()).not.toMatch(/session1|rolesecret/);
  });
});
