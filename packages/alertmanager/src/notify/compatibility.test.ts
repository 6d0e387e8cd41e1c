import { spawn, spawnSync } from 'node:child_process';
import { accessSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Authority, hasOpenssl } from '../../../../tests/support/certificates.ts';
import { ALERT, post, Stage } from '../testing-http.ts';
import { comparable, configOf, ENTRIES } from './testing-entries.ts';
import { type ServiceRequest, Services } from './testing-services.ts';

const real = onPath('prometheus-alertmanager') ?? onPath('alertmanager') ?? '';

function onPath(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/local/bin'];
  return folders
    .map((folder) => join(folder, name))
    .find((file) => {
      try {
        accessSync(file);
        return true;
      } catch {
        return false;
      }
    });
}

/** N of 0.N; one that is built from a checkout knows no number and has everything. */
function realRelease(): number {
  const { stdout, stderr } = spawnSync(real, ['--version'], { encoding: 'utf8' });
  return Number(/version 0\.(\d+)/.exec(stdout + stderr)?.[1] ?? 999);
}

const release = real === '' ? 0 : realRelease();

let stage: Stage;
let services: Services;

beforeEach(async () => {
  stage = new Stage();
  if (!hasOpenssl) return;
  services = await Services.start(new Authority(stage.directory, 'services'));
  stage.onEnd(() => services.stop());
});
afterEach(() => stage.end());

describe.skipIf(!real || !hasOpenssl)(
  'requests beside the real Alertmanager (needs prometheus-alertmanager, openssl)',
  () => {
    const known = Object.keys(ENTRIES).filter((name) => ENTRIES[name][0] <= release);

    test.each(known)('%s', { timeout: 30_000 }, async (name) => {
      const yaml = configOf(name, services);
      const ours = await stage.start(yaml);
      const mine = await requestsOf(ours.url);
      await ours.stop();
      services.requests.length = 0;
      const theirs = await requestsOf(await startReal(yaml));
      expect(mine.map(comparable)).toEqual(theirs.map(comparable));
    });
  },
);

/** What the services get of two alerts that begin, and of their end. */
async function requestsOf(url: string): Promise<readonly ServiceRequest[]> {
  // an alert that began longer ago than group_wait is told of at once, perhaps without the other
  const startsAt = new Date().toISOString();
  const labels = (instance: string) => ({ ...ALERT.labels, job: 'node', instance });
  const alerts = ['h:1', 'h:2'].map((instance) => ({ ...ALERT, startsAt, labels: labels(instance) }));
  await post(`${url}/api/v2/alerts`, alerts);
  await settled();
  await post(
    `${url}/api/v2/alerts`,
    alerts.map((alert) => ({ ...alert, endsAt: new Date().toISOString() })),
  );
  await settled(services.requests.length + 1);
  return [...services.requests];
}

/** Waits for `count` requests and for those that follow each other at once. */
async function settled(count = 1): Promise<void> {
  await services.until(count);
  for (let before = 0; before !== services.requests.length; ) {
    before = services.requests.length;
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
}

async function startReal(yaml: string): Promise<string> {
  const file = join(stage.directory, 'real.yml');
  writeFileSync(file, yaml);
  const port = await freePort();
  const child = spawn(real, [
    ...[`--config.file=${file}`, `--storage.path=${join(stage.directory, 'real')}`, '--cluster.listen-address='],
    ...[`--web.listen-address=127.0.0.1:${port}`, '--web.external-url=http://am.test'],
  ]);
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => {
    log += chunk.toString();
  });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  stage.onEnd(() => {
    child.kill();
    return ended;
  });
  const url = `http://127.0.0.1:${port}`;
  for (let i = 0; i < 100; i++) {
    const answer = await fetch(`${url}/-/ready`).catch(() => undefined);
    if (answer?.ok) return url;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${url} does not answer: ${log.slice(-500)}`);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
