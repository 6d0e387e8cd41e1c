import { describeFlags, type FlagSpecs, parseFlags, UsageError } from '../flags.ts';
import { VERSION } from '../version.ts';
import { describeFailure } from './failure.ts';
import { type ToolCommand, type ToolContext, ToolInput } from './tool-command.ts';

/** A program of many commands, such as promtool. */
export interface ToolProgram {
  readonly name: string;
  readonly commands: readonly ToolCommand[];
  /** Flags that every command takes. */
  readonly commonFlags: FlagSpecs;
  /** Which command is meant where words name only a group: `alert` is `alert query`. */
  readonly defaults?: Readonly<Record<string, string>>;
  /** What flags are where they are not given, by a file of the user. @throws Error */
  readonly settings?: () => Readonly<Record<string, string>>;
  /** How a complaint is written, where not as `name: error: …` with a hint for what was typed wrongly. */
  readonly complain?: (error: unknown) => string | null;
}

/** Runs a program with these arguments. @returns the exit code */
export async function runTool(program: ToolProgram, args: readonly string[], context: ToolContext): Promise<number> {
  const { output } = context;
  try {
    return await new ToolRun(program).run(args, context);
  } catch (error) {
    const text = (program.complain ?? ((failure) => complaint(program, failure)))(error);
    if (text === null) throw error;
    output.err(text);
    return 1;
  }
}

function complaint({ name }: ToolProgram, error: unknown): string | null {
  if (error instanceof UsageError) return `${name}: error: ${error.message}\n`;
  const text = describeFailure(error);
  return text === null ? null : `${text}\n`;
}

interface Words {
  /** The longest run of words that names commands. */
  readonly path: readonly string[];
  /** What is left, flags between the words included. */
  readonly rest: readonly string[];
  readonly help: boolean;
}

class ToolRun {
  constructor(private readonly program: ToolProgram) {}

  async run(args: readonly string[], context: ToolContext): Promise<number> {
    const { name, commands, commonFlags, settings } = this.program;
    if (args[0] === '--version') {
      context.output.out(`${name}, version ${VERSION} (avalanche)\n`);
      return 0;
    }
    const { path, rest, help } = this.wordsOf(args);
    const command = commands.find((candidate) => samePath(candidate.path, path));
    if (help || path.length === 0) {
      context.output.out(command ? this.describe(command) : this.usage(path));
      return 0;
    }
    if (!command) throw new UsageError(`must select a subcommand of '${path.join(' ')}', try --help`);
    const specs = withDefaults({ ...command.flags, ...commonFlags }, settings?.() ?? {});
    const flags = parseFlags(rest, specs);
    return command.run(new ToolInput(flags, command.args, command.requiredFlags), context);
  }

  /** Divides arguments into the command and the rest, as kingpin does. @throws UsageError for an unknown command */
  private wordsOf(args: readonly string[]): Words {
    const path: string[] = [];
    const rest: string[] = [];
    let isHelp = false;
    let at = 0;
    for (; at < args.length && !this.isLeaf(path); at++) {
      const word = args[at];
      if (word === 'help' && path.length === 0 && !isHelp) {
        isHelp = true;
        continue;
      }
      if (word.startsWith('-') && !this.below([...path, word]).length) {
        if (this.defaultOf(path) && !this.isKnown(word, path)) break;
        this.checkKnown(word, path);
        rest.push(word);
        if (this.takesValue(word, path) && at + 1 < args.length) rest.push(args[++at]);
        continue;
      }
      if (!this.below([...path, word]).length) {
        if (this.defaultOf(path)) break;
        throw new UsageError(`expected command but got ${JSON.stringify(word)}, try --help`);
      }
      path.push(word);
    }
    rest.push(...args.slice(at));
    const help = isHelp || rest.some(isHelpFlag);
    if (!help) for (let word = this.defaultOf(path); word; word = this.defaultOf(path)) path.push(word);
    return { path, rest, help };
  }

  private defaultOf(path: readonly string[]): string | undefined {
    return this.program.defaults?.[path.join(' ')];
  }

  /** Whether a flag is one of all the commands that can still be meant. */
  private isKnown(flag: string, path: readonly string[]): boolean {
    return isHelpFlag(flag) || this.below(path).every((command) => this.specOf(flag, command) !== undefined);
  }

  /** @throws UsageError for a flag of none of them */
  private checkKnown(flag: string, path: readonly string[]): void {
    if (isHelpFlag(flag) || this.below(path).some((command) => this.specOf(flag, command))) return;
    parseFlags([flag], this.program.commonFlags);
  }

  /** Whether a flag between the words of a command is followed by its value. */
  private takesValue(flag: string, path: readonly string[]): boolean {
    if (flag.includes('=') || /^-[a-zA-Z]./.test(flag)) return false;
    return this.below(path).some((command) => (this.specOf(flag, command)?.kind ?? 'boolean') !== 'boolean');
  }

  private specOf(flag: string, command: ToolCommand) {
    const name = flag.replace(/=.*$/s, '');
    return Object.entries({ ...command.flags, ...this.program.commonFlags }).find(
      ([long, { kind, short }]) =>
        name === `--${long}` ||
        (kind === 'boolean' && name === `--no-${long}`) ||
        (short !== undefined && (kind === 'boolean' ? name === `-${short}` : name.startsWith(`-${short}`))),
    )?.[1];
  }

  private below(path: readonly string[]): readonly ToolCommand[] {
    return this.program.commands.filter((command) => path.every((word, i) => command.path[i] === word));
  }

  private isLeaf(path: readonly string[]): boolean {
    return this.program.commands.some((command) => samePath(command.path, path));
  }

  private usage(path: readonly string[]): string {
    const { name, commonFlags } = this.program;
    const rows = this.below(path).map((command) => `  ${synopsis(command)}\n      ${command.summary}\n`);
    const common = describeFlags(commonFlags);
    return `usage: avalanche ${name} ${[...path, '<command>'].join(' ')} [<args> ...]

${rows.join('\n')}${common === '' ? '' : `\nFlags of all commands:\n${common}\n`}
\`avalanche ${name} help COMMAND\` lists the flags of a command.
`;
  }

  private describe(command: ToolCommand): string {
    const args = command.args.map(({ name, help, default: value }) => {
      return `  ${`<${name}>`.padEnd(24)}${help}${value ? ` Default: ${value}.` : ''}\n`;
    });
    return `usage: avalanche ${this.program.name} ${synopsis(command)}

${command.summary}

Flags:
${describeFlags({ ...command.flags, ...this.program.commonFlags })}

Args:
${args.join('')}`;
  }
}

function withDefaults(specs: FlagSpecs, settings: Readonly<Record<string, string>>): FlagSpecs {
  return Object.fromEntries(
    Object.entries(specs).map(([name, spec]) => [
      name,
      Object.hasOwn(settings, name) ? { ...spec, default: settings[name] } : spec,
    ]),
  );
}

function isHelpFlag(word: string): boolean {
  return word === '--help' || word === '-h';
}

function samePath(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((word, i) => b[i] === word);
}

function synopsis({ path, flags, requiredFlags = [], args }: ToolCommand): string {
  const required = requiredFlags.map((name) => `--${name}=${name.toUpperCase()}`);
  const optional = Object.keys(flags).length > requiredFlags.length ? ['[<flags>]'] : [];
  const words = args.map(({ name, required: must, many }) => {
    const word = `<${name}>${many ? '...' : ''}`;
    return must ? word : `[${word}]`;
  });
  return [...path, ...required, ...optional, ...words].join(' ');
}
