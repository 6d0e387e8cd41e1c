import { loadAlertmanagerConfig } from '@avalanche/alertmanager';
import { loadConfig, loadRuleFiles } from '@avalanche/prometheus';
import { describe, expect, test } from 'vitest';
import { configDirectory } from '../support/config-metrics.ts';
import { findProgram, outputOf } from './tools.ts';

const promtool = findProgram('promtool') ?? '';
const amtool = findProgram('amtool') ?? '';
const file = (path: string): string => configDirectory + path;

describe.skipIf(promtool === '')('the real promtool accepts config/ (needs promtool)', () => {
  test('check config', async () => {
    const output = await outputOf(promtool, 'check', 'config', file('prometheus/prometheus.yml'));
    expect(output).toContain('1 rule files found');
    expect(output).not.toMatch(/FAILED|WARNING/);
  });

  test('check rules', async () => {
    const output = await outputOf(promtool, 'check', 'rules', file('prometheus/alerts/rules.yml'));
    expect(output).toContain('SUCCESS: 21 rules found');
  });

  test('test rules', { timeout: 60_000 }, async () => {
    expect(await outputOf(promtool, 'test', 'rules', file('prometheus/alerts/rules.test.yml'))).toContain('SUCCESS');
  });
});

describe.skipIf(amtool === '')('the real amtool accepts config/ (needs amtool)', () => {
  test('check-config', async () => {
    const output = await outputOf(amtool, 'check-config', file('alertmanager/alertmanager.yml'));
    expect(output).toContain('SUCCESS');
  });
});

describe('our own roles accept config/', () => {
  test('prometheus.yml and the rule files that it names', async () => {
    const loaded = await loadConfig(file('prometheus/prometheus.yml'));
    const [rules] = await loadRuleFiles(loaded);
    expect(rules?.groups.map(({ name, rules }) => [name, rules.length])).toEqual([
      ['critical', 8],
      ['warning', 11],
      ['info', 2],
    ]);
  });

  test('alertmanager.yml', async () => {
    await expect(loadAlertmanagerConfig(file('alertmanager/alertmanager.yml'))).resolves.toBeDefined();
  });
});
