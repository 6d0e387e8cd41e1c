import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './services.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const command = join(root, 'packages/cli/bin/avalanche.mjs');

/** Whether `npm ci` or `npm run build` has built what the tests start. */
export const isBuilt = existsSync(join(root, 'packages/cli/dist/avalanche.js'));

export const ROLE_NAMES = [
  'application',
  'node-exporter',
  'postgres-exporter',
  'redis-exporter',
  'celery-exporter',
  'pushgateway',
  'prometheus',
  'alertmanager',
  'grafana',
] as const;
export type Role = (typeof ROLE_NAMES)[number];

/** A stack started as a user starts it, on free ports, with its own copy of `config/` and its own data. */
export interface TestStack {
  readonly directory: string;
  readonly configDirectory: string;
  readonly dataDirectory: string;
  readonly ports: Readonly<Record<Role, number>>;
  url(role: Role): string;
  /** Runs `avalanche up`; settles when the table has been printed, and returns it. */
  up(args?: readonly string[], env?: NodeJS.ProcessEnv): Promise<string>;
  /** Runs another subcommand in the background; it ends with the stack. */
  run(args: readonly string[]): ChildProcess;
  readonly pid: number;
  /** The process of the application, a child of ours. */
  applicationPid(): number;
  /** Ends `up` by a signal and waits; the exit code, or null where the signal killed it. */
  end(signal: NodeJS.Signals): Promise<number | null>;
  dispose(): Promise<void>;
}

/** Prepares a stack. `edit` changes a configuration file of the copy, given by its path below `config/`. */
export async function prepareStack(edits: Readonly<Record<string, (text: string) => string>> = {}): Promise<TestStack> {
  const directory = mkdtempSync(join(tmpdir(), 'avalanche-e2e-'));
  const configDirectory = join(directory, 'config');
  cpSync(join(root, 'config'), configDirectory, { recursive: true });
  for (const [name, edit] of Object.entries(edits)) {
    const file = join(configDirectory, name);
    writeFileSync(file, edit(existsSync(file) ? readFileSync(file, 'utf8') : ''));
  }
  const ports = {} as Record<Role, number>;
  for (const role of ROLE_NAMES) ports[role] = await freePort();
  return new Stack(directory, ports);
}

class Stack implements TestStack {
  readonly configDirectory: string;
  readonly dataDirectory: string;
  private process: ChildProcess | undefined;
  private readonly others: ChildProcess[] = [];

  constructor(
    readonly directory: string,
    readonly ports: Readonly<Record<Role, number>>,
  ) {
    this.configDirectory = join(directory, 'config');
    this.dataDirectory = join(directory, 'data');
  }

  url(role: Role): string {
    return `http://127.0.0.1:${this.ports[role]}`;
  }

  get pid(): number {
    return this.process?.pid ?? 0;
  }

  async up(args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<string> {
    const moves = ROLE_NAMES.flatMap((role) => ['--port', `${role}=${this.ports[role]}`]);
    const folders = ['--config-dir', this.configDirectory, '--data-dir', this.dataDirectory];
    const child = spawn(process.execPath, [command, 'up', ...folders, ...moves, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // what the user's own jobs have left is not for us
      env: { ...process.env, XDG_STATE_HOME: join(this.directory, 'state'), ...env },
    });
    this.process = child;
    let out = '';
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    await new Promise<void>((resolve, reject) => {
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        out += text;
        if (/^grafana\s.*\n/m.test(out)) resolve();
      });
      child.once('exit', (code) => reject(new Error(`up ended with ${code}: ${errors}`)));
    });
    return out;
  }

  run(args: readonly string[]): ChildProcess {
    const child = spawn(process.execPath, [command, ...args], { stdio: 'ignore' });
    this.others.push(child);
    return child;
  }

  applicationPid(): number {
    const children = readFileSync(`/proc/${this.pid}/task/${this.pid}/children`, 'utf8').trim().split(' ');
    const found = children.find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('edna.js'));
    if (!found) throw new Error('the application is not running');
    return Number(found);
  }

  async end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.process;
    if (!child) return null;
    this.process = undefined;
    return endProcess(child, signal);
  }

  async dispose(): Promise<void> {
    await this.end('SIGTERM');
    for (const child of this.others) await endProcess(child, 'SIGTERM');
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function endProcess(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => {
    child.once('exit', (code) => resolve(code));
    child.kill(signal);
  });
}

/** Waits until `read` gives what `accept` takes, asking ten times a second. @throws Error with the last value */
export async function eventually<T>(
  read: () => Promise<T> | T,
  accept: (value: T) => boolean,
  timeoutMs = 30_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await read();
      if (accept(value)) return value;
      last = value;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) {
      throw new Error(
        `not reached within ${timeoutMs} ms, last: ${last instanceof Error ? last.message : JSON.stringify(last)}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The result of an instant query. */
export async function query(
  prometheusUrl: string,
  text: string,
): Promise<{ metric: Record<string, string>; value: [number, string] }[]> {
  const response = await fetch(`${prometheusUrl}/api/v1/query?query=${encodeURIComponent(text)}`);
  const answer = (await response.json()) as { status: string; error?: string; data: { result: never[] } };
  if (answer.status !== 'success') throw new Error(answer.error);
  return answer.data.result;
}
