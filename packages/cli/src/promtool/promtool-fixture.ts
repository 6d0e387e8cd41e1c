import { spawnSync } from 'node:child_process';
import { runPromtool } from './promtool.ts';

export const START_MS = 1_700_000_000_000;

export interface Result {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs our promtool in this process. */
export async function ours(...args: string[]): Promise<Result> {
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
  const code = await runPromtool(args, { output, now: () => START_MS });
  return { code, out, err };
}

/** Runs the real one. */
export function theirs(...args: string[]): Result {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  return { code: status, out: stdout, err: stderr };
}

export const promtoolIsMissing = spawnSync('promtool', ['--version']).error !== undefined;

/** Runs ours with this as standard input. */
export async function oursReading(text: string, ...args: string[]): Promise<Result> {
  let out = '';
  let err = '';
  const output = {
    out: (more: string) => {
      out += more;
    },
    err: (more: string) => {
      err += more;
    },
  };
  const code = await runPromtool(args, { output, now: () => START_MS, stdin: () => text });
  return { code, out, err };
}

/** Runs the real one with this as standard input. */
export function theirsReading(input: string, ...args: string[]): Result {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8', input });
  return { code: status, out: stdout, err: stderr };
}
