import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { configDirectory, readAlerts } from '../support/config-metrics.ts';

const SEVERITIES: Readonly<Record<string, readonly string[]>> = {
  critical: [
    ...['PostgreSQLDown', 'RedisDown', 'CeleryWorkerDown', 'ApplicationDown', 'LowDiskSpace'],
    ...['NoWorkersAvailable', 'BackupFailed', 'JobMissed'],
  ],
  warning: [
    ...['HighCPUUsage', 'HighMemoryUsage', 'HighSystemLoad', 'PostgreSQLTooManyConnections', 'TaskQueueBackup'],
    ...['NoRecentBackup', 'HighAPILatency', 'HighErrorRate', 'HighTaskFailureRate', 'JobFailed', 'TrainingProblem'],
  ],
  info: ['HighRequestRate', 'DatabaseSizeGrowth'],
};
const AREAS = ['system', 'application', 'database', 'task-queue', 'pipelines'];
/** Watch a thing by a series of an exporter: they have to fire as well when that series is gone. */
const WATCH_A_SERIES = [
  ...['PostgreSQLDown', 'RedisDown', 'CeleryWorkerDown', 'NoWorkersAvailable', 'NoRecentBackup', 'LowDiskSpace'],
];

interface UnitTests {
  readonly tests: readonly {
    readonly name: string;
    readonly alert_rule_test: readonly { readonly alertname: string; readonly exp_alerts: readonly unknown[] }[];
  }[];
}

const alerts = readAlerts();

describe('the shipped alerts', () => {
  test('are those of the contract, each with its severity', () => {
    for (const [severity, names] of Object.entries(SEVERITIES)) {
      const found = alerts.filter(({ labels }) => labels.severity === severity).map(({ alert }) => alert);
      expect(found.sort()).toEqual([...names].sort());
    }
  });

  test('say what happened and where to read on', () => {
    for (const { alert, labels, annotations } of alerts) {
      expect(AREAS, alert).toContain(labels.area);
      expect(annotations.summary, alert).toMatch(/\S/);
      expect(annotations.description, alert).toMatch(/\.|\{\{end\}\}$/);
      expect(annotations.runbook_url, alert).toBe(`{{ $externalURL }}/runbooks/${alert}`);
    }
  });

  test('have a runbook each, and no runbook is left over', () => {
    const files = readdirSync(`${configDirectory}runbooks`).filter((name) => name.endsWith('.md'));
    expect(files.sort()).toEqual(alerts.map(({ alert }) => `${alert}.md`).sort());
    for (const name of files) {
      const text = readFileSync(`${configDirectory}runbooks/${name}`, 'utf8');
      expect(text.startsWith(`# ${name.replace('.md', '')}\n`), name).toBe(true);
      for (const heading of ['## First look', '## Likely causes', '## What to do']) expect(text).toContain(heading);
    }
  });

  test('are tested: firing, quiet, and where a series can go missing, that', () => {
    const { tests } = parse(readFileSync(`${configDirectory}prometheus/alerts/rules.test.yml`, 'utf8')) as UnitTests;
    for (const { alert } of alerts) {
      const cases = tests.filter(({ alert_rule_test }) => alert_rule_test.some(({ alertname }) => alertname === alert));
      const fires = (one: (typeof cases)[number]): boolean =>
        one.alert_rule_test.some(({ exp_alerts }) => exp_alerts.length > 0);
      expect(cases.some(fires), `${alert} fires`).toBe(true);
      expect(
        cases.some((one) => !fires(one)),
        `${alert} stays quiet`,
      ).toBe(true);
      if (!WATCH_A_SERIES.includes(alert)) continue;
      const missing = cases.some((one) => one.name.includes('gone missing') && fires(one));
      expect(missing, `${alert} fires when its series has gone missing`).toBe(true);
    }
  });
});
