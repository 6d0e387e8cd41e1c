import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Labels, ManualClock, silentLogger } from '@avalanche/model';
import { Tsdb } from '@avalanche/tsdb';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LoadedConfig } from '../config/load.ts';
import { configSchema } from '../config/schema.ts';
import { RuleManager } from '../rules/manager.ts';
import { ruleMetrics } from '../rules/metrics.ts';
import { parseRuleFile } from '../rules/rule-file.ts';
import { Params } from './params.ts';
import { alertsResponse, ruleHistoryResponse, rulesResponse } from './rules.ts';

const RULES = `groups:
  - name: b
    labels: {team: x}
    rules:
      - {record: 'r:1', expr: up}
      - {alert: Down, expr: up, labels: {severity: page}, annotations: {summary: 'v {{ $value }}'}}
  - name: a
    rules: [{record: 'r:2', expr: up}]
  - name: empty
    rules: []
`;

let directory: string;
let tsdb: Tsdb;
let manager: RuleManager;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'rules-api-'));
  tsdb = await Tsdb.open({ directory });
  const clock = new ManualClock(1_700_000_000_000);
  manager = new RuleManager({
    tsdb,
    clock,
    logger: silentLogger,
    query: async () => [{ labels: Labels.from({ instance: 'i' }), value: 2, histogram: null }],
    resendDelayMs: 60_000,
    notify: () => {},
    metrics: ruleMetrics(new Registry()),
    externalUrl: () => '',
  });
  const { groups } = parseRuleFile(RULES);
  await manager.apply({ config: configSchema.parse({}) } as LoadedConfig, [
    { file: '2.yml', groups },
    { file: '1.yml', groups: [groups[1]] },
  ]);
  await clock.advance(60_000);
});

afterAll(async () => {
  await manager.stop();
  await tsdb.close();
  rmSync(directory, { recursive: true });
});

const ask = (query: Record<string, string | string[]> = {}) => rulesResponse(manager, new Params(query));
/** `file group: rule rule`, for each group. */
const shown = (query: Record<string, string | string[]> = {}) =>
  ask(query).groups.map(({ file, name, rules }) => `${file} ${name}: ${rules.map((rule) => rule.name).join(' ')}`);

test.each([
  [{}, ['1.yml a: r:2', '2.yml a: r:2', '2.yml b: r:1 Down']],
  [{ type: 'ALERT' }, ['2.yml b: Down']],
  [{ type: 'record' }, ['1.yml a: r:2', '2.yml a: r:2', '2.yml b: r:1']],
  [{ 'rule_name[]': ['Down', 'r:2'] }, ['1.yml a: r:2', '2.yml a: r:2', '2.yml b: Down']],
  [{ 'rule_group[]': 'a', 'file[]': '1.yml' }, ['1.yml a: r:2']],
  [{ 'match[]': '{team="x"}' }, ['2.yml b: r:1 Down']],
  [{ 'match[]': ['{severity="page"}', '{team="y"}'] }, ['2.yml b: Down']],
  [{ 'rule_name[]': 'none' }, []],
])('%j', (query, expected) => {
  expect(shown(query as Record<string, string>)).toEqual(expected);
});

test('pages lead from one to the next', () => {
  const first = ask({ group_limit: '2' });
  expect(first.groups.map(({ file, name }) => file + name)).toEqual(['1.ymla', '2.ymla']);
  const second = ask({ group_limit: '2', group_next_token: first.groupNextToken ?? '' });
  expect(second.groups.map(({ file, name }) => file + name)).toEqual(['2.ymlb']);
  expect(second).not.toHaveProperty('groupNextToken');
});

test.each([
  [{ type: 'x' }, 'invalid parameter "type": not supported value "x"'],
  [
    { exclude_alerts: 'maybe' },
    'invalid parameter "exclude_alerts": error converting exclude_alerts: strconv.ParseBool: parsing "maybe": invalid syntax',
  ],
  [
    { group_limit: 'x' },
    'invalid parameter "group_limit": group_limit needs to be a valid number: strconv.ParseInt: parsing "x": invalid syntax',
  ],
  [{ group_limit: '0' }, 'invalid parameter "group_limit": group_limit needs to be greater than 0'],
  [
    { group_next_token: 'x' },
    'invalid parameter "group_next_token": group_limit needs to be present in order to paginate over the groups',
  ],
  [
    { group_limit: '1', group_next_token: 'x' },
    'invalid parameter "group_next_token": invalid group_next_token \'x\'. were rule groups changed?',
  ],
  [{ 'match[]': '{' }, '1:2: parse error: unexpected end of input inside braces'],
])('%j is refused', (query, message) => {
  expect(() => ask(query as Record<string, string>)).toThrow(message);
});

test('an alert is shown with its labels, annotations and value', () => {
  const alert = {
    labels: expect.objectContaining({}),
    annotations: { summary: 'v 2' },
    state: 'firing',
    activeAt: expect.stringMatching(/Z$/),
    value: '2e+00',
  };
  expect(alertsResponse(manager).alerts).toEqual([alert]);
  const { rules } = ask({ type: 'alert' }).groups[0];
  expect(rules).toMatchObject([
    { state: 'firing', labels: { severity: 'page', team: 'x' }, alerts: [alert], health: 'ok', type: 'alerting' },
  ]);
  expect(ask({ type: 'alert', exclude_alerts: 'T' }).groups[0].rules).toMatchObject([{ alerts: null }]);
});

test('the history says why', () => {
  const { rules } = ruleHistoryResponse(manager, new Params({ 'rule_name[]': 'Down' }));
  expect(rules).toMatchObject([
    {
      file: '2.yml',
      group: 'b',
      name: 'Down',
      state: 'firing',
      lastResultSize: 1,
      changes: [{ from: 'inactive', to: 'firing', value: '2e+00', reason: 'the expression has a result' }],
    },
  ]);
});
