import { execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  programOnPath,
  type RealAlertmanager,
  realAlertmanager,
  startRealAlertmanager,
} from '../../../tests/support/real-alertmanager.ts';
import { ALERT, post, Stage } from './testing-http.ts';

let stage: Stage;

beforeEach(() => {
  stage = new Stage();
});

afterEach(() => stage.end());

const amtool = programOnPath('amtool') ?? '';
const shipped = new URL('../../../config/alertmanager/alertmanager.yml', import.meta.url).pathname;

describe.skipIf(!amtool)('the real amtool against us (needs amtool)', () => {
  test('alerts and silences are added, queried and expired; the configuration is shown', async () => {
    const { url } = await stage.start('route: {receiver: ops}\nreceivers: [{name: ops}]\n');
    const run = (...args: string[]): Promise<string> => runTool(amtool, [`--alertmanager.url=${url}`, ...args]);
    await run('alert', 'add', 'Slow', 'job=x', '--annotation=summary=it is slow');
    expect(await run('alert', 'query', '-o', 'extended')).toMatch(/job="x".*summary="it is slow"/);
    const id = (await run('silence', 'add', 'alertname=Slow', 'job=~x|y', '--comment=c', '--author=me')).trim();
    expect(await run('silence', 'query')).toContain(id);
    expect(await run('alert', 'query', '--silenced')).toContain('Slow');
    expect(await run('alert', 'query')).not.toContain('Slow');
    await run('silence', 'expire', id);
    expect(await run('silence', 'query')).not.toContain(id);
    expect(await run('silence', 'query', '--expired')).toContain(id);
    expect(await run('config', 'show')).toContain('receiver: ops');
    expect(await run('config', 'routes', 'test', 'a=b')).toContain('ops');
    expect(await run('cluster', 'show')).toContain('ready');
  });

  test('the shipped file passes amtool check-config', () => {
    expect(execFileSync(amtool, ['check-config', shipped], { encoding: 'utf8' })).toContain('SUCCESS');
  });
});

/** Runs a command without holding the event loop, on which our own server answers it. */
function runTool(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args);
    let output = '';
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    child.on('close', (code) => (code === 0 ? resolve(output) : reject(new Error(`${args.join(' ')}: ${errors}`))));
  });
}

describe.skipIf(!realAlertmanager)('beside the real Alertmanager (needs prometheus-alertmanager)', () => {
  test('a webhook gets the same message from both, key by key', async () => {
    const hook = await stage.receiver();
    const yaml = (path: string): string => `
route: {receiver: web.hook, group_by: [alertname, job], group_wait: 300ms, routes: [{matchers: ['severity=~"a.*"', job=x]}]}
receivers: [{name: web.hook, webhook_configs: [{url: '${hook.url}/${path}', max_alerts: 2}]}]
`;
    const ours = await stage.start(yaml('ours'));
    const real = await startReal(yaml('real'), join(stage.directory, 'real'));
    const labels = { alertname: 'Größe "x"', job: 'x', severity: 'ab' };
    const startsAt = new Date().toISOString();
    const alerts = ['h:2', 'h:1', 'h:3'].map((instance) => ({ ...ALERT, startsAt, labels: { ...labels, instance } }));
    await Promise.all([ours.url, real.url].map((url) => post(`${url}/api/v2/alerts`, alerts)));
    const [a, b] = await Promise.all(['/ours', '/real'].map((path) => hook.next(({ url }) => url === path)));
    // keys that 0.25 does not have yet
    const { notification_reason, routeLabels, ...known } = a.body as Record<string, unknown>;
    expect({ notification_reason, routeLabels }).toEqual({
      notification_reason: 'first notification',
      routeLabels: {},
    });
    expect(JSON.stringify(known)).toBe(JSON.stringify(b.body));
  });

  test('silences and notification log move from us to it and back', async () => {
    const hook = await stage.receiver();
    const yaml = `
route: {receiver: hook, group_by: [alertname], group_wait: 50ms, group_interval: 200ms}
receivers: [{name: hook, webhook_configs: [{url: '${hook.url}'}]}]
`;
    const now = Date.now();
    const times = { startsAt: new Date(now).toISOString(), endsAt: new Date(now + 3_600_000).toISOString() };
    const matchers = [
      { name: 'alertname', value: 'Quiet|Größe', isRegex: true, isEqual: true },
      { name: 'job', value: 'x', isRegex: false, isEqual: false },
    ];
    const ours = await stage.start(yaml);
    await post(`${ours.url}/api/v2/silences`, { ...times, matchers, createdBy: 'me', comment: 'Ruhe' });
    await post(`${ours.url}/api/v2/alerts`, [ALERT]);
    await hook.next();
    const silencesOf = async (url: string): Promise<unknown> => (await fetch(`${url}/api/v2/silences`)).json();
    const ourSilences = (await silencesOf(ours.url)) as object[];
    await ours.stop();

    const data = join(stage.directory, 'data');
    const real = await startReal(yaml, data);
    // 0.25 knows no annotations of silences
    expect(await silencesOf(real.url)).toEqual(ourSilences.map((silence) => ({ ...silence, annotations: undefined })));
    await post(`${real.url}/api/v2/alerts`, [ALERT]);
    await post(`${real.url}/api/v2/alerts`, [{ ...ALERT, labels: { alertname: 'Other' } }]);
    await hook.next(({ body }) => JSON.stringify(body).includes('Other'));
    // it forgets what it has sent where it is stopped before it has read the answer
    await new Promise((resolve) => setTimeout(resolve, 500));
    await real.stop();
    const again = await stage.start(yaml);
    expect(await silencesOf(again.url)).toEqual(ourSilences);
    await post(`${again.url}/api/v2/alerts`, [{ ...ALERT, labels: { alertname: 'Other' } }, ALERT]);
    await post(`${again.url}/api/v2/alerts`, [{ ...ALERT, labels: { alertname: 'Last' } }]);
    await hook.next(({ body }) => JSON.stringify(body).includes('Last'));
    const told = hook.received.map(({ body }) => (body as { groupLabels: object }).groupLabels);
    expect(told).toEqual([{ alertname: 'DiskFull' }, { alertname: 'Other' }, { alertname: 'Last' }]);
  });
});

/** The real Alertmanager on a directory. */
async function startReal(yaml: string, directory: string): Promise<RealAlertmanager> {
  const configFile = join(stage.directory, 'real.yml');
  writeFileSync(configFile, yaml);
  const real = await startRealAlertmanager({ configFile, directory });
  stage.onEnd(() => real.stop());
  return real;
}
