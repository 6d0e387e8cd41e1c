import { expect, test } from 'vitest';
import type { Rule, RuleGroup } from '../../api/prometheus/rules.ts';
import { filterGroups, type RuleFilter } from './rule-filter.ts';

const rule = (name: string, type: Rule['type'], health: Rule['health'] = 'ok'): Rule =>
  ({ name, type, health, query: `${name} > 1`, duration: 0, state: 'inactive' }) as Rule;
const GROUPS: readonly RuleGroup[] = [
  { name: 'Hosts', file: 'hosts.yml', interval: 15, rules: [rule('HostDown', 'alerting'), rule('load', 'recording')] },
  { name: 'db', file: 'db.yml', interval: 15, rules: [rule('DbDown', 'alerting', 'err')] },
];

test.each<[string, RuleFilter, readonly string[]]>([
  ['', 'all', ['HostDown', 'load', 'DbDown']],
  ['hosts', 'all', ['HostDown', 'load']],
  ['DOWN', 'all', ['HostDown', 'DbDown']],
  ['db.yml', 'alerting', ['DbDown']],
  ['', 'recording', ['load']],
  ['', 'problems', ['DbDown']],
  ['host', 'problems', []],
])('%j among %s rules finds %j', (text, which, names) => {
  expect(filterGroups(GROUPS, text, which).flatMap((group) => group.rules.map((found) => found.name))).toEqual(names);
});
