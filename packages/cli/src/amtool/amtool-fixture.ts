import { spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningAlertmanager, startAlertmanager } from '@avalanche/alertmanager';
import { silentLogger } from '@avalanche/model';
import { realAlertmanager, startRealAlertmanager } from '../../../../tests/support/real-alertmanager.ts';
import type { ToolContext } from '../tools/tool-command.ts';
import { runAmtool } from './amtool.ts';

export interface Result {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

type Run = (args: readonly string[], context: ToolContext) => Promise<number>;

/** Runs one of our tools in this process; `given` is what it works with where not with the defaults. */
export async function runTool(run: Run, args: readonly string[], given: Partial<ToolContext> = {}): Promise<Result> {
  let out = '';
  let err = '';
  const output = {
    out: (text: string) => {
      out += text;
    },
    err: (text: string) => {
      err += text;
    },
  };
  const code = await run(args, { output, now: Date.now, ...given });
  return { code, out, err };
}

export function ours(args: readonly string[], given?: Partial<ToolContext>): Promise<Result> {
  return runTool(runAmtool, args, given);
}

const isThere = (program: string): boolean => spawnSync(program, ['--version']).error === undefined;

export const amtoolIsMissing = !isThere('amtool');
export const alertmanagerIsMissing = realAlertmanager === undefined;

/** Runs the real one, without holding the event loop, on which our own server answers it. @param input a file */
export function theirs(args: readonly string[], input = '/dev/null'): Promise<Result> {
  return new Promise((resolve) => {
    const stdin = openSync(input, 'r');
    const child = spawn('amtool', args, { stdio: [stdin, 'pipe', 'pipe'] });
    closeSync(stdin);
    let out = '';
    let err = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      err += text;
    });
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

/** A directory with servers in it; `end` ends them. */
export class Place {
  readonly directory = mkdtempSync(join(tmpdir(), 'amtool-'));
  private readonly ends: (() => unknown)[] = [];
  private readonly home = process.env.HOME;

  constructor() {
    process.env.HOME = this.directory;
  }

  async end(): Promise<void> {
    process.env.HOME = this.home;
    for (const end of this.ends.splice(0).reverse()) await end();
    rmSync(this.directory, { recursive: true, force: true });
  }

  file(name: string, text: string): string {
    const path = join(this.directory, name);
    writeFileSync(path, text);
    return path;
  }

  onEnd(end: () => unknown): void {
    this.ends.push(end);
  }

  async startOurs(yaml: string): Promise<RunningAlertmanager> {
    const alertmanager = await startAlertmanager({
      configFile: this.file('ours.yml', yaml),
      directory: join(this.directory, 'ours'),
      listen: { host: '127.0.0.1', port: 0 },
      logger: silentLogger,
      version: '1.2.3',
    });
    this.onEnd(() => alertmanager.stop());
    return alertmanager;
  }

  /** The real Alertmanager's URL. */
  async startReal(yaml: string): Promise<string> {
    const configFile = this.file('real.yml', yaml);
    const { url, stop } = await startRealAlertmanager({ configFile, directory: join(this.directory, 'real') });
    this.onEnd(stop);
    return url;
  }
}
