import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../support/services.ts';
import { isBuilt } from '../support/stack.ts';

const cli = fileURLToPath(new URL('../../packages/cli/bin/avalanche.mjs', import.meta.url));
describe.skipIf(!isBuilt)('avalanche track (needs a build)', () => {
  const directory = mkdtempSync(join(tmpdir(), 'track-'));
  let port: number;
  let server: ChildProcess;
  let url: string;

  beforeAll(async () => {
    port = await freePort();
    url = `http://127.0.0.1:${port}`;
    server = await startServer();
  }, 20_000);
  afterAll(async () => {
    await stopServer();
    rmSync(directory, { recursive: true, force: true });
  });

  async function startServer(): Promise<ChildProcess> {
    const flags = [`--web.listen-address=127.0.0.1:${port}`, `--storage.path=${directory}`];
    const child = spawn(process.execPath, [cli, 'pushgateway', ...flags, '--log.level=error'], { stdio: 'inherit' });
    for (let i = 0; i < 200; i++) {
      if ((await fetch(`${url}/-/ready`).catch(() => undefined))?.ok) return child;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    child.kill('SIGKILL');
    throw new Error('the pushgateway role does not answer');
  }

  function stopServer(): Promise<void> {
    return new Promise((resolve) => {
      server.once('exit', () => resolve());
      server.kill('SIGTERM');
    });
  }

  interface Tracked {
    readonly code: number | null;
    readonly signal: NodeJS.Signals | null;
    readonly out: string;
    readonly errors: string;
    readonly bytes: number;
  }

  /** `avalanche track` with these words, until it has ended. */
  function track(
    words: readonly string[],
    during: (child: ChildProcess) => void = () => {},
    input = '',
  ): Promise<Tracked> {
    const environment = { ...process.env, AVALANCHE_RUNS_URL: url, XDG_STATE_HOME: join(directory, 'state') };
    const child = spawn(process.execPath, [cli, 'track', ...words], { env: environment });
    let [out, errors, bytes] = ['', '', 0];
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (out.length < 4096) out += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    child.stdin.end(input);
    during(child);
    return new Promise((resolve) => {
      // not `close`: a daemon that a job leaves behind may hold the output open
      child.once('exit', (code, signal) => setTimeout(resolve, 50, { code, signal, out, errors, bytes }));
    });
  }

  const shell = (name: string, script: string): string[] => ['test', name, '--', 'sh', '-c', script];

  interface RunJson {
    readonly outcome: string;
    readonly duration_seconds: number;
    readonly cpu_seconds: number;
    readonly [key: string]: unknown;
  }

  async function runsOf(name: string): Promise<RunJson[]> {
    const response = await fetch(`${url}/api/v1/runs?kind=test&name=${name}`);
    return ((await response.json()) as { data: { runs: RunJson[] } }).data.runs;
  }

  const spool = (): string[] => {
    const folder = join(directory, 'state', 'avalanche', 'runs', encodeURIComponent(`127.0.0.1:${port}`));
    return existsSync(folder) ? readdirSync(folder) : [];
  };

  test('a job has standard input, output and error, its arguments and its environment', async () => {
    const script = 'cat; echo "$1|$2" >&2; echo "$AVALANCHE_RUN_ID $AVALANCHE_RUNS_URL"';
    const words = [
      'test',
      'pipes',
      '--run-id=my-run',
      '--param',
      'reads=5',
      '--',
      'sh',
      '-c',
      script,
      'sh',
      'a b',
      '--help',
    ];
    const { code, out, errors } = await track(words, undefined, 'some input\n');
    expect({ code, out, errors }).toEqual({ code: 0, out: `some input\nmy-run ${url}/\n`, errors: 'a b|--help\n' });
    const [run] = await runsOf('pipes');
    expect(run).toMatchObject({ run_id: 'my-run', outcome: 'success', exit_status: 0, parameters: { reads: '5' } });
  });

  test.each([0, 1, 7, 126, 127, 255])('exit status %i', async (status) => {
    expect(await track(shell(`exit-${status}`, `exit ${status}`))).toMatchObject({ code: status, signal: null });
    expect(await runsOf(`exit-${status}`)).toMatchObject([
      { exit_status: status, outcome: status === 0 ? 'success' : 'failed' },
    ]);
  });

  test.each(['SIGTERM', 'SIGKILL', 'SIGHUP'] as const)('a job that ends by %s', async (signal) => {
    const ended = await track(shell(`by-${signal}`, `kill -${signal.slice(3)} $$`));
    expect(ended).toMatchObject({ code: null, signal });
    expect(await runsOf(`by-${signal}`)).toMatchObject([{ outcome: 'failed', signal }]);
  });

  test('a job that crashes ends as in a shell, and no core of ours is written', async () => {
    expect(await track(shell('crash', 'kill -SEGV $$'))).toMatchObject({ code: 139, signal: null });
    expect(await runsOf('crash')).toMatchObject([{ exit_status: 139, signal: 'SIGSEGV', outcome: 'failed' }]);
  });

  test('a signal is passed on, and the job decides', async () => {
    const script = "trap 'echo caught; exit 9' TERM; echo ready; while :; do sleep 0.05; done";
    const ended = await track(shell('trap', script), (child) => {
      child.stdout?.once('data', () => child.kill('SIGTERM'));
    });
    expect(ended).toMatchObject({ code: 9, out: 'ready\ncaught\n' });
  });

  test('a command that is not there, or is no program', async () => {
    expect(await track(['test', 'missing', '--', '/no/such/program'])).toMatchObject({
      code: 127,
      errors: 'avalanche track: /no/such/program: command not found\n',
    });
    expect((await track(['test', 'folder', '--', '/etc'])).code).toBe(126);
    expect(await runsOf('missing')).toMatchObject([{ exit_status: 127, error: '/no/such/program: command not found' }]);
  });

  test('a command that is empty, and parameters too long for the server', async () => {
    const words = ['test', 'strange', '--param', `sample=${'x'.repeat(5_000)}`, '--', ''];
    expect((await track(words)).code).toBe(126);
    expect(await runsOf('strange')).toMatchObject([{ exit_status: 126, parameters: { sample: 'x'.repeat(4096) } }]);
  });

  test('an address in the environment that is none does not keep a job from running', async () => {
    const child = spawn(process.execPath, [cli, 'track', ...shell('env', 'exit 3')], {
      env: { ...process.env, AVALANCHE_RUNS_URL: 'http://[', XDG_STATE_HOME: join(directory, 'other') },
    });
    expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(3);
  });

  test('under nohup a job goes on when the terminal goes away', async () => {
    const script = `nohup "$0" "$1" track test nohup -- sh -c 'kill -HUP $$; kill -HUP $PPID; sleep 0.3; exit 5'; exit $?`;
    const environment = { ...process.env, AVALANCHE_RUNS_URL: url, XDG_STATE_HOME: join(directory, 'state') };
    const child = spawn('bash', ['-c', script, process.execPath, cli], { env: environment });
    expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(5);
    expect(await runsOf('nohup')).toMatchObject([{ exit_status: 5, command: expect.stringMatching(/^sh -c/) }]);
  });

  test('what it used is measured', async () => {
    const script =
      'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; head -c 60000000 /dev/zero | tail -c 50000000 >/dev/null';
    await track(shell('used', script));
    const [run] = await runsOf('used');
    expect(run.cpu_seconds).toBeGreaterThan(0.05);
    expect(run.cpu_seconds).toBeLessThan(run.duration_seconds * 3);
    expect(run.peak_memory_bytes).toBeGreaterThan(20e6);
    expect(run.peak_memory_bytes).toBeLessThan(200e6);
    expect(run).toHaveProperty('written_bytes');
  });

  test('1 GB of output goes through untouched', async () => {
    const { code, bytes } = await track(shell('loud', 'head -c 1000000000 /dev/zero'));
    expect({ code, bytes }).toEqual({ code: 0, bytes: 1_000_000_000 });
  }, 60_000);

  test('a daemon that the job leaves behind holds nothing up', async () => {
    const begin = Date.now();
    const { code } = await track(shell('daemon', 'setsid sleep 20 & exit 4'));
    expect(code).toBe(4);
    expect(Date.now() - begin).toBeLessThan(8_000);
  });

  test('a job under way is seen, and one whose tracker is killed is not forgotten', async () => {
    const script = `curl -s -d event=log -d run_id=$AVALANCHE_RUN_ID -d epoch=1 -d loss=0.5 $AVALANCHE_RUNS_URL/api/v1/runs || true; echo on; sleep 5`;
    const ended = track(shell('killed', script), (child) => {
      child.stdout?.once('data', () => setTimeout(() => child.kill('SIGKILL'), 300));
    });
    await expect.poll(async () => (await runsOf('killed'))[0]?.outcome, { timeout: 8_000 }).toBe('running');
    expect(await ended).toMatchObject({ signal: 'SIGKILL' });
    expect(await runsOf('killed')).toMatchObject([{ outcome: 'running', ttl_seconds: 300 }]);
    // its start is still in the spool: the next tracker delivers it, which changes nothing
    await track(shell('next', 'sleep 0.5'));
    await expect.poll(() => spool(), { timeout: 5_000 }).toEqual([]);
    expect(await runsOf('killed')).toHaveLength(1);
  }, 30_000);

  describe('where nobody takes reports', () => {
    test('jobs run as ever, and what they did is told later', async () => {
      await stopServer();
      const begin = Date.now();
      for (const status of [0, 3]) expect((await track(shell('later', `exit ${status}`))).code).toBe(status);
      expect(Date.now() - begin).toBeLessThan(8_000);
      expect(spool()).toHaveLength(2);
      server = await startServer();
      expect((await track(shell('now', 'sleep 1'))).code).toBe(0);
      expect((await runsOf('later')).map(({ outcome }) => outcome).sort()).toEqual(['failed', 'success']);
      expect(spool()).toEqual([]);
      const text = await (await fetch(`${url}/metrics`)).text();
      expect(text).toContain('job_runs_total{kind="test",name="later",outcome="failed"} 1');
    }, 40_000);

    test('a server that hangs holds the end up for a moment only', async () => {
      server.kill('SIGSTOP');
      try {
        const begin = Date.now();
        expect((await track(shell('hang', 'exit 5'))).code).toBe(5);
        expect(Date.now() - begin).toBeLessThan(7_000);
      } finally {
        server.kill('SIGCONT');
      }
    }, 20_000);

    test('a spool that cannot be written costs the report only, and it says so', async () => {
      const words = ['test', 'full', '--server=127.0.0.1:1', '--spool-dir=/proc/nothing', '--', 'sh', '-c', 'exit 6'];
      const { code, errors } = await track(words);
      expect(code).toBe(6);
      expect(errors).toContain('could be neither reported nor kept');
    });
  });

  test.each([
    [[], 'usage: avalanche track KIND NAME'],
    [['analysis', 'x'], 'usage: avalanche track KIND NAME'],
    [['analysis', 'x', '--'], 'usage: avalanche track KIND NAME'],
    [['analysis', 'x', '--param', 'y', '--', 'true'], '--param wants NAME=VALUE'],
    [['analysis', 'x', '--grace', 'soon', '--', 'true'], '--grace: '],
    [['analysis', 'x', '--colour', '--', 'true'], "unknown long flag '--colour'"],
  ])('track %j is refused before anything runs', async (words, reason) => {
    const { code, errors } = await track(words);
    expect(code).toBe(1);
    expect(errors).toContain(reason);
  });

  test('help names the flags', async () => {
    const { code, out } = await track(['--help']);
    expect(code).toBe(0);
    expect(out).toContain('--spool-dir');
  });
});
