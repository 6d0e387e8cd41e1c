import { roundsOf } from '@avalanche/model';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Authority, hasOpenssl } from '../../../../tests/support/certificates.ts';
import { configOf, ENTRIES } from './testing-entries.ts';
import { integrationsOf, notificationOf, ServiceStage } from './testing-integration.ts';

const stage = new ServiceStage();
const attempt = stage.attempt.bind(stage);
const custom = stage.custom.bind(stage);
beforeAll(async () => {
  if (hasOpenssl) await stage.start((directory) => new Authority(directory, 'services'));
});
afterAll(async () => {
  if (hasOpenssl) await stage.stop();
});

describe.skipIf(!hasOpenssl)('what is longer than a service takes is cut (needs openssl)', () => {
  const LONG = { alertname: 'ü'.repeat(1_000_000) };
  const bodyOf = async (kind: string, entry: string) => {
    const { requests, outcome } = await attempt(custom(kind, entry), { labels: LONG });
    expect(outcome).toMatchObject({ kind: 'sent' });
    // Jira is searched before
    return requests[requests.length - 1];
  };
  const cut = (characters: number) => `${'ü'.repeat(characters - 1)}…`;
  const NAME = '{{ .CommonLabels.alertname }}';

  type Body = Readonly<Record<string, string>> & { attachments: Body[]; embeds: Body[]; payload: Body; fields: Body };
  const jira = `api_url: 'https://team.atlassian.net/rest/api/2', project: OPS, issue_type: Bug`;
  test.each<[kind: string, entry: string, pick: (body: Body) => unknown, expected: unknown]>([
    ['slack', `{api_url: 'https://hook.test/s', title: '${NAME}'}`, (body) => body.attachments[0].title, cut(1024)],
    [
      'discord',
      `{webhook_url: 'https://hook.test/d', title: '${NAME}', message: '${NAME}', content: '${NAME}'}`,
      ({ content: first, embeds: [{ title, description }] }) => [first, title, description],
      [cut(2000), cut(256), cut(4096)],
    ],
    ['opsgenie', `{api_key: k, message: '${NAME}', description: d}`, ({ message }) => message, cut(130)],
    ['victorops', `{api_key: k, routing_key: r, state_message: '${NAME}'}`, (body) => body.state_message, cut(20_480)],
    ['rocketchat', `{token: t, token_id: i, title: '${NAME}'}`, (body) => body.attachments[0].title, cut(1024)],
    ['telegram', `{bot_token: tok1, chat_id: 1, parse_mode: '', message: '${NAME}'}`, ({ text }) => text, cut(4096)],
    [
      'telegram',
      `{bot_token: tok1, chat_id: 1, message: '${NAME}'}`,
      ({ text }) => text.split('\n')[0],
      'Alertmanager notification could not be sent: message length exceeds Telegram limits.',
    ],
    [
      'webex',
      `{room_id: r, message: '${NAME}', http_config: HTTP}`,
      ({ markdown }) => Buffer.byteLength(markdown) <= 7439 && markdown.endsWith('ü…'),
      true,
    ],
    [
      'pagerduty',
      `{routing_key: key-1, description: '${NAME}'}`,
      ({ payload }) => payload.custom_details,
      { error: 'Custom details have been removed because the original event exceeds the maximum size of 512KB' },
    ],
    [
      'mattermost',
      `{webhook_url: 'https://hook.test/m', text: '${NAME}', attachments: [{title: t}]}`,
      ({ text }) => text,
      cut(16_383),
    ],
    [
      'jira',
      `{${jira}, summary: '${NAME}', description: '${NAME}'}`,
      ({ fields: { summary, description } }) => [summary, description],
      [cut(255), cut(32_767)],
    ],
  ])('%s %#', async (kind, entry, pick, expected) => {
    const token = stage.services.httpConfig.replace(/\}$/, ', authorization: {credentials: tok}}');
    const { body } = await bodyOf(kind, entry.replace('HTTP', token));
    expect(pick(JSON.parse(body) as Body)).toEqual(expected);
  });

  test('pushover, and SNS by bytes', async () => {
    const { url } = await bodyOf(
      'pushover',
      `{user_key: u1234, token: t1234, title: '${NAME}', message: '${NAME}', url: '${NAME}'}`,
    );
    const { searchParams } = new URL(url);
    expect(['title', 'message', 'url'].map((name) => searchParams.get(name))).toEqual([cut(250), cut(1024), cut(512)]);
    const sns = `{sigv4: {region: eu-west-1, access_key: AK, secret_key: SK12}, message: '${NAME}', `;
    const sms = new URLSearchParams((await bodyOf('sns', `${sns} phone_number: '+1'}`)).body);
    expect(sms.get('Message')).toBe('ü'.repeat(800));
    expect(sms.get('MessageAttributes.entry.1.Name')).toBe('truncated');
    const topic = new URLSearchParams((await bodyOf('sns', `${sns} topic_arn: 'arn:x.fifo'}`)).body);
    expect(topic.get('Message')).toBe('ü'.repeat(128 * 1024));
    expect(topic.get('MessageGroupId')).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe.skipIf(!hasOpenssl)('a group of thousands of alerts (needs openssl)', () => {
  const ALL = '{{ range .Alerts }}{{ .Labels.instance }};{{ end }}';
  const instances = Array.from({ length: 3000 }, (_, i) => `host-${i}`);

  test.each([
    ['webhook', `{url: 'https://hook.test/w'}`],
    ['webhook', `{url: 'https://hook.test/w', payload: {'{{ len .Alerts }}': ['${ALL}', {x: '${ALL}'}]}}`],
    ['slack', `{api_url: 'https://hook.test/s', text: '${ALL}', fields: [{title: a, value: '${ALL}'}]}`],
    ['telegram', `{bot_token: tok1, chat_id: 1, message: '${ALL}'}`],
  ])('%s: it is told in turns of the event loop %#', async (kind, entry) => {
    const [integration] = await integrationsOf(stage.directory, custom(kind, entry));
    const notification = notificationOf({}, { instances });
    const { signal } = new AbortController();
    const { value, rounds } = await roundsOf(() => integration.notify(notification, { signal, data: {} }));
    expect(value).toMatchObject({ kind: 'sent' });
    expect(rounds).toBeGreaterThan(30);
  });
});

describe.skipIf(!hasOpenssl)('labels that mean harm (needs openssl)', () => {
  const evil = { alertname: 'x\r\nX-Evil: 1', job: 'zz/../../yy?c#d', SortedPairs: 'x', Remove: 'y', constructor: 'z' };

  test.each(Object.keys(ENTRIES))('%s: neither headers nor another address', async (name) => {
    const { requests, outcome } = await attempt(configOf(name, stage.services), { labels: evil });
    expect(outcome).toMatchObject({ kind: 'sent' });
    for (const { headers, url } of requests) {
      expect(headers['x-evil']).toBeUndefined();
      expect(new URL(url).pathname).not.toContain('/yy');
    }
  });

  test('an address that a label has broken is not asked', async () => {
    const hook = (url: string) => custom('webhook', `{url: '${url}'}`);
    const lines = await attempt(hook('https://hook.test/{{ .CommonLabels.alertname }}'), { labels: evil });
    expect(lines).toMatchObject({
      requests: [],
      outcome: { retry: false, reason: 'net/url: invalid control character in URL' },
    });
    const scheme = await attempt(hook('{{ .CommonLabels.job }}://hook.test/'), { labels: { job: 'file' } });
    expect(scheme).toMatchObject({
      requests: [],
      outcome: { retry: false, reason: 'unsupported protocol scheme "file"' },
    });
    const empty = await attempt(hook('{{ .CommonLabels.none }}'));
    expect(empty).toMatchObject({
      requests: [],
      outcome: { retry: false, reason: 'webhook URL is empty after templating' },
    });
  });

  test('markup of a label stays text in the default messages', async () => {
    const labels = {
      alertname: '<!channel> <https://evil.test|click> *b*',
      instance: '<b>x</b> [l](http://evil.test)',
    };
    const slack = await attempt(custom('slack', `{api_url: 'https://hook.test/s'}`), { labels });
    expect(slack.requests[0].body).not.toMatch(/<!channel|<https:\/\/evil/);
    const telegram = await attempt(custom('telegram', `{bot_token: tok1, chat_id: 1}`), { labels });
    expect(JSON.parse(telegram.requests[0].body).text).toContain('&lt;b&gt;x&lt;/b&gt;');
    const discord = await attempt(custom('discord', `{webhook_url: 'https://hook.test/d'}`), { labels });
    expect(discord.requests[0].body).not.toContain('[l](http');
  });

  test('a payload of a megabyte or of YAML’s bombs stays a text', async () => {
    const entry = `{url: 'https://hook.test/p', payload: {a: '{{ .CommonLabels.bomb }}', b: '{{ .CommonLabels.long }}', n: '{{ .CommonLabels.big }}'}}`;
    const bomb = `a: &a [x,x]\n${[1, 2, 3, 4, 5, 6, 7, 8].map((i) => `b${i}: &b${i} [${`*${i === 1 ? 'a' : `b${i - 1}`},`.repeat(9)}]`).join('\n')}`;
    const labels = { bomb, long: 'y: '.repeat(400_000), big: '12345678901234567890' };
    const { requests } = await attempt(custom('webhook', entry), { labels });
    expect(requests[0].body).toContain('"n":12345678901234567890');
    expect(JSON.parse(requests[0].body)).toMatchObject({ a: bomb, b: labels.long });
  });
});
