import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './services.ts';

/** Whether Debian's package prometheus is installed. */
export const hasPrometheus = spawnSync('prometheus', ['--version']).status === 0;

export interface RealPrometheus {
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts the real Prometheus, scraping `targets` (host:port) every second. */
export async function startRealPrometheus(targets: readonly string[]): Promise<RealPrometheus> {
  const directory = mkdtempSync(join(tmpdir(), 'real-prometheus-'));
  const config = join(directory, 'prometheus.yml');
  const job = { job_name: 'ours', static_configs: [{ targets }] };
  writeFileSync(config, JSON.stringify({ global: { scrape_interval: '1s' }, scrape_configs: [job] }));
  const port = await freePort();
  const child = spawn(
    'prometheus',
    [`--config.file=${config}`, `--storage.tsdb.path=${directory}/data`, `--web.listen-address=127.0.0.1:${port}`],
    { stdio: 'ignore' },
  );
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return {
    url: `http://127.0.0.1:${port}`,
    async stop() {
      child.kill('SIGTERM');
      await exited;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
