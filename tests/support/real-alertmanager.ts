import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { freePort } from './services.ts';

const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/local/bin'];

/** Where a program is, or undefined. */
export function programOnPath(...names: readonly string[]): string | undefined {
  return names
    .flatMap((name) => folders.map((folder) => join(folder, name)))
    .find((file) => {
      try {
        accessSync(file);
        return true;
      } catch {
        return false;
      }
    });
}

/** The real Alertmanager's program; another one than Debian's by REAL_ALERTMANAGER. */
export const realAlertmanager =
  process.env.REAL_ALERTMANAGER ?? programOnPath('prometheus-alertmanager', 'alertmanager');

export interface RealAlertmanager {
  readonly url: string;
  stop(): Promise<void>;
}

export interface RealAlertmanagerOptions {
  readonly configFile: string;
  /** Its state. */
  readonly directory: string;
  /** Default: a free one. */
  readonly port?: number;
}

/** Starts it alone, as its cluster takes seconds to settle. @throws Error with the end of its log where it does not come up */
export async function startRealAlertmanager(options: RealAlertmanagerOptions): Promise<RealAlertmanager> {
  const { configFile, directory, port = await freePort() } = options;
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(realAlertmanager ?? '', [
    ...[`--config.file=${configFile}`, `--storage.path=${directory}`, '--cluster.listen-address='],
    ...[`--web.listen-address=127.0.0.1:${port}`, '--web.external-url=http://am.test'],
  ]);
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => {
    log = (log + chunk.toString()).slice(-2000);
  });
  for (let i = 0; i < 200 && child.exitCode === null; i++) {
    if ((await fetch(`${url}/-/ready`).catch(() => undefined))?.ok) return { url, stop: () => end(child) };
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await end(child);
  throw new Error(`${url} does not answer: ${log}`);
}

function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once('exit', () => resolve());
    child.kill();
  });
}
