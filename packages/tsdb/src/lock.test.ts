import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DirectoryLocked, lockDirectory } from './lock.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lock-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

test('a directory is taken once, and again when it was given back', () => {
  const unlock = lockDirectory(directory);
  expect(() => lockDirectory(directory)).toThrow(DirectoryLocked);
  unlock();
  unlock();
  expect(existsSync(join(directory, 'lock'))).toBe(false);
  lockDirectory(directory)();
});

test('where there is no flock(1), the process id in the file counts', () => {
  const path = process.env.PATH;
  process.env.PATH = directory;
  try {
    writeFileSync(join(directory, 'lock'), `${process.ppid}\n`);
    expect(() => lockDirectory(directory)).toThrow(`in use by process ${process.ppid}`);
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    writeFileSync(join(directory, 'lock'), `${pid}\n`);
    lockDirectory(directory)();
  } finally {
    process.env.PATH = path;
  }
});

/** Resolves when the process has ended, also where it has already. */
async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await new Promise((resolve) => child.once('exit', resolve));
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { readonly port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Debian's takes the lock only where it is told to. */
const usage = spawnSync('prometheus', ['--help'], { encoding: 'utf8' });
const WITH_LOCK = `${usage.stdout}${usage.stderr}`.includes('use-lockfile') ? ['--storage.tsdb.use-lockfile'] : [];
const hasBoth = [
  ['prometheus', '--version'],
  ['flock', '--version'],
].every(([name, flag]) => spawnSync(name, [flag]).status === 0);
describe.skipIf(!hasBoth)('with the real Prometheus (Debian package prometheus, flock of util-linux)', () => {
  async function prometheus(): Promise<{
    readonly child: ChildProcess;
    readonly said: (text: string) => Promise<string>;
  }> {
    const config = join(directory, 'prometheus.yml');
    writeFileSync(config, 'scrape_configs: []\n');
    const listen = `--web.listen-address=127.0.0.1:${await freePort()}`;
    const child = spawn(
      'prometheus',
      [`--config.file=${config}`, `--storage.tsdb.path=${join(directory, 'data')}`, listen, ...WITH_LOCK],
      {
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
    let log = '';
    const said = (text: string) =>
      new Promise<string>((resolve) => {
        const look = () => log.includes(text) && resolve(log);
        child.stderr?.on('data', (bytes: Buffer) => {
          log += bytes;
          look();
        });
        child.once('exit', () => resolve(log));
        look();
      });
    return { child, said };
  }

  test('each refuses the directory that the other has open', async () => {
    mkdirSync(join(directory, 'data'));
    const unlock = lockDirectory(join(directory, 'data'));
    const refused = await prometheus();
    expect(await refused.said('lock DB directory')).toContain('resource temporarily unavailable');
    await ended(refused.child);
    unlock();
    const holder = await prometheus();
    await holder.said('TSDB started');
    expect(() => lockDirectory(join(directory, 'data'))).toThrow('in use by another process');
    holder.child.kill('SIGKILL');
    await ended(holder.child);
    lockDirectory(join(directory, 'data'))();
  });
});
