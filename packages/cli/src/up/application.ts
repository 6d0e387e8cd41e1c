import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '@avalanche/model';
import { type RunningRole, StartupError } from '@avalanche/web';
import { distDirectory } from '../version.ts';
import { urlHost } from './probe.ts';

const READY_TIMEOUT_MS = 15_000;
const STOP_TIMEOUT_MS = 4_500;

export interface ApplicationProcessOptions {
  readonly host: string;
  readonly port: number;
  /** Where the state of its task queue is served; null where something else serves that. */
  readonly queuePort: number | null;
  readonly dataDirectory: string;
  /** Where it reports runs; null for nowhere. */
  readonly runsUrl: string | null;
  readonly demo: boolean;
  readonly logger: Logger;
}

export interface RunningApplicationProcess extends RunningRole {
  /** Settles when the process has ended, whoever ended it. */
  readonly ended: Promise<unknown>;
}

/** The flags of the eDNA service for these options. */
function applicationArgs(options: ApplicationProcessOptions): string[] {
  return [
    ...['--host', options.host, '--port', String(options.port)],
    ...['--queue-port', options.queuePort === null ? 'off' : String(options.queuePort)],
    ...['--data-dir', options.dataDirectory],
    ...(options.runsUrl === null ? [] : ['--runs-url', options.runsUrl]),
    ...(options.demo ? ['--demo'] : []),
    ...['--log-level', 'warn'],
  ];
}

/**
 * Starts the eDNA service as a process of its own, so that its death is an alert and not ours; it ends with us, even
 * when we are killed, because it watches the channel between us. It is not started again when it dies: that is for
 * whoever gets the alert to decide.
 * @throws StartupError where it does not come up
 */
export async function startApplicationProcess(options: ApplicationProcessOptions): Promise<RunningApplicationProcess> {
  const script = join(distDirectory, 'edna.js');
  if (!existsSync(script)) throw new StartupError('application', `${script} is missing`, 'run `npm run build`');
  const child = spawn(process.execPath, [script, ...applicationArgs(options)], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const { tail } = forwardErrors(child);
  let stopping = false;
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    // not `exit`: what it said on stderr may come after that, and says why
    child.once('close', (code, signal) => resolve(signal ? `signal ${signal}` : `exit code ${code}`));
  });
  const url = `http://${urlHost(options.host)}:${options.port}`;
  const ready = await Promise.race([untilHealthy(url), exited.then(() => false)]);
  if (!ready) {
    child.kill('SIGKILL');
    const reason = (await exited.then(() => tail())) || 'it did not answer in time';
    throw new StartupError('application', reason.replace(/^application: /, ''), '');
  }
  void exited.then((how) => {
    if (stopping) return;
    const again = `npx avalanche application ${restartFlags(options)}`;
    options.logger.error('The application has ended', { how, startAgain: again });
  });
  return {
    name: 'application',
    url,
    ended: exited,
    async stop() {
      stopping = true;
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      const killer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      await exited;
      clearTimeout(killer);
    },
  };
}

function restartFlags({ host, port, queuePort, dataDirectory, runsUrl, demo }: ApplicationProcessOptions): string {
  const listen = host === '127.0.0.1' ? '' : `--listen ${host} `;
  const runs = runsUrl === null ? '' : ` --runs-url ${runsUrl}`;
  return `${listen}--port ${port} --queue-port ${queuePort ?? 'off'} --data-dir ${dataDirectory}${runs}${demo ? ' --demo' : ''}`;
}

/** Passes the child's stderr on, and keeps its last line to say why it did not start. */
function forwardErrors(child: ChildProcess): { readonly tail: () => string } {
  let last = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    last = text.trimEnd().split('\n').at(-1) ?? last;
    if (!text.startsWith('application: ')) process.stderr.write(text);
  });
  return { tail: () => last };
}

async function untilHealthy(url: string): Promise<boolean> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (Date.now() < deadline) {
    try {
      const response = await fetch(`${url}/health`, { signal: AbortSignal.timeout(1000) });
      await response.body?.cancel();
      if (response.ok) return true;
    } catch {
      // not listening yet
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
}
