import { Labels } from '@avalanche/model';
import { parseYaml } from '@avalanche/yamlfile';
import { expect, test } from 'vitest';
import { configSchema } from '../config/schema.ts';
import { buildRoute, groupKey, groupLabels, matchRoutes } from './route.ts';

const route = buildRoute(
  parseYaml(
    'test.yml',
    `
route:
  receiver: root
  group_by: [alertname]
  routes:
    - {receiver: team-a, matchers: [owner = team-a], routes: [{receiver: a-prod, matchers: [env = prod]}, {receiver: a-other, matchers: [env =~ "test|qa"], continue: true}, {receiver: a-qa, matchers: [env = qa]}]}
    - {receiver: all, matchers: ['owner != ""'], continue: true, group_by: ['...']}
    - {receiver: team-b, matchers: [owner =~ team-(b|c)]}
    - {receiver: orphans, matchers: [owner = ""]}
receivers: [{name: root}, {name: team-a}, {name: a-prod}, {name: a-other}, {name: a-qa}, {name: all}, {name: team-b}, {name: orphans}]
`,
    configSchema,
  ).route,
);

test.each<[Record<string, string>, string[]]>([
  [{ owner: 'team-a' }, ['team-a']],
  [{ owner: 'team-a', env: 'prod' }, ['a-prod']],
  [{ owner: 'team-a', env: 'test' }, ['a-other']],
  [{ owner: 'team-a', env: 'qa' }, ['a-other', 'a-qa']],
  [{ owner: 'team-b' }, ['all', 'team-b']],
  [{ owner: 'team-bb' }, ['all']],
  [{ owner: 'x' }, ['all']],
  [{}, ['orphans']],
])('%o goes to %o', (labels, receivers) => {
  expect(matchRoutes(route, Labels.from(labels)).map(({ receiver }) => receiver)).toEqual(receivers);
});

test('groups have the labels of group_by, or all of them, and a key like upstream', () => {
  const labels = Labels.from({ alertname: 'Down', owner: 'team-b', instance: 'h:1' });
  const [all, teamB] = matchRoutes(route, labels);
  expect(groupKey(teamB, groupLabels(teamB, labels))).toBe('{}/{owner=~"team-(b|c)"}:{alertname="Down"}');
  expect(groupLabels(all, labels).size).toBe(3);
});

test('values in keys are quoted as Go quotes them', () => {
  const labels = Labels.from({ a: 'ü "x"\\\t\u00a0\u0001\u007f😀\u200b' });
  const [taken] = matchRoutes(route, labels);
  expect(groupKey(taken, labels)).toBe(`${taken.key}:{a="ü \\"x\\"\\\\\\t\\u00a0\\x01\\x7f😀\\u200b"}`);
});

test('matchers are sorted by name, value and kind, as in the keys of upstream', () => {
  const texts = ['b=~""', 'b!~"a"', 'b=~"a"', 'b!="a"', 'b="a"', 'a="z"'];
  const yaml = `route: {receiver: r, routes: [{matchers: ${JSON.stringify(texts)}}]}\nreceivers: [{name: r}]\n`;
  const [child] = buildRoute(parseYaml('test.yml', yaml, configSchema).route).routes;
  expect(child.key).toBe('{}/{a="z",b=~"",b="a",b!="a",b=~"a",b!~"a"}');
});
