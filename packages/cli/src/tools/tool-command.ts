import { readFileSync, statSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { type FlagSpecs, type Flags, UsageError } from '../flags.ts';
import { type Output, standardOutput } from './output.ts';

/** What a command works with besides its arguments. */
export interface ToolContext {
  readonly output: Output;
  /** Milliseconds. */
  readonly now: () => number;
  /** What comes by standard input, where it is not that of the process. */
  readonly stdin?: () => string;
  /** Asks whoever sits at the terminal; not there where nobody does. */
  readonly ask?: (question: string) => Promise<string>;
  /** Waits some milliseconds, where not by the clock. */
  readonly pause?: (ms: number) => Promise<void>;
}

/** What a command of this process works with. */
export function standardContext(): ToolContext {
  return { output: standardOutput, now: Date.now, ...(process.stdin.isTTY ? { ask: askOnTerminal } : {}) };
}

async function askOnTerminal(question: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    // whoever leaves with Ctrl-D or Ctrl-C has said nothing
    const left = new Promise<string>((resolve) => terminal.once('close', () => resolve('')));
    return await Promise.race([terminal.question(question), left]);
  } finally {
    terminal.close();
  }
}

const STDIN_FD = 0;

/** All that comes by standard input. */
export function readStdin({ stdin = () => readFileSync(STDIN_FD, 'utf8') }: ToolContext): string {
  return stdin();
}

export interface ArgumentSpec {
  readonly name: string;
  readonly help: string;
  readonly required?: boolean;
  readonly default?: string;
  /** Takes all that follow. */
  readonly many?: boolean;
  /** Must be a file that is there. */
  readonly file?: boolean;
}

/** One leaf of the tree of commands. */
export interface ToolCommand {
  /** The words that name it, such as `tsdb list`. */
  readonly path: readonly string[];
  readonly summary: string;
  readonly flags: FlagSpecs;
  readonly requiredFlags?: readonly string[];
  readonly args: readonly ArgumentSpec[];
  /** @returns the exit code. @throws what is told in one line */
  run(input: ToolInput, context: ToolContext): Promise<number>;
}

/** Flags and arguments of one call, checked for number. */
export class ToolInput {
  constructor(
    readonly flags: Flags,
    private readonly specs: readonly ArgumentSpec[],
    requiredFlags: readonly string[] = [],
  ) {
    const { words } = flags;
    const many = specs.some((spec) => spec.many);
    if (!many && words.length > specs.length) throw new UsageError(`unexpected ${words[specs.length]}, try --help`);
    specs.forEach((spec, i) => {
      if (spec.file) for (const path of words.slice(i, spec.many ? undefined : i + 1)) checkFile(path);
    });
    const missing = specs.slice(words.length).find((spec) => spec.required);
    const missingFlags = requiredFlags
      .filter((name) => !flags.given(name))
      .map((name) => `'--${name}'`)
      .sort();
    if (missingFlags.length > 0) {
      throw new UsageError(`required flag(s) ${missingFlags.join(', ')} not provided, try --help`);
    }
    if (missing) throw new UsageError(`required argument '${missing.name}' not provided, try --help`);
  }

  /** The argument, its default, or `''`. */
  arg(name: string): string {
    const at = this.specs.findIndex((spec) => spec.name === name);
    return this.flags.words[at] ?? this.specs[at]?.default ?? '';
  }

  /** The arguments from this one on. */
  rest(name: string): readonly string[] {
    return this.flags.words.slice(this.specs.findIndex((spec) => spec.name === name));
  }

  /** A flag that `parse` understands; what it throws becomes a usage error, as with the original. */
  parsed<T>(flag: string, parse: (text: string) => T): T {
    try {
      return parse(this.flags.string(flag));
    } catch (error) {
      throw new UsageError(`${(error as Error).message}, try --help`);
    }
  }
}

/** @throws UsageError where there is no such file */
export function checkFile(path: string): void {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) throw new UsageError(`path '${path}' does not exist, try --help`);
  if (stat.isDirectory()) throw new UsageError(`'${path}' is a directory, try --help`);
}

/** A whole number of 64 bits, to the precision of a double. @throws Error with Go's words */
export function parseInt64(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) throw new Error(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  return Number(text);
}

export const databasePath: ArgumentSpec = { name: 'db path', help: 'The data directory.', default: 'data/' };
