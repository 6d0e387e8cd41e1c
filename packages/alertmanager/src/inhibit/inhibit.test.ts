import { Labels } from '@avalanche/model';
import { expect, test } from 'vitest';
import { parseMatchers } from '../matcher/parse.ts';
import { alertOf, START } from '../testing.ts';
import { Inhibitor } from './inhibit.ts';

function inhibitor(source: string, target: string, equal: readonly string[] = []): Inhibitor {
  return new Inhibitor([{ sourceMatchers: parseMatchers(source), targetMatchers: parseMatchers(target), equal }]);
}

const critical = { severity: 'critical', instance: 'h:1', alertname: 'Disk' };

test.each<[string, string, string[], Record<string, string>, boolean]>([
  ['severity=critical', 'severity=warning', ['instance'], { severity: 'warning', instance: 'h:1' }, true],
  ['severity=critical', 'severity=warning', ['instance'], { severity: 'warning', instance: 'h:2' }, false],
  ['severity=critical', 'severity=warning', ['instance'], { severity: 'warning' }, false],
  ['severity=critical', 'severity=warning', ['missing'], { severity: 'warning', instance: 'h:2' }, true],
  ['severity=critical', 'severity=warning', [], { severity: 'info' }, false],
  // an alert on both sides of a rule is not inhibited by another such one, nor by itself
  ['severity=critical', 'severity=~"critical|warning"', ['instance'], critical, false],
  ['severity=critical', 'severity=~"critical|warning"', [], { ...critical, instance: 'h:2' }, false],
  ['severity=critical', 'severity=~"critical|warning"', ['instance'], { severity: 'warning', instance: 'h:1' }, true],
])('%s inhibits %s by %o: %o is inhibited: %s', (source, target, equal, labels, expected) => {
  const rules = inhibitor(source, target, equal);
  const alert = alertOf(critical);
  rules.update(alert);
  expect(rules.inhibitedBy(Labels.from(labels), START)).toBe(expected ? alert.fingerprint : undefined);
});

test('a source that has ended inhibits no more', () => {
  const rules = inhibitor('severity=critical', 'severity=warning');
  rules.update(alertOf(critical));
  const target = Labels.from({ severity: 'warning' });
  expect(rules.inhibitedBy(target, START)).toBeDefined();
  rules.update(alertOf(critical, { endsAt: START + 1000 }));
  expect(rules.inhibitedBy(target, START + 999)).toBeDefined();
  expect(rules.inhibitedBy(target, START + 1000)).toBeUndefined();
});
