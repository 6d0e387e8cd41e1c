import type { ToolSet } from '../commands/command.ts';
import { describeFlags, type FlagSpecs, parseFlags, UsageError } from '../flags.ts';
import { VERSION } from '../version.ts';
import { analyzeCommand } from './analyze.ts';
import { benchWriteCommand } from './bench-write.ts';
import { checkConfigCommand } from './check-config.ts';
import { checkMetricsCommand } from './check-metrics.ts';
import { checkRulesCommand } from './check-rules.ts';
import { checkHealthyCommand, checkReadyCommand } from './check-server.ts';
import { checkServiceDiscoveryCommand } from './check-service-discovery.ts';
import { checkWebConfigCommand } from './check-web-config.ts';
import { cleanupCommand } from './cleanup.ts';
import { debugAllCommand, debugMetricsCommand, debugPprofCommand } from './debug.ts';
import { dumpCommand, dumpOpenMetricsCommand } from './dump.ts';
import { explainCommand } from './explain.ts';
import { describeFailure } from './failure.ts';
import { listCommand } from './list.ts';
import { openMetricsCommand } from './openmetrics.ts';
import { standardOutput } from './output.ts';
import { deleteMatcherCommand, promqlFormatCommand, setMatcherCommand } from './promql-edit.ts';
import { pushMetricsCommand } from './push-metrics.ts';
import { queryInstantCommand, queryLabelsCommand, queryRangeCommand, querySeriesCommand } from './query.ts';
import { queryAnalyzeCommand } from './query-analyze.ts';
import { rulesCommand } from './rules.ts';
import { testRulesCommand } from './test-rules.ts';
import { type ToolCommand, type ToolContext, ToolInput } from './tool-command.ts';

const COMMANDS: readonly ToolCommand[] = [
  benchWriteCommand,
  listCommand,
  analyzeCommand,
  dumpCommand,
  dumpOpenMetricsCommand,
  openMetricsCommand,
  rulesCommand,
  cleanupCommand,
  queryInstantCommand,
  queryRangeCommand,
  querySeriesCommand,
  queryLabelsCommand,
  queryAnalyzeCommand,
  explainCommand,
  checkRulesCommand,
  checkConfigCommand,
  checkWebConfigCommand,
  checkHealthyCommand,
  checkReadyCommand,
  testRulesCommand,
  checkMetricsCommand,
  checkServiceDiscoveryCommand,
  pushMetricsCommand,
  promqlFormatCommand,
  setMatcherCommand,
  deleteMatcherCommand,
  debugPprofCommand,
  debugMetricsCommand,
  debugAllCommand,
];

/** Flags that every command takes for the sake of compatibility. */
const COMMON_FLAGS: FlagSpecs = {
  'enable-feature': { kind: 'list', help: '', ignored: true },
  experimental: { kind: 'boolean', help: '', default: 'false', ignored: true },
};

export const promtool: ToolSet = {
  runArguments(args) {
    return runPromtool(args, { output: standardOutput, now: Date.now });
  },
};

/** `promtool` with these arguments. @returns the exit code */
export async function runPromtool(args: readonly string[], context: ToolContext): Promise<number> {
  const { output } = context;
  try {
    if (args[0] === '--version') {
      output.out(`promtool, version ${VERSION} (avalanche)\n`);
      return 0;
    }
    const { path, rest, help } = wordsOf(args);
    const command = COMMANDS.find((candidate) => samePath(candidate.path, path));
    if (help || path.length === 0) {
      output.out(command ? describeCommand(command) : usage(path));
      return 0;
    }
    if (!command) throw new UsageError(`must select a subcommand of '${path.join(' ')}', try --help`);
    return await command.run(inputOf(command, rest), context);
  } catch (error) {
    const text = error instanceof UsageError ? `promtool: error: ${error.message}` : describeFailure(error);
    if (text === null) throw error;
    output.err(`${text}\n`);
    return 1;
  }
}

interface Words {
  /** The longest run of words that names commands. */
  readonly path: readonly string[];
  /** What is left, flags between the words included. */
  readonly rest: readonly string[];
  readonly help: boolean;
}

/** Divides arguments into the command and the rest, as kingpin does. @throws UsageError for an unknown command */
function wordsOf(args: readonly string[]): Words {
  const isHelp = args[0] === 'help';
  const path: string[] = [];
  const rest: string[] = [];
  let at = isHelp ? 1 : 0;
  for (; at < args.length && !isLeaf(path); at++) {
    const word = args[at];
    if (word.startsWith('-') && !below([...path, word]).length) {
      rest.push(word);
      if (takesValue(word, path) && at + 1 < args.length) rest.push(args[++at]);
      continue;
    }
    if (!below([...path, word]).length)
      throw new UsageError(`expected command but got ${JSON.stringify(word)}, try --help`);
    path.push(word);
  }
  rest.push(...args.slice(at));
  return { path, rest, help: isHelp || rest.includes('--help') || rest.includes('-h') };
}

/** Whether a flag between the words of a command is followed by its value. */
function takesValue(flag: string, path: readonly string[]): boolean {
  return below(path).some((command) =>
    Object.entries({ ...command.flags, ...COMMON_FLAGS }).some(
      ([name, { kind, short }]) => kind !== 'boolean' && (flag === `--${name}` || flag === `-${short}`),
    ),
  );
}

function inputOf(command: ToolCommand, args: readonly string[]): ToolInput {
  const flags = parseFlags(args, { ...command.flags, ...COMMON_FLAGS });
  return new ToolInput(flags, command.args, command.requiredFlags);
}

function below(path: readonly string[]): readonly ToolCommand[] {
  return COMMANDS.filter((command) => path.every((word, i) => command.path[i] === word));
}

function isLeaf(path: readonly string[]): boolean {
  return COMMANDS.some((command) => samePath(command.path, path));
}

function samePath(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((word, i) => b[i] === word);
}

function usage(path: readonly string[]): string {
  const rows = below(path).map((command) => `  ${synopsis(command)}\n      ${command.summary}\n`);
  return `usage: avalanche promtool ${[...path, '<command>'].join(' ')} [<args> ...]

${rows.join('\n')}
\`avalanche promtool help COMMAND\` lists the flags of a command.
`;
}

function describeCommand(command: ToolCommand): string {
  const args = command.args.map(({ name, help, default: value }) => {
    return `  ${`<${name}>`.padEnd(24)}${help}${value ? ` Default: ${value}.` : ''}\n`;
  });
  return `usage: avalanche promtool ${synopsis(command)}

${command.summary}

Flags:
${describeFlags(command.flags)}

Args:
${args.join('')}`;
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
