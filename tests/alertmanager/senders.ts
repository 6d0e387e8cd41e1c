import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type RunningAlertmanager, startAlertmanager } from '@avalanche/alertmanager';
import { silentLogger } from '@avalanche/model';
import { freePort } from '../support/services.ts';

const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/local/bin'];

/** The real Alertmanager's program; another one than Debian's by REAL_ALERTMANAGER. */
export const realAlertmanager =
  process.env.REAL_ALERTMANAGER ??
  ['prometheus-alertmanager', 'alertmanager']
    .flatMap((name) => folders.map((folder) => join(folder, name)))
    .find((file) => {
      try {
        accessSync(file);
        return true;
      } catch {
        return false;
      }
    });

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
  const url = `http://127.0.0.1:${port}`;
  let child: ChildProcess;
  const start = async (): Promise<void> => {
    child = spawn(realAlertmanager ?? '', [
      ...[`--config.file=${configFile}`, `--storage.path=${join(directory, 'data')}`, '--cluster.listen-address='],
      ...[`--web.listen-address=127.0.0.1:${port}`, '--web.external-url=http://am.test', '--log.level=error'],
    ]);
    await untilReady(url);
  };
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      if (child.exitCode !== null) return resolve();
      child.once('exit', () => resolve());
      child.kill();
    });
  await start();
  return {
    name: 'real',
    url,
    async reload(next) {
      writeFileSync(configFile, next);
      await fetch(`${url}/-/reload`, { method: 'POST' });
    },
    async restart() {
      await stop();
      await start();
    },
    stop,
  };
}

async function untilReady(url: string): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if ((await fetch(`${url}/-/ready`).catch(() => undefined))?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${url} does not answer`);
}
