import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { silentLogger } from '@avalanche/model';
import { StartupError } from '@avalanche/web';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startAlertmanager } from './start.ts';
import { ALERT, post, Stage } from './testing-http.ts';

let stage: Stage;

beforeEach(() => {
  stage = new Stage();
});

afterEach(() => stage.end());

describe('starting and reloading', () => {
  const QUIET = 'route: {receiver: ops}\nreceivers: [{name: ops}]\n';

  test('a bad file, a busy port and a stage.directory that cannot be written are one clear error each', async () => {
    const running = await stage.start(QUIET);
    const options = {
      configFile: join(stage.directory, 'alertmanager.yml'),
      directory: join(stage.directory, 'other'),
      listen: { host: '127.0.0.1', port: Number(new URL(running.url).port) },
      logger: silentLogger,
      version: 'x',
    };
    await expect(startAlertmanager(options)).rejects.toThrow(StartupError);
    await expect(startAlertmanager(options)).rejects.toThrow('already in use');
    writeFileSync(join(stage.directory, 'file'), '');
    await expect(startAlertmanager({ ...options, directory: join(stage.directory, 'file') })).rejects.toThrow(
      'cannot write to',
    );
    writeFileSync(options.configFile, 'route: {receiver: nobody}');
    await expect(startAlertmanager(options)).rejects.toThrow(/alertmanager\.yml:1: .*undefined receiver "nobody"/);
  });

  test('a reload is all or nothing', async () => {
    const alertmanager = await stage.start(QUIET);
    const file = join(stage.directory, 'alertmanager.yml');
    writeFileSync(file, QUIET.replaceAll('ops', 'dev'));
    expect((await fetch(`${alertmanager.url}/-/reload`, { method: 'POST' })).status).toBe(200);
    writeFileSync(file, 'route: {}');
    expect((await fetch(`${alertmanager.url}/-/reload`, { method: 'POST' })).status).toBe(500);
    expect(await (await fetch(`${alertmanager.url}/api/v2/receivers`)).json()).toMatchObject([{ name: 'dev' }]);
    const metrics = await (await fetch(`${alertmanager.url}/metrics`)).text();
    expect(metrics).toContain('alertmanager_config_last_reload_successful 0');
    for (const path of ['healthy', 'ready']) expect((await fetch(`${alertmanager.url}/-/${path}`)).status).toBe(200);
  });

  test('a reload ends the connections that the configuration before has kept', async () => {
    // it would keep them for as long as anybody
    const hook = createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
      request.resume();
      request.on('end', () => response.end('ok'));
    });
    hook.listen(0, '127.0.0.1');
    await once(hook, 'listening');
    stage.onEnd(() => {
      hook.closeAllConnections();
      hook.close();
    });
    const closed = once(hook, 'connection').then(([socket]) => once(socket as Socket, 'close'));
    const told = once(hook, 'request');
    const alertmanager = await stage.start(`
route: {receiver: ops, group_wait: 0s}
receivers: [{name: ops, webhook_configs: [{url: 'http://127.0.0.1:${(hook.address() as AddressInfo).port}/'}]}]
`);
    await post(`${alertmanager.url}/api/v2/alerts`, [ALERT]);
    await told;
    await alertmanager.reload();
    await closed;
  });
});
