import { hostname, userInfo } from 'node:os';
import { newUlid } from '@avalanche/model';
import { durationOf, type ToolSet } from '../commands/command.ts';
import { describeFlags, type FlagSpecs, type Flags, parseFlags, UsageError } from '../flags.ts';
import { endAs, runJob } from './job.ts';
import { Reporter } from './reporter.ts';
import { defaultSpoolDirectory } from './spool.ts';

const DEFAULT_SERVER = 'http://127.0.0.1:9091';
/** The server takes no more and no longer ones, and a run must not go unseen for that. */
const PARAMETERS_MAX = 200;
const VALUE_CHARACTERS_MAX = 4096;

const flagSpecs: FlagSpecs = {
  server: {
    kind: 'string',
    help: 'Where runs are reported: the pushgateway role. Default: $AVALANCHE_RUNS_URL, or this machine’s.',
    placeholder: 'http://127.0.0.1:9091',
  },
  'run-id': { kind: 'string', help: 'Id of the run. Default: a new one.', placeholder: 'ID' },
  param: { kind: 'list', help: 'A parameter of the run; repeatable.', placeholder: 'NAME=VALUE' },
  schedule: { kind: 'string', help: 'When runs of this job are due: 02:00, or cron.', placeholder: '"0 2 * * *"' },
  grace: { kind: 'string', help: 'How long after that one must have succeeded.', placeholder: '1h' },
  timezone: { kind: 'string', help: 'Of the schedule. Default: the server’s.', placeholder: 'Europe/Brussels' },
  heartbeat: { kind: 'string', help: 'How often it is told that the job still runs.', default: '30s' },
  'spool-dir': {
    kind: 'string',
    help: 'Folder of reports that nobody has taken yet. Default: $XDG_STATE_HOME/avalanche/runs.',
    placeholder: 'DIR',
  },
};

const HELP = `avalanche track KIND NAME [FLAGS] -- COMMAND [ARGUMENT…]

Runs a command and reports the run: that it is under way, its duration, exit status, CPU time, memory and disk traffic.
KIND is analysis, training, download, backup or a word of yours; NAME says which, such as taxonomic. The command has the
terminal, the signals and the exit status to itself, and never fails for want of monitoring: reports that nobody takes are
kept and delivered later. It finds its run's id in $AVALANCHE_RUN_ID, and the server in $AVALANCHE_RUNS_URL.
`;

/** `avalanche track`. */
export const track: ToolSet = {
  async runArguments(args) {
    const end = args.indexOf('--');
    const own = end < 0 ? args : args.slice(0, end);
    if (own.includes('--help') || own.includes('-h')) {
      process.stdout.write(`${HELP}\n${describeFlags(flagSpecs)}\n`);
      return 0;
    }
    const flags = parseFlags(own, flagSpecs);
    const [kind, name, ...more] = flags.words;
    const command = end < 0 ? [] : args.slice(end + 1);
    if (kind === undefined || name === undefined || more.length > 0 || command.length === 0) {
      throw new UsageError('usage: avalanche track KIND NAME [FLAGS] -- COMMAND [ARGUMENT…], try --help');
    }
    return runTracked(flags, { kind, name }, command);
  },
};

async function runTracked(
  flags: Flags,
  job: { readonly kind: string; readonly name: string },
  command: readonly string[],
): Promise<number> {
  const server = serverOf(flags);
  const heartbeatMs = durationOf(flags, 'heartbeat') ?? 0;
  durationOf(flags, 'grace');
  const runId = flags.string('run-id') || newUlid(Date.now());
  const parameters = parametersOf(flags);
  const reporter = new Reporter(server, flags.string('spool-dir') || defaultSpoolDirectory(process.env), {
    run_id: runId,
    ...job,
    started_at: Date.now() / 1000,
    host: hostname(),
    ...userOf(),
    command: command.join(' ').slice(0, VALUE_CHARACTERS_MAX),
    ttl: `${Math.max(300, Math.ceil((4 * heartbeatMs) / 1000))}s`,
    ...(Object.keys(parameters).length > 0 ? { parameters } : {}),
    ...given(flags, ['schedule', 'grace', 'timezone']),
  });
  const environment = { ...process.env, AVALANCHE_RUN_ID: runId, AVALANCHE_RUNS_URL: server.href };
  const end = await runJob(withNohup(command), environment, {
    started: () => reporter.start(),
    heartbeatMs,
    heartbeat: (used) => reporter.heartbeat(used),
  });
  await reporter.done({
    ended_at: Date.now() / 1000,
    exit_status: end.exitStatus,
    ...(end.signal ? { signal: end.signal } : {}),
    ...(end.error ? { error: end.error } : {}),
    ...end.used,
  });
  return endAs(end);
}

/** Node undoes what `nohup` has done to us, and so the job would end with the terminal. */
function withNohup(command: readonly string[]): readonly string[] {
  const { _: before = '' } = process.env; // what the shell has run
  return before.endsWith('/nohup') ? [before, ...command] : command;
}

/** In a container a user may have no name. */
function userOf(): { readonly user?: string } {
  try {
    return { user: userInfo().username };
  } catch {
    return process.env.USER ? { user: process.env.USER } : {};
  }
}

function serverOf(flags: Flags): URL {
  const given = flags.string('server');
  const server = urlOf(given || process.env.AVALANCHE_RUNS_URL || DEFAULT_SERVER);
  if (server) return server;
  if (given !== '') throw new UsageError(`--server: not an address: ${given}`);
  // what the environment says must not keep a job from running
  process.stderr.write(`avalanche track: $AVALANCHE_RUNS_URL is not an address: ${process.env.AVALANCHE_RUNS_URL}\n`);
  return new URL(DEFAULT_SERVER);
}

function urlOf(text: string): URL | undefined {
  const address = /^https?:\/\//.test(text) ? text : `http://${text}`;
  return URL.canParse(address) ? new URL(address) : undefined;
}

function parametersOf(flags: Flags): Record<string, string> {
  const entries = flags.list('param').map((text) => {
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
    if (name === undefined) throw new UsageError(`--param wants NAME=VALUE, not ${JSON.stringify(text)}`);
    return [name, value.slice(0, VALUE_CHARACTERS_MAX)] as const;
  });
  return Object.fromEntries(entries.slice(0, PARAMETERS_MAX));
}

function given(flags: Flags, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.filter((name) => flags.string(name) !== '').map((name) => [name, flags.string(name)]),
  );
}
