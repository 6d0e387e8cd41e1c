import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { silentLogger } from '@avalanche/model';
import { startPrometheus } from '@avalanche/prometheus';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { alertmanagerIsMissing, ours, Place, runTool } from '../amtool/amtool-fixture.ts';
import { runAlerts } from './alerts.ts';

let place: Place;

beforeAll(() => {
  place = new Place();
});

afterAll(() => place.end());

/** A server that answers a webhook with `status`. */
async function webhook(status: number): Promise<string> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(status).end(status === 200 ? 'thanks' : 'we are closed'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  place.onEnd(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
}

async function prometheusBeside(alertmanager: string): Promise<string> {
  const rules = `groups:
- name: disks
  interval: 1s
  rules:
  - {alert: DiskFull, expr: vector(97), labels: {severity: critical}}
  - {alert: Slow, expr: vector(1), for: 1h}
  - {alert: Never, expr: vector(1) > 2}
`;
  const prometheus = await startPrometheus({
    configFile: place.file(
      'prometheus.yml',
      `global: {evaluation_interval: 1s, external_labels: {site: lab}}
rule_files: ['${place.file('rules.yml', rules)}']
alerting: {alertmanagers: [{static_configs: [{targets: ['${new URL(alertmanager).host}']}]}]}
`,
    ),
    directory: `${place.directory}/prometheus`,
    listen: { host: '127.0.0.1', port: 0 },
    logger: silentLogger,
    version: 'test',
  });
  place.onEnd(() => prometheus.stop());
  return prometheus.url;
}

describe('with both of our servers', () => {
  let alertmanager: string;
  let prometheus: string;

  const run = (...args: string[]) => {
    const prometheusUrl = args[0] === 'explain' ? [`--prometheus.url=${prometheus}`] : [];
    return runTool(runAlerts, [...args, `--alertmanager.url=${alertmanager}`, ...prometheusUrl]);
  };

  beforeAll(async () => {
    const [good, bad] = [await webhook(200), await webhook(400)];
    const { url } = await place.startOurs(`
route:
  receiver: ops
  group_by: [alertname]
  group_wait: 20ms
  routes: [{matchers: [team=closed], receiver: closed}, {matchers: [team=none], receiver: none}]
receivers:
- {name: ops, webhook_configs: [{url: '${good}?token=s3cret'}]}
- {name: closed, webhook_configs: [{url: '${bad}'}, {url: '${good}'}]}
- {name: none}
inhibit_rules: [{name: site, source_matchers: [alertname=DiskFull], target_matchers: [kind=small]}]
`);
    alertmanager = url;
    prometheus = await prometheusBeside(url);
    for (let i = 0; ; i++) {
      const { out } = await run('notifications', 'DiskFull');
      if (out.includes('DiskFull')) break;
      if (i > 100) throw new Error(out);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }, 30_000);

  test('explain tells the way of an alert from its expression to the reply', async () => {
    const { code, out, err } = await run('explain', 'DiskFull');
    expect([code, err]).toEqual([0, '']);
    const lines = out.split('\n');
    expect(lines[0]).toMatch(/^DiskFull\{severity="critical",site="lab"\}: It has been told: ops by webhook at .*200/);
    expect(lines.slice(2).map((line) => line.slice(2, 16).trim())).toEqual([
      ...['fingerprint', 'expression', 'sample', 'state', '', 'fires', 'route', 'group', 'webhook[0]', 'sent', ''],
    ]);
    expect(out).toMatch(/expression +vector\(97\) +\(group disks of .*rules\.yml\)/);
    expect(out).toMatch(/sample +it came to 9\.7e\+01 at 20/);
    expect(out).toMatch(/inactive → firing at 9\.7e\+01: /);
    expect(out).toMatch(
      /route +\{\} → ops\n +group +\{alertname="DiskFull"\} waits 20ms, then every 5m, again after 4h/,
    );
    expect(out).not.toContain('s3cret');
  });

  test('an alert is found by its fingerprint too, and given as JSON', async () => {
    const named = JSON.parse((await run('explain', 'alertname=DiskFull', '-o', 'json')).out);
    const [alert] = named.alerts;
    expect(named).toMatchObject({ matching: 1, problems: [], alerts: [{ prometheus: { state: 'firing' } }] });
    const found = JSON.parse((await run('explain', alert.fingerprint, '-ojson')).out);
    expect(found.alerts[0].labels).toEqual(alert.labels);
  });

  test('what keeps an alert quiet is said first', async () => {
    const amtool = (...args: string[]) => ours([...args, `--alertmanager.url=${alertmanager}`]);
    await amtool('alert', 'add', 'Small', 'kind=small');
    const inhibited = (await run('explain', 'Small')).out;
    expect(inhibited).toMatch(/^Small\{kind="small"\}: Inhibited by DiskFull \(rule site\); nobody has been told\.\n/);
    expect(inhibited).toContain('{alertname="DiskFull"} keeps {kind="small"} quiet');
    await amtool('silence', 'add', 'Hushed', '-c', 'moving\x1b[31m house', '-a', 'me');
    await amtool('alert', 'add', 'Hushed');
    const silenced = (await run('explain', 'Hushed')).out;
    expect(silenced).toMatch(/^Hushed: Silenced by me until .* \(moving.\[31m house\); nobody has been told\.\n/);
    expect(silenced).not.toContain('\x1b');
  });

  test('what Alertmanager does not know, Prometheus may', async () => {
    expect((await run('explain', 'Slow')).out).toMatch(
      /^Slow: it is pending since .*, and fires when that has lasted 1h/,
    );
    expect((await run('explain', 'Never')).out).toMatch(
      /^Never: it does not fire: its expression comes to nothing\.\n/,
    );
    expect(await run('explain', 'Nope')).toEqual({
      code: 1,
      out: '',
      err: 'Alertmanager knows no such alert; Prometheus has no alerting rule Nope\n',
    });
  });

  test('without Prometheus the rest is told', async () => {
    const args = ['explain', 'DiskFull', `--alertmanager.url=${alertmanager}`, '--prometheus.url=http://127.0.0.1:1'];
    const { code, out, err } = await runTool(runAlerts, args);
    expect([code, out]).toEqual([0, expect.stringContaining('route')]);
    expect(err).toMatch(/^Prometheus: query error: .*connection refused/);
  });

  test('a test of a receiver shows the talk, and fails where one of its servers refuses', async () => {
    const good = await run('test', '--receiver=ops');
    expect(good.code).toBe(0);
    expect(good.out).toMatch(/^The test was sent by 1 integration\.\n\nops by webhook\[0\]: sent in .* s, 200/);
    expect(good.out).toMatch(/\n {2}> POST .*\n[\s\S]*\n {2}< .*200/);
    expect(good.out).not.toContain('s3cret');
    const bad = await run('test', '--labels', 'team=closed', 'x=y');
    expect(bad.code).toBe(1);
    expect(bad.out).toMatch(/^The test failed: 1 of 2 integrations could not send it\.\n/);
    expect(bad.out).toMatch(/closed by webhook\[0\]: failed in .*400/);
    expect(await run('test', '--receiver=none')).toMatchObject({ code: 1, out: expect.stringContaining('Nobody') });
    const unknown = await run('test', '--receiver=nope');
    expect([unknown.code, unknown.err]).toEqual([1, expect.stringContaining('there is no receiver "nope"')]);
    expect(await run('test')).toMatchObject({
      code: 1,
      err: expect.stringContaining('one of --receiver and --labels'),
    });
  });

  test('notifications are listed newest first, by filters, and followed', async () => {
    await run('test', '--receiver=closed');
    const { out } = await run('notifications', '--receiver=closed', '--status=failed', '--limit=1');
    expect(out).toMatch(/^1 notification, 1 failed.*\n\nAt +Status +Receiver +Group/);
    expect(out).toMatch(/ failed +closed webhook\[0\] .* 1 firing, 0 resolved .* test .*400/);
    const page = JSON.parse((await run('notifications', '-o', 'json', 'DiskFull')).out);
    expect(page.notifications.at(-1)).toMatchObject({ receiver: 'ops', reason: 'first notification', status: 'sent' });
    let rounds = 0;
    const pause = async () => {
      if (rounds++ === 1) throw new Error('enough');
      await run('test', '--receiver=ops');
    };
    const args = ['notifications', '--follow', '--limit=1', `--alertmanager.url=${alertmanager}`];
    const followed = await runTool(runAlerts, args, { pause });
    expect(followed.err).toBe('enough\n');
    const shown = followed.out.trim().split('\n');
    expect(shown).toHaveLength(2);
    expect(shown[1]).toMatch(/sent {2}ops webhook\[0\] /);
  });
});

describe.skipIf(alertmanagerIsMissing)('with a real Alertmanager (skipped where it is missing)', () => {
  test('its status explains what it can, and it sends no tests', async () => {
    const url = await place.startReal('route: {receiver: ops}\nreceivers: [{name: ops}]\n');
    const flag = `--alertmanager.url=${url}`;
    await ours(['alert', 'add', 'A', 'x=y', flag]);
    const explain = () => runTool(runAlerts, ['explain', 'A', flag, '--prometheus.url=http://127.0.0.1:1']);
    expect((await explain()).out).toMatch(/^A\{x="y"\}: It is (active|unprocessed) and goes to ops; /);
    const id = (await ours(['silence', 'add', 'A', '-c', 'why', '-a', 'me', flag])).out.trim();
    expect((await explain()).out).toMatch(
      new RegExp(`^A\\{x="y"\\}: Silenced by ${id}\\.[\\s\\S]*silenced +by me until .*why`),
    );
    const { code, err } = await runTool(runAlerts, ['test', '--receiver=ops', flag]);
    expect([code, err]).toEqual([1, 'this Alertmanager sends no tests: it is not one of avalanche\n']);
  });
});
