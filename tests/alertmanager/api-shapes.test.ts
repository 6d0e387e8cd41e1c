import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { realAlertmanager } from '../support/real-alertmanager.ts';
import { type Sender, startBoth } from './senders.ts';

const YAML = `
route: {receiver: ops, group_by: [alertname], routes: [{receiver: team, matchers: [team=x]}]}
inhibit_rules: [{source_matchers: [alertname=Down], target_matchers: [alertname=Slow], equal: [job]}]
receivers: [{name: ops}, {name: team}]
`;

type Request = readonly [method: string, path: string, body?: unknown];

const directory = mkdtempSync(join(tmpdir(), 'alertmanager-api-'));
let senders: readonly Sender[] = [];

afterAll(async () => {
  await Promise.all(senders.map((sender) => sender.stop()));
  rmSync(directory, { recursive: true, force: true });
});

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: unknown;
}

async function ask({ url }: Sender, [method, path, body]: Request): Promise<Answer> {
  const answer = await fetch(`${url}${path}`, {
    method,
    ...(body === undefined
      ? {}
      : {
          headers: { 'content-type': 'application/json' },
          body: typeof body === 'string' ? body : JSON.stringify(body),
        }),
  });
  const text = await answer.text();
  return { status: answer.status, type: answer.headers.get('content-type') ?? '', body: parsed(text) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text.trim();
  }
}

/** Types in place of values, so that answers of different moments are the same. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shapeOf);
  if (typeof value !== 'object' || value === null) return typeof value;
  return Object.fromEntries(
    Object.entries(value)
      // what 0.25 does not have yet
      .filter(([key]) => key !== 'annotations' && key !== 'routeLabels' && key !== 'mutedBy')
      .map(([key, item]) => [key, key === 'receiver' ? Object.keys(item as object).sort() : shapeOf(item)])
      .sort(),
  );
}

/** Until the first turn has looked at the alerts. */
async function expectLookedAt(sender: Sender): Promise<void> {
  const { body } = await ask(sender, ['GET', '/api/v2/alerts']);
  const states = (body as { status: { state: string } }[]).map(({ status }) => status.state);
  expect(states.sort()).toEqual(['active', 'active', 'suppressed', 'suppressed']);
}

const NOW = Date.now();
const at = (hours: number): string => new Date(NOW + hours * 3_600_000).toISOString();
const SILENCE = {
  matchers: [{ name: 'a', value: 'b', isRegex: false, isEqual: true }],
  startsAt: at(0),
  endsAt: at(1),
  createdBy: 'me',
  comment: 'c',
};
const without = (key: string): object => Object.fromEntries(Object.entries(SILENCE).filter(([name]) => name !== key));
const withMatcher = (matcher: object): object => ({ ...SILENCE, matchers: [matcher] });

/** Requests that are wrong in one way each. */
const BAD: readonly Request[] = [
  ['POST', '/api/v2/alerts', ''],
  ['POST', '/api/v2/alerts', 'not json'],
  ['POST', '/api/v2/alerts', {}],
  ['POST', '/api/v2/alerts', 'null'],
  ['POST', '/api/v2/alerts', [{}]],
  ['POST', '/api/v2/alerts', [{ labels: {} }]],
  ['POST', '/api/v2/alerts', [{ labels: { a: '' } }]],
  ['POST', '/api/v2/alerts', [{ labels: { a: 1 } }]],
  ['POST', '/api/v2/alerts', [{ labels: 'a' }]],
  ['POST', '/api/v2/alerts', [{ labels: { '': 'x' } }]],
  ['POST', '/api/v2/alerts', [{ labels: { a: 'b' }, startsAt: 'yesterday' }]],
  ['POST', '/api/v2/alerts', [{ labels: { a: 'b' }, startsAt: at(1), endsAt: at(0) }]],
  [
    'POST',
    '/api/v2/alerts',
    [{ labels: { a: 'b' } }, { labels: {} }, { labels: { c: 'd' }, startsAt: at(1), endsAt: at(0) }],
  ],
  ['POST', '/api/v2/alerts', [{ labels: { a: 'b' }, annotations: { x: 1 } }]],
  ['POST', '/api/v2/alerts', [{ labels: { a: 'b' }, generatorURL: 'no url at all' }]],
  ['GET', '/api/v2/alerts?filter=('],
  ['GET', '/api/v2/alerts?filter=a'],
  ['GET', '/api/v2/alerts?filter='],
  ['GET', '/api/v2/alerts?filter=a%3D~%22(%22'],
  ['GET', '/api/v2/alerts?receiver=('],
  ['GET', '/api/v2/alerts/groups?filter=a'],
  ['GET', '/api/v2/alerts/groups?receiver=%5B'],
  ['GET', '/api/v2/silences?filter=a'],
  ['GET', '/api/v2/silence/x'],
  ['GET', '/api/v2/silence/00000000-0000-0000-0000-000000000000'],
  ['DELETE', '/api/v2/silence/x'],
  ['POST', '/api/v2/silences', ''],
  ['POST', '/api/v2/silences', '[]'],
  ['POST', '/api/v2/silences', {}],
  ...['matchers', 'startsAt', 'endsAt', 'createdBy', 'comment'].map(
    (key): Request => ['POST', '/api/v2/silences', without(key)],
  ),
  ['POST', '/api/v2/silences', { ...SILENCE, id: 'x' }],
  ['POST', '/api/v2/silences', { ...SILENCE, id: '00000000-0000-0000-0000-000000000000' }],
  ['POST', '/api/v2/silences', { ...SILENCE, matchers: [] }],
  ['POST', '/api/v2/silences', { ...SILENCE, matchers: 'a=b' }],
  ['POST', '/api/v2/silences', { ...SILENCE, startsAt: at(2) }],
  ['POST', '/api/v2/silences', { ...SILENCE, startsAt: at(-2), endsAt: at(-1) }],
  ['POST', '/api/v2/silences', { ...SILENCE, startsAt: 'now' }],
  ['POST', '/api/v2/silences', withMatcher({ value: 'b', isRegex: false })],
  ['POST', '/api/v2/silences', withMatcher({ name: 'a', isRegex: false })],
  ['POST', '/api/v2/silences', withMatcher({ name: 'a', value: 'b' })],
  ['POST', '/api/v2/silences', withMatcher({ name: 'a', value: 'b', isRegex: 'yes' })],
  ['GET', '/api/v2/nothing'],
  ['PUT', '/api/v2/alerts', []],
  ['DELETE', '/api/v2/alerts'],
  ['GET', '/-/reload'],
  ['PUT', '/api/v2/silences', SILENCE],
  ['GET', '/nothing/at/all'],
];

/**
 * What is compared of a refusal: not what Go's JSON decoder says of a text that is no JSON or of another type, nor the
 * words of silences, which 0.25 has otherwise.
 */
function refusal({ status, type, body }: Answer): object {
  const words = typeof body === 'object' && body !== null ? (body as { message: string }).message : String(body);
  const [, beginning] =
    /^(parsing \w+ body from "" failed, because|(?:invalid silence|silence invalid))/.exec(words) ?? [];
  const said = beginning?.replace('silence invalid', 'invalid silence');
  const code = typeof body === 'object' && body !== null ? (body as { code: number }).code : undefined;
  return { status, type, code, words: said ?? words.replace(/; /g, '\n').replace('[POST,GET]', '[GET,POST]') };
}

const GOOD: readonly Request[] = [
  ['GET', '/api/v2/status'],
  ['GET', '/api/v2/alerts'],
  ['GET', '/api/v2/alerts?active=false'],
  ['GET', '/api/v2/alerts?silenced=false&inhibited=false'],
  ['GET', '/api/v2/alerts?filter=alertname%3D~%22Slow%7CDown%22&receiver=op.'],
  ['GET', '/api/v2/alerts/groups'],
  ['GET', '/api/v2/alerts/groups?active=false'],
  ['GET', '/api/v2/silences'],
  ['GET', '/api/v2/silences?filter=alertname%3DQuiet'],
  ['GET', '/-/healthy'],
  ['GET', '/-/ready'],
  ['POST', '/-/reload'],
];

describe.skipIf(!realAlertmanager)('API v2 beside the real Alertmanager (needs prometheus-alertmanager)', () => {
  beforeAll(async () => {
    senders = await startBoth(directory, () => YAML);
    const alerts = ['Slow', 'Down', 'Quiet', 'Plain'].map((alertname) => ({
      labels: { alertname, job: 'x', ...(alertname === 'Plain' ? { team: 'x' } : {}) },
      annotations: { summary: 's' },
      startsAt: at(-1),
      generatorURL: 'http://prom.test/graph',
    }));
    const quiet = withMatcher({ name: 'alertname', value: 'Quiet', isRegex: false, isEqual: true });
    for (const sender of senders) {
      await ask(sender, ['POST', '/api/v2/silences', quiet]);
      await ask(sender, ['POST', '/api/v2/alerts', alerts]);
    }
    for (const sender of senders) await vi.waitFor(() => expectLookedAt(sender), { timeout: 10_000 });
  });

  test.each(GOOD.map((request) => [`${request[0]} ${request[1]}`, request] as const))(
    '%s has the same shape',
    async (_title, request) => {
      const [ours, real] = await Promise.all(senders.map((sender) => ask(sender, request)));
      expect({ status: ours.status, body: shapeOf(ours.body) }).toEqual({
        status: real.status,
        body: shapeOf(real.body),
      });
    },
  );

  test.each(BAD.map((request) => [JSON.stringify(request).slice(0, 150), request] as const))(
    '%s is refused alike',
    async (_title, request) => {
      const [ours, real] = await Promise.all(senders.map((sender) => ask(sender, request)));
      expect(refusal(ours)).toEqual(refusal(real));
    },
  );
});
