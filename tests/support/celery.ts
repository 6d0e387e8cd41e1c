/**
 * Real Celery workers for tests, of Debian's python3-celery. `shop.py` beside this file is their application.
 */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { withParentDeathSignal } from './services.ts';

const PYTHON = '/usr/bin/python3';
const directory = fileURLToPath(new URL('celery', import.meta.url));

/** Whether Debian's python3-celery and python3-redis are there. */
export const hasCelery = imports('celery, redis');

function imports(modules: string): boolean {
  try {
    execFileSync(PYTHON, ['-c', `import ${modules}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

export interface CeleryWorker {
  readonly process: ChildProcess;
  /** Takes the worker away without a word, as `kill -9` does. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

function environment(broker: string, brokerOptions: object): NodeJS.ProcessEnv {
  return {
    ...process.env,
    BROKER: broker,
    BROKER_OPTIONS: JSON.stringify(brokerOptions),
    PYTHONDONTWRITEBYTECODE: '1',
    C_FORCE_ROOT: '1',
  };
}

/**
 * Starts a worker and waits until it is ready.
 * @param name `name@host` @param args further ones of `celery worker`
 * @throws Error with its last output when it does not come up
 */
export async function startCeleryWorker(
  broker: string,
  name: string,
  args: readonly string[] = [],
  brokerOptions: object = {},
): Promise<CeleryWorker> {
  const own = ['-A', 'shop', 'worker', '-n', name, '-c', '2', '-Q', 'celery,mail', '-l', 'INFO'];
  const quick = ['--without-gossip', '--without-mingle'];
  const [command, ...rest] = withParentDeathSignal([PYTHON, '-m', 'celery', ...own, ...quick, ...args]);
  const child = spawn(command, rest, {
    cwd: directory,
    env: environment(broker, brokerOptions),
    detached: true, // so that its pool can be ended with it
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const endGroup = () => {
    try {
      process.kill(-(child.pid as number), 'SIGKILL');
    } catch {
      // all of them have ended
    }
  };
  process.once('exit', endGroup);
  const kill = async () => {
    endGroup();
    await exited;
    process.removeListener('exit', endGroup);
  };
  const stop = async () => {
    child.kill('SIGTERM');
    const timer = setTimeout(endGroup, 5_000);
    await exited;
    clearTimeout(timer);
    await kill();
  };
  await untilReady(child).catch(async (error: unknown) => {
    await kill();
    throw error;
  });
  return { process: child, kill, stop };
}

function untilReady(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let output = '';
    const timer = setTimeout(() => reject(new Error(`the worker is not ready in time:\n${output}`)), 30_000);
    const read = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-16_384);
      if (!/ ready\.\n/.test(output)) return;
      clearTimeout(timer);
      resolve();
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    child.once('exit', () => reject(new Error(`the worker ended:\n${output}`)));
  });
}

/** Sends tasks as the commands say; see `shop.py`. */
export async function sendTasks(
  broker: string,
  commands: readonly string[],
  brokerOptions: object = {},
): Promise<void> {
  await promisify(execFile)(PYTHON, ['shop.py', ...commands], {
    cwd: directory,
    env: environment(broker, brokerOptions),
  });
}
