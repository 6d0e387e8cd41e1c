import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RunningAlertmanager, startAlertmanager } from '@avalanche/alertmanager';
import { silentLogger } from '@avalanche/model';
import { startRealAlertmanager } from '../support/real-alertmanager.ts';
import { freePort } from '../support/services.ts';

/** An Alertmanager under test; a restart keeps its port and directory. */
export interface Sender {
  readonly name: 'ours' | 'real';
  readonly url: string;
  reload(yaml: string): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Both, on the same configuration but for the hooks' addresses. */
export async function startBoth(directory: string, yamlFor: (sender: string) => string): Promise<readonly Sender[]> {
  return Promise.all([startOurs(directory, yamlFor('ours')), startReal(directory, yamlFor('real'))]);
}

async function startOurs(parent: string, yaml: string): Promise<Sender> {
  const directory = join(parent, 'ours');
  mkdirSync(directory);
  const configFile = join(directory, 'alertmanager.yml');
  writeFileSync(configFile, yaml);
  const start = (port: number): Promise<RunningAlertmanager> =>
    startAlertmanager({
      configFile,
      directory: join(directory, 'data'),
      listen: { host: '127.0.0.1', port },
      logger: silentLogger,
      version: 'test',
      externalUrl: 'http://am.test',
      cluster: { listenAddress: '', advertiseAddress: '', peerName: '' },
    });
  const port = await freePort();
  let role = await start(port);
  return {
    name: 'ours',
    url: role.url,
    async reload(next) {
      writeFileSync(configFile, next);
      await role.reload();
    },
    async restart() {
      await role.stop();
      role = await start(port);
    },
    stop: () => role.stop(),
  };
}

async function startReal(parent: string, yaml: string): Promise<Sender> {
  const directory = join(parent, 'real');
  mkdirSync(directory);
  const configFile = join(directory, 'alertmanager.yml');
  writeFileSync(configFile, yaml);
  const port = await freePort();
  const start = () => startRealAlertmanager({ configFile, directory: join(directory, 'data'), port });
  let real = await start();
  const { url } = real;
  return {
    name: 'real',
    url,
    async reload(next) {
      writeFileSync(configFile, next);
      await fetch(`${url}/-/reload`, { method: 'POST' });
    },
    async restart() {
      await real.stop();
      real = await start();
    },
    stop: () => real.stop(),
  };
}
