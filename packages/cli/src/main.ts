import { StartupError } from '@avalanche/web';
import type { Command, ToolSet } from './commands/command.ts';
import { describeFlags, parseFlags, UsageError } from './flags.ts';
import { VERSION } from './version.ts';

interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  /** Loads the command: a role alone does not load the others. */
  readonly load: () => Promise<Command | ToolSet>;
}

const commands: readonly CommandEntry[] = [
  {
    name: 'up',
    summary: 'start everything in one process, and watch what is there',
    load: async () => (await import('./up/command.ts')).upCommand,
  },
  {
    name: 'prometheus',
    summary: 'the Prometheus role alone, with the flags of prometheus',
    load: async () => (await import('./commands/prometheus.ts')).prometheusCommand,
  },
  {
    name: 'alertmanager',
    summary: 'the Alertmanager role alone, with the flags of alertmanager',
    load: async () => (await import('./commands/alertmanager.ts')).alertmanagerCommand,
  },
  {
    name: 'grafana',
    summary: 'the Grafana role alone: dashboards, users, provisioning (settings by GF_ variables)',
    load: async () => (await import('./commands/grafana.ts')).grafanaCommand,
  },
  {
    name: 'node-exporter',
    summary: 'the node exporter alone, with the flags of node_exporter',
    load: async () => (await import('./commands/node-exporter.ts')).nodeExporter,
  },
  {
    name: 'postgres-exporter',
    summary: 'the PostgreSQL exporter alone, with DATA_SOURCE_NAME or DATABASE_URL',
    load: async () => (await import('./commands/postgres-exporter.ts')).postgresExporter,
  },
  {
    name: 'redis-exporter',
    summary: 'the Redis exporter alone, with the flags of redis_exporter or REDIS_ADDR',
    load: async () => (await import('./commands/redis-exporter.ts')).redisExporter,
  },
  {
    name: 'celery-exporter',
    summary: 'the Celery exporter alone, with the flags of celery-exporter or its CE_ variables',
    load: async () => (await import('./commands/celery-exporter.ts')).celeryExporter,
  },
  {
    name: 'pushgateway',
    summary: 'the pushgateway role alone: pushed metrics, reported runs, schedules',
    load: async () => (await import('./commands/pushgateway.ts')).pushgatewayCommand,
  },
  {
    name: 'track',
    summary: 'run a command and report the run: track KIND NAME -- COMMAND…',
    load: async () => (await import('./track/track.ts')).track,
  },
  {
    name: 'application',
    summary: 'the reference eDNA service alone',
    load: async () => (await import('./commands/application.ts')).applicationCommand,
  },
  {
    name: 'promtool',
    summary: 'query servers, look at and change data directories, with the commands of promtool',
    load: async () => (await import('./promtool/promtool.ts')).promtool,
  },
  {
    name: 'amtool',
    summary: 'ask an Alertmanager, silence, check and test its configuration, with the commands of amtool',
    load: async () => (await import('./amtool/amtool.ts')).amtool,
  },
  {
    name: 'alerts',
    summary: 'why somebody was told of an alert or not, what was sent, and tests of receivers',
    load: async () => (await import('./alerts/alerts.ts')).alerts,
  },
  {
    name: 'promqltest',
    summary: 'run test scripts of queries in the language of upstream: promqltest FILE…',
    load: async () => (await import('./commands/promqltest.ts')).promqltest,
  },
];

function usage(): string {
  const rows = commands.map((command) => `  ${command.name.padEnd(20)}${command.summary}`);
  return `avalanche ${VERSION}: the Avalanche platform's monitoring in one process

usage: avalanche COMMAND [FLAGS]

${rows.join('\n')}

\`avalanche COMMAND --help\` lists the flags of a command.
`;
}

/** The signals that ask the program to end, which `bin/avalanche.mjs` hears from its first line on. */
interface Stopping {
  readonly signal: AbortSignal;
  /** Leaves the signals to what the system does by itself. */
  release(): void;
}

async function main(args: readonly string[], stopping: Stopping): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    process.stdout.write(usage());
    return name === undefined ? 1 : 0;
  }
  if (name === '--version' || name === 'version') {
    process.stdout.write(`avalanche ${VERSION}\n`);
    return 0;
  }
  const entry = commands.find((candidate) => candidate.name === name);
  if (!entry) throw new UsageError(`there is no command ${JSON.stringify(name)}, try avalanche --help`);
  const command = await entry.load();
  if ('runArguments' in command) {
    stopping.release();
    return command.runArguments(rest);
  }
  if (rest.includes('--help') || rest.includes('-h')) {
    process.stdout.write(`avalanche ${name}: ${entry.summary}\n\n${describeFlags(command.flags)}\n`);
    return 0;
  }
  if (rest.includes('--version')) {
    process.stdout.write(`${name}, version ${VERSION} (avalanche)\n`);
    return 0;
  }
  const flags = parseFlags(rest, command.flags, { singleDash: command.singleDash ?? false });
  if (flags.words.length > 0) throw new UsageError(`unexpected ${JSON.stringify(flags.words[0])}, try --help`);
  return command.run(flags, stopping.signal);
}

/** What went wrong as one line; a stack only for what is our own fault. */
function describe(error: unknown): string {
  if (error instanceof StartupError) return `${error.role}: ${error.message}${error.hint ? ` (${error.hint})` : ''}`;
  if (error instanceof UsageError) return `avalanche: ${error.message}`;
  return `avalanche: unexpected error, please report it: ${(error as Error).stack ?? String(error)}`;
}

/** Runs the command that `args` name, and ends the process with its exit code. */
export function run(args: readonly string[], stopping: Stopping): void {
  main(args, stopping).then(
    (code) => process.exit(code),
    (error: unknown) => {
      process.stderr.write(`${describe(error)}\n`);
      process.exit(error instanceof UsageError || error instanceof StartupError ? error.exitCode : 1);
    },
  );
}
