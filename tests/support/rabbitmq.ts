/**
 * A real RabbitMQ for tests, of Debian's rabbitmq-server: a node of its own on free loopback ports, with its own directory and
 * its own epmd, so that none of them outlives the test. Takes about 8 s to start.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, type RunningService, withParentDeathSignal } from './services.ts';

/** The script itself: the one in /usr/sbin wants to run it as the user of the service. */
const SERVER = '/usr/lib/rabbitmq/bin/rabbitmq-server';
const EPMD = '/usr/bin/epmd';
const START_TIMEOUT_MS = 60_000;

export const hasRabbitmq = existsSync(SERVER) && existsSync(EPMD);

/** An empty RabbitMQ with the user guest. @throws Error with its last output when it does not come up */
export async function startRabbitmq(): Promise<RunningService> {
  const directory = await mkdtemp(join(tmpdir(), 'avalanche-rabbitmq-'));
  const [port, distribution, epmdPort] = [await freePort(), await freePort(), await freePort()];
  const [epmdCommand, ...epmdArgs] = withParentDeathSignal([EPMD, '-port', String(epmdPort), '-address', '127.0.0.1']);
  const epmd = spawn(epmdCommand, epmdArgs, { stdio: 'ignore' });
  const inDirectory = (name: string) => join(directory, name);
  const [command, ...args] = withParentDeathSignal([SERVER]);
  const server = spawn(command, args, {
    cwd: directory,
    detached: true, // a shell script and what it starts
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      LANG: 'C.UTF-8',
      HOME: directory,
      ERL_EPMD_PORT: String(epmdPort),
      RABBITMQ_NODENAME: `avalanche${port}@localhost`,
      RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
      RABBITMQ_NODE_PORT: String(port),
      RABBITMQ_DIST_PORT: String(distribution),
      RABBITMQ_MNESIA_BASE: inDirectory('mnesia'),
      RABBITMQ_LOG_BASE: inDirectory('log'),
      RABBITMQ_LOGS: '-',
      RABBITMQ_PID_FILE: inDirectory('pid'),
      RABBITMQ_ENABLED_PLUGINS_FILE: inDirectory('plugins'),
      RABBITMQ_CONFIG_FILE: inDirectory('none'),
      RABBITMQ_ADVANCED_CONFIG_FILE: inDirectory('none'),
      RABBITMQ_CONF_ENV_FILE: inDirectory('none'),
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+sbwt none +S 1',
    },
  });
  const end = () => {
    epmd.kill('SIGKILL');
    try {
      process.kill(-(server.pid as number), 'SIGKILL');
    } catch {
      // it has ended by itself
    }
  };
  process.once('exit', end);
  const stop = async () => {
    end();
    process.removeListener('exit', end);
    await Promise.all([ended(server), ended(epmd)]);
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await untilStarted(server);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: `amqp://guest:guest@127.0.0.1:${port}//`, port, process: server, stop };
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once('exit', () => resolve()));
}

function untilStarted(server: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let output = '';
    const timer = setTimeout(() => reject(new Error(`RabbitMQ is not ready in time:\n${output}`)), START_TIMEOUT_MS);
    const read = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-16_384);
      if (!output.includes('Server startup complete')) return;
      clearTimeout(timer);
      resolve();
    };
    server.stdout?.on('data', read);
    server.stderr?.on('data', read);
    server.once('exit', () => {
      clearTimeout(timer);
      reject(new Error(`RabbitMQ ended:\n${output}`));
    });
  });
}
