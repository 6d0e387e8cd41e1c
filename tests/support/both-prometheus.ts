/**
 * Debian's Prometheus and ours on the same block, configuration, rule files and targets, in directories of their own
 * below one temporary directory.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@avalanche/model';
import { type PrometheusOptions, type RunningPrometheus, startPrometheus } from '@avalanche/prometheus';
import { freePort } from './services.ts';

/** Whether Debian's package prometheus, promtool included, is installed. */
export const hasBoth = ['prometheus', 'promtool'].every((name) => spawnSync(name, ['--version']).status === 0);

export interface BothPrometheus {
  readonly directory: string;
  readonly theirs: string;
  readonly ours: string;
  stop(): Promise<void>;
}

export interface BothOptions {
  /** Lines of OpenMetrics for the block, without `# EOF`. */
  readonly openmetrics: string;
  /** What the live target exposes. */
  readonly exposition: string;
  readonly rules: string;
  /** `prometheus.yml`, given the addresses of a live target and of one that nobody listens on. */
  readonly config: (addresses: { readonly live: string; readonly dead: string }) => object;
  readonly flags?: readonly string[];
  readonly options?: Partial<PrometheusOptions>;
}

/** @throws Error where one of them does not start */
export async function startBothPrometheus(given: BothOptions): Promise<BothPrometheus> {
  const directory = mkdtempSync(join(tmpdir(), 'both-prometheus-'));
  const target = await startTarget(given.exposition);
  writeFileSync(join(directory, 'in.om'), `${given.openmetrics}# EOF\n`);
  const block = join(directory, 'block');
  spawnSync('promtool', ['tsdb', 'create-blocks-from', 'openmetrics', join(directory, 'in.om'), block]);
  const config = JSON.stringify(given.config({ live: target.address, dead: `127.0.0.1:${await freePort()}` }));
  const folderOf = (name: string) => {
    const folder = join(directory, name);
    mkdirSync(folder);
    writeFileSync(join(folder, 'prometheus.yml'), config);
    writeFileSync(join(folder, 'rules.yml'), given.rules);
    cpSync(block, join(folder, 'data'), { recursive: true });
    return folder;
  };
  const theirs = await startTheirs(folderOf('theirs'), given.flags ?? []);
  const ours = await startOurs(folderOf('ours'), given.options ?? {});
  return {
    directory,
    theirs: theirs.url,
    ours: ours.url,
    async stop() {
      const { exitCode, signalCode } = theirs.process;
      const hasEnded = exitCode !== null || signalCode !== null;
      const ended = hasEnded || new Promise((resolve) => theirs.process.once('exit', resolve));
      theirs.process.kill();
      await Promise.all([ended, ours.stop()]);
      await new Promise((resolve) => target.server.close(resolve));
      rmSync(directory, { recursive: true });
    },
  };
}

async function startTarget(exposition: string): Promise<{ readonly server: Server; readonly address: string }> {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'text/plain; version=0.0.4');
    response.end(exposition);
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return { server, address: `127.0.0.1:${port}` };
}

/** Debian's, when it is ready. */
export async function startTheirs(
  folder: string,
  flags: readonly string[],
): Promise<{ readonly url: string; readonly process: ChildProcess }> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(
    'prometheus',
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--storage.tsdb.retention.time=100y',
      ...flags,
    ],
    { stdio: 'ignore', cwd: folder },
  );
  for (let i = 0; (await fetch(`${url}/-/ready`).catch(() => null))?.status !== 200; i++) {
    if (i > 200) throw new Error('the real Prometheus does not start');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { url, process: child };
}

export function startOurs(folder: string, options: Partial<PrometheusOptions>): Promise<RunningPrometheus> {
  return startPrometheus({
    configFile: join(folder, 'prometheus.yml'),
    directory: join(folder, 'data'),
    listen: { host: '127.0.0.1', port: 0 },
    logger: silentLogger,
    version: 'test',
    ...options,
    storage: { retentionMs: 0, ...options.storage },
  });
}
