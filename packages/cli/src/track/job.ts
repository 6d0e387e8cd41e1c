import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { isatty } from 'node:tty';
import { type JobUsage, UsageMeter } from './usage.ts';

/** How a job ended. */
export interface JobEnd {
  /** As a shell has it: 128 and its number for a signal. */
  readonly exitStatus: number;
  readonly signal?: NodeJS.Signals;
  /** Why it could not be started. */
  readonly error?: string;
  readonly used: JobUsage;
}

export interface JobObserver {
  /** The job runs. */
  started(): void;
  readonly heartbeatMs: number;
  heartbeat(used: JobUsage): void;
}

/** Node's timers end at once when they are to last longer. */
const TIMER_MS_MAX = 2 ** 31 - 1;
/** The server takes no longer ones. */
const ERROR_CHARACTERS_MAX = 4_000;

/** Signals that somebody sends us and means the job. */
const FORWARDED = ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGCONT'] as const;
/** The terminal sends these to the job as well. */
const FROM_TERMINALS = new Set<string>(['SIGINT', 'SIGQUIT']);
/** A process that ends by one of the others would write a core of us. */
const WITHOUT_CORE = new Set<string>([
  'SIGHUP',
  'SIGINT',
  'SIGKILL',
  'SIGPIPE',
  'SIGALRM',
  'SIGTERM',
  'SIGUSR1',
  'SIGUSR2',
]);

/** Runs a command that has our standard input, output and error, and passes signals on to it. */
export function runJob(
  [program, ...args]: readonly string[],
  env: NodeJS.ProcessEnv,
  observer: JobObserver,
): Promise<JobEnd> {
  return new Promise((resolve) => {
    // before it runs: it may ask for a signal at once
    let child: ChildProcess | undefined;
    const stopForwarding = forwardSignals((signal) => child?.kill(signal));
    const refuse = ({ code, message }: NodeJS.ErrnoException): Omit<JobEnd, 'used'> => {
      const isMissing = code === 'ENOENT';
      const reason = isMissing ? 'command not found' : (code ?? message);
      process.stderr.write(`avalanche track: ${program}: ${reason}\n`);
      return { exitStatus: isMissing ? 127 : 126, error: `${program}: ${reason}`.slice(0, ERROR_CHARACTERS_MAX) };
    };
    try {
      child = spawn(program, args, { stdio: 'inherit', env });
    } catch (error) {
      // such as E2BIG; Node tells of others by an event
      stopForwarding();
      resolve({ ...refuse(error as NodeJS.ErrnoException), used: {} });
      return;
    }
    const { pid } = child;
    const meter = new UsageMeter(pid);
    const beatMs = Math.min(TIMER_MS_MAX, Math.max(1000, observer.heartbeatMs));
    const beat = setInterval(() => observer.heartbeat(meter.usage()), beatMs);
    const finish = (end: Omit<JobEnd, 'used'>): void => {
      clearInterval(beat);
      stopForwarding();
      resolve({ ...end, used: meter.end() });
    };
    child.once('spawn', () => observer.started());
    child.once('error', (error: NodeJS.ErrnoException) => {
      if (pid === undefined) finish(refuse(error)); // else a signal could not be sent
    });
    // not `close`: what the job leaves running may keep its output open
    child.once('exit', (code, signal) => {
      if (signal === null) finish({ exitStatus: code ?? 0 });
      else finish({ exitStatus: 128 + constants.signals[signal], signal });
    });
  });
}

/** Ends this process as the job ended: its exit status, or by the same signal. */
export function endAs({ exitStatus, signal }: JobEnd): Promise<number> | number {
  if (!signal || !WITHOUT_CORE.has(signal)) return exitStatus;
  process.kill(process.pid, signal);
  // the signal comes at once; should it be blocked, the exit status says the same
  return new Promise((resolve) => setTimeout(() => resolve(exitStatus), 1000));
}

/** @returns what ends it */
function forwardSignals(send: (signal: NodeJS.Signals) => void): () => void {
  const hasTerminal = [0, 1, 2].some((descriptor) => isatty(descriptor));
  const forward = (signal: NodeJS.Signals): void => {
    if (!(hasTerminal && FROM_TERMINALS.has(signal))) send(signal);
  };
  for (const signal of FORWARDED) process.on(signal, forward);
  return () => {
    for (const signal of FORWARDED) process.off(signal, forward);
  };
}
