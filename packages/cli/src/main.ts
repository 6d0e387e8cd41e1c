import { StartupError } from '@avalanche/web';
import { alertmanagerCommand } from './commands/alertmanager.ts';
import { applicationCommand } from './commands/application.ts';
import type { Command } from './commands/command.ts';
import { exporterCommands } from './commands/exporters.ts';
import { grafanaCommand } from './commands/grafana.ts';
import { prometheusCommand } from './commands/prometheus.ts';
import { describeFlags, parseFlags, UsageError } from './flags.ts';
import { upCommand } from './up/command.ts';
import { VERSION } from './version.ts';

const commands: readonly Command[] = [
  upCommand,
  prometheusCommand,
  alertmanagerCommand,
  grafanaCommand,
  ...exporterCommands,
  applicationCommand,
];

function usage(): string {
  const rows = commands.map((command) => `  ${command.name.padEnd(20)}${command.summary}`);
  return `avalanche ${VERSION}: the Avalanche platform's monitoring in one process

usage: avalanche COMMAND [FLAGS]

${rows.join('\n')}

\`avalanche COMMAND --help\` lists the flags of a command.
`;
}

async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    process.stdout.write(usage());
    return name === undefined ? 1 : 0;
  }
  if (name === '--version' || name === 'version') {
    process.stdout.write(`avalanche ${VERSION}\n`);
    return 0;
  }
  const command = commands.find((candidate) => candidate.name === name);
  if (!command) throw new UsageError(`there is no command ${JSON.stringify(name)}, try avalanche --help`);
  if (rest.includes('--help') || rest.includes('-h')) {
    process.stdout.write(`avalanche ${command.name}: ${command.summary}\n\n${describeFlags(command.flags)}\n`);
    return 0;
  }
  if (rest.includes('--version')) {
    process.stdout.write(`${command.name}, version ${VERSION} (avalanche)\n`);
    return 0;
  }
  const flags = parseFlags(rest, command.flags, { singleDash: command.singleDash ?? false });
  if (flags.words.length > 0) throw new UsageError(`unexpected ${JSON.stringify(flags.words[0])}, try --help`);
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.abort());
  return command.run(flags, stop.signal);
}

/** What went wrong as one line; a stack only for what is our own fault. */
function describe(error: unknown): string {
  if (error instanceof StartupError) return `${error.role}: ${error.message}${error.hint ? ` (${error.hint})` : ''}`;
  if (error instanceof UsageError) return `avalanche: ${error.message}`;
  return `avalanche: unexpected error, please report it: ${(error as Error).stack ?? String(error)}`;
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${describe(error)}\n`);
    process.exit(1);
  },
);
