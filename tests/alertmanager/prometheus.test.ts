import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type BothPrometheus, hasBoth, startBothPrometheus } from '../support/both-prometheus.ts';
import { realAlertmanager } from '../support/real-alertmanager.ts';
import { type Sender, startBoth } from './senders.ts';
import { until } from './stage.ts';
import { type Told, Webhooks } from './webhooks.ts';

const SECONDS = 20;

const hooks = new Webhooks();
const directory = mkdtempSync(join(tmpdir(), 'alertmanagers-'));
let senders: readonly Sender[] = [];
let both: BothPrometheus | undefined;

/** Alerts by the clock: each fires between two times, in seconds after the start. */
function rules(start: number): string {
  const alert = (name: string, instance: string, from: number, to: number): string => `
      - alert: ${name}
        expr: label_replace(vector(time()), "instance", "${instance}", "", "") > ${start + from} < ${start + to}
        labels: {severity: critical, sender: '{{ externalURL }}'}
        annotations: {summary: '{{ $labels.instance }} is slow'}`;
  return `groups:
  - name: alerts
    interval: 1s
    rules:${alert('Slow', 'a', 0, 9)}${alert('Slow', 'b', 4, 100)}${alert('Down', 'a', 5, 13)}
`;
}

const yamlFor = (sender: string): string => `
route: {receiver: hook, group_by: [alertname, sender], group_wait: 1s, group_interval: 3s, repeat_interval: 1h}
receivers: [{name: hook, webhook_configs: [{url: '${hooks.url}/${sender}/hook'}]}]
`;

afterAll(async () => {
  await both?.stop();
  await Promise.all(senders.map((sender) => sender.stop()));
  await hooks.stop();
  rmSync(directory, { recursive: true, force: true });
});

describe.skipIf(!realAlertmanager || !hasBoth)(
  'both Prometheus send to both Alertmanagers (needs prometheus and prometheus-alertmanager)',
  () => {
    beforeAll(async () => {
      await hooks.start();
      senders = await startBoth(directory, yamlFor);
      const targets = senders.map(({ url }) => url.replace('http://', ''));
      const start = Math.ceil(Date.now() / 1000) + 4;
      both = await startBothPrometheus({
        openmetrics: 'old 1 1700000000\n',
        exposition: 'live 1\n',
        rules: rules(start),
        config: () => ({
          global: { scrape_interval: '5s', evaluation_interval: '1s' },
          rule_files: ['rules.yml'],
          alerting: { alertmanagers: [{ static_configs: [{ targets }] }] },
        }),
      });
      hooks.restartClock();
      await until((start + SECONDS) * 1000);
    }, 60_000);

    test.each(['theirs', 'ours'] as const)('the alerts of %s are told of alike', (name) => {
      // the real one calls itself by the machine's name
      const { port } = new URL((name === 'ours' ? both?.ours : both?.theirs) ?? '');
      const told = senders.map((sender) => hooks.of(sender.name).filter(({ group }) => group.includes(`:${port}`)));
      const byGroup = (list: readonly Told[]): readonly Told[] =>
        [...list].sort((x, y) => x.group.localeCompare(y.group) || x.at - y.at);
      const [ours, real] = told.map(byGroup);
      expect(ours.map(({ text }) => text)).toEqual(real.map(({ text }) => text));
      ours.forEach(({ at }, i) => {
        expect(Math.abs(at - real[i].at)).toBeLessThan(1);
      });
      // two groups begin and one ends; what else happens may fall into the same turn
      expect(ours.length).toBeGreaterThan(2);
    });
  },
);
