import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../support/services.ts';
import { eventually, isBuilt } from '../support/stack.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const command = join(root, 'packages/cli/bin/avalanche.mjs');

/** A role as its namesake is started. */
interface RoleAlone {
  readonly role: string;
  readonly args: (port: number, directory: string) => readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const roles: readonly RoleAlone[] = [
  {
    role: 'prometheus',
    args: (port, directory) => [
      '--config.file=config/prometheus/prometheus.yml',
      `--storage.tsdb.path=${directory}/prometheus`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
  },
  {
    role: 'alertmanager',
    args: (port, directory) => [
      '--config.file=config/alertmanager/alertmanager.yml',
      `--storage.path=${directory}/alertmanager`,
      '--cluster.listen-address=',
      `--web.listen-address=127.0.0.1:${port}`,
    ],
  },
  {
    role: 'grafana',
    args: (port, directory) => [`--web.listen-address=127.0.0.1:${port}`, `--data-dir=${directory}/grafana`],
  },
  { role: 'node-exporter', args: (port) => [`--web.listen-address=127.0.0.1:${port}`, '--no-collector.netclass'] },
  {
    role: 'postgres-exporter',
    args: (port) => [`--web.listen-address=127.0.0.1:${port}`],
    env: { DATA_SOURCE_NAME: 'postgresql://nobody:wrong@127.0.0.1:1/none?sslmode=disable' },
  },
  {
    role: 'redis-exporter',
    args: (port) => [`-web.listen-address=127.0.0.1:${port}`, '-redis.addr=redis://127.0.0.1:1'],
  },
  {
    role: 'application',
    args: (port, directory) => ['--port', String(port), '--queue-port', '0', '--data-dir', `${directory}/application`],
  },
];

describe.skipIf(!isBuilt)('each role alone (needs a build)', () => {
  let directory = '';
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'avalanche-roles-'));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  test.each(roles)('$role answers, and ends with 0', async ({ role, args, env }) => {
    const port = await freePort();
    const child = spawn(process.execPath, [command, role, ...args(port, directory)], {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const errors = collect(child);
    try {
      const response = await eventually(
        () => fetch(`http://127.0.0.1:${port}/metrics`),
        (answer) => answer.status === 200,
        15_000,
      );
      expect(await response.text(), errors()).toMatch(/^# TYPE /m);
    } finally {
      child.kill('SIGTERM');
    }
    expect(await exitCode(child), errors()).toBe(0);
  });

  // The signal comes where the command has been found and is about to be loaded.
  const early = `import fs from 'node:fs';
    import { syncBuiltinESMExports } from 'node:module';
    const real = fs.existsSync;
    fs.existsSync = (path) => {
      if (String(path).includes('dist/avalanche.js')) process.kill(process.pid, 'SIGTERM');
      return real(path);
    };
    syncBuiltinESMExports();`;

  test.each(roles.filter(({ role }) => ['prometheus', 'alertmanager', 'node-exporter'].includes(role)))(
    '$role ends with 0 by a signal that comes before it is loaded',
    async ({ role, args }) => {
      const preload = ['--import', `data:text/javascript,${encodeURIComponent(early)}`];
      const all = [...preload, command, role, ...args(await freePort(), directory)];
      const child = spawn(process.execPath, all, { cwd: root, stdio: ['ignore', 'ignore', 'pipe'] });
      const errors = collect(child);
      expect(await exitCode(child), errors()).toBe(0);
    },
  );

  test('a port that is taken is told with the flag that moves it, of the role or of up', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    try {
      for (const [args, hint] of [
        [
          ['node-exporter', `--web.listen-address=127.0.0.1:${port}`],
          'choose another address with --web.listen-address',
        ],
        [
          ['up', '--only=node-exporter', '--port', `node-exporter=${port}`, '--data-dir', join(directory, 'up')],
          'choose another port with --port node-exporter=N',
        ],
      ] as const) {
        const child = spawn(process.execPath, [command, ...args], { cwd: root, stdio: ['ignore', 'ignore', 'pipe'] });
        const errors = collect(child);
        expect(await exitCode(child)).toBe(1);
        expect(errors()).toBe(`node-exporter: 127.0.0.1:${port} is already in use (${hint})\n`);
      }
    } finally {
      server.close();
    }
  });

  test.each([
    [1, ['prometheus', '--config.fil=x'], "avalanche: unknown long flag '--config.fil', try --help\n"],
    [
      2, // as upstream ends where it cannot use its configuration
      ['prometheus', '--config.file=none.yml'],
      'prometheus: none.yml: no such file (choose another file with --config.file or --config-dir)\n',
    ],
    [1, ['celery-exporter'], 'avalanche: required flag --broker-url not provided, try --help\n'],
    [1, ['promtheus'], 'avalanche: there is no command "promtheus", try avalanche --help\n'],
  ])('exit code %d and one line: %j', async (code, args, line) => {
    const child = spawn(process.execPath, [command, ...args], { cwd: directory, stdio: ['ignore', 'ignore', 'pipe'] });
    const errors = collect(child);
    expect(await exitCode(child)).toBe(code);
    expect(errors()).toBe(line);
  });
});

function collect(child: ChildProcess): () => string {
  let text = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  return () => text;
}

function exitCode(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => child.once('close', (code) => resolve(code)));
}
