/**
 * Real servers for tests: a Redis and a PostgreSQL of this machine, each in its own temporary directory, on a free
 * loopback port, without persistence to speak of. A test that needs one skips by name where it is missing:
 *
 *     describe.skipIf(!hasRedis)('the queue on a real Redis (needs redis-server)', () => { … });
 *
 * `stop()` ends the server and removes its directory; it may be called twice. Should the test process die first, the
 * kernel ends the server (setpriv --pdeathsig), so that nothing is left behind.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { accessSync, chownSync, constants, readdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

export interface RunningService {
  /** What goes into REDIS_URL or DATABASE_URL. */
  readonly url: string;
  readonly port: number;
  /** The server's own process, for tests that take it away on purpose. */
  readonly process: ChildProcess;
  stop(): Promise<void>;
}

export interface StartOptions {
  /** Default: a free one. Give the port of a stopped server to bring it back where clients look for it. */
  readonly port?: number;
  /** Further arguments of the server, such as `--requirepass` and its value. */
  readonly args?: readonly string[];
}

const redisServer = find('redis-server', ['/usr/bin', '/usr/local/bin', '/opt/homebrew/bin']);
const postgresFolders = [...versionedPostgresFolders(), '/usr/local/pgsql/bin', '/usr/local/bin', '/opt/homebrew/bin'];
const initdb = find('initdb', postgresFolders);
const postgres = find('postgres', postgresFolders);
const basebackup = find('pg_basebackup', postgresFolders);
const pgbouncer = find('pgbouncer', ['/usr/sbin', '/usr/bin', '/usr/local/bin']);
const setpriv = find('setpriv', ['/usr/bin', '/bin']);
const isRoot = process.getuid?.() === 0;
/** PostgreSQL refuses to run as root; then it runs as this user. */
const postgresUser = isRoot ? userId('postgres') : undefined;

export const hasRedis = redisServer !== undefined;
export const hasPostgres =
  initdb !== undefined && postgres !== undefined && (!isRoot || (postgresUser !== undefined && setpriv !== undefined));
export const hasPgbouncer = hasPostgres && pgbouncer !== undefined;

/** An empty Redis that keeps nothing. @throws Error with the server's last output when it does not come up */
export async function startRedis(options: StartOptions = {}): Promise<RunningService> {
  if (redisServer === undefined) throw new Error('redis-server is not installed');
  return startOnPort(options, async (port) => {
    const directory = await mkdtemp(join(tmpdir(), 'avalanche-redis-'));
    const flags = [
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--dir',
      directory,
      '--save',
      '',
      '--appendonly',
      'no',
      ...(options.args ?? []),
    ];
    return run({
      directory,
      port,
      url: `redis://127.0.0.1:${port}`,
      command: [redisServer, ...flags, '--daemonize', 'no'],
      ready: /Ready to accept connections/,
      endSignal: 'SIGTERM',
    });
  });
}

/**
 * An empty PostgreSQL cluster with the database and superuser `postgres`, no password, fsync off. Takes 1 to 3 s.
 * @throws Error with the server's last output when it does not come up
 */
export async function startPostgres(options: StartOptions = {}): Promise<RunningService> {
  if (!hasPostgres || initdb === undefined || postgres === undefined) {
    throw new Error('PostgreSQL (initdb, postgres and, for root, setpriv and a user postgres) is not installed');
  }
  const binary = postgres;
  const init = [initdb, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'];
  return startOnPort(options, (port) => startCluster({ binary, init, port, args: options.args ?? [] }));
}

/**
 * A read-only replica of a PostgreSQL that `startPostgres` started, which keeps its place there in a replication slot.
 * @throws Error with the server's last output when it does not come up
 */
export async function startPostgresReplica(primary: RunningService, slot: string): Promise<RunningService> {
  if (basebackup === undefined || postgres === undefined) throw new Error('pg_basebackup is not installed');
  const binary = postgres;
  const from = ['-h', '127.0.0.1', '-p', String(primary.port), '-U', 'postgres', '-c', 'fast', '--no-sync'];
  const init = [basebackup, ...from, '-R', '-C', '-S', slot];
  return startOnPort({}, (port) => startCluster({ binary, init, port, args: [] }));
}

/** A pgbouncer in front of a PostgreSQL that `startPostgres` started; a server connection is a client's for one transaction. */
export async function startPgbouncer(server: RunningService): Promise<RunningService> {
  if (!hasPgbouncer || pgbouncer === undefined) throw new Error('pgbouncer is not installed');
  return startOnPort({}, async (port) => {
    const directory = await mkdtemp(join(tmpdir(), 'avalanche-pgbouncer-'));
    const file = join(directory, 'pgbouncer.ini');
    const pool = ['auth_type = any', 'pool_mode = transaction', 'default_pool_size = 1', 'unix_socket_dir ='];
    const database = `* = host=127.0.0.1 port=${server.port} user=postgres`;
    const lines = ['[databases]', database, '[pgbouncer]', 'listen_addr = 127.0.0.1', `listen_port = ${port}`, ...pool];
    writeFileSync(file, `${lines.join('\n')}\n`);
    if (postgresUser) chownSync(directory, postgresUser.uid, postgresUser.gid);
    return run({
      directory,
      port,
      url: `postgresql://postgres@127.0.0.1:${port}/postgres`,
      command: asPostgres([pgbouncer, file]),
      ready: /process up/,
      endSignal: 'SIGINT',
    });
  });
}

interface Cluster {
  /** The server. */
  readonly binary: string;
  /** The command that fills the data directory, but for `-D` and its name. */
  readonly init: readonly string[];
  readonly port: number;
  readonly args: readonly string[];
}

async function startCluster({ binary, init, port, args: further }: Cluster): Promise<RunningService> {
  const directory = await mkdtemp(join(tmpdir(), 'avalanche-postgres-'));
  const data = join(directory, 'pg');
  try {
    if (postgresUser) chownSync(directory, postgresUser.uid, postgresUser.gid);
    const [command, ...args] = asPostgres([...init, '-D', data]) as [string, ...string[]];
    execFileSync(command, args, { stdio: 'pipe', cwd: directory });
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
  return run({
    directory,
    port,
    url: `postgresql://postgres@127.0.0.1:${port}/postgres`,
    command: asPostgres([
      binary,
      ...['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', directory],
      ...['-c', 'fsync=off', '-c', 'log_min_messages=log', '-c', 'logging_collector=off'],
      ...further,
    ]),
    ready: /database system is ready to accept (?:read-only )?connections/,
    endSignal: 'SIGINT',
  });
}

interface ServiceRun {
  readonly directory: string;
  readonly port: number;
  readonly url: string;
  readonly command: readonly string[];
  readonly ready: RegExp;
  /** Ends the server quickly and cleanly. */
  readonly endSignal: NodeJS.Signals;
}

const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 5_000;
const OUTPUT_KEPT_CHARS = 16_384;

async function run(service: ServiceRun): Promise<RunningService> {
  const [command, ...args] = withParentDeathSignal(service.command as readonly [string, ...string[]]);
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: service.directory });
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  const endWithUs = () => child.kill('SIGKILL');
  process.once('exit', endWithUs);
  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    child.kill(service.endSignal);
    const force = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(force);
    process.removeListener('exit', endWithUs);
    await rm(service.directory, { recursive: true, force: true });
  };
  const stopOnce = () => {
    stopping ??= stop();
    return stopping;
  };
  try {
    await untilReady(child, service.ready, exited);
  } catch (error) {
    await stopOnce();
    throw error;
  }
  return { url: service.url, port: service.port, process: child, stop: stopOnce };
}

function untilReady(child: ChildProcess, ready: RegExp, exited: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    let output = '';
    const fail = (why: string) => reject(new Error(`${child.spawnfile} ${why}:\n${output}`));
    const timer = setTimeout(() => fail('is not ready in time'), START_TIMEOUT_MS);
    const read = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-OUTPUT_KEPT_CHARS);
      if (!ready.test(output)) return;
      clearTimeout(timer);
      resolve();
    };
    // The pipes stay read after that, so that the server never blocks on its log.
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    void exited.then(() => {
      clearTimeout(timer);
      fail('ended');
    });
  });
}

/** Somebody else may take a free port between our look and the server's bind, so another one is tried. */
async function startOnPort(
  options: StartOptions,
  start: (port: number) => Promise<RunningService>,
): Promise<RunningService> {
  if (options.port !== undefined) return start(options.port);
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(await freePort());
    } catch (error) {
      if (attempt === 3 || !/in use/i.test(String(error))) throw error;
    }
  }
}

/** Each worker of vitest has ports of its own, so that no two choose the same at once. */
const PORTS_A_WORKER = 3000;
const firstPort = 20_000 + (Number(process.env.VITEST_POOL_ID ?? 0) % 4) * PORTS_A_WORKER;
let portsGiven = Math.floor(Math.random() * PORTS_A_WORKER);

/**
 * A loopback port that is free now. It is below the range that the kernel gives to outgoing connections and to port 0,
 * and not given again soon, so that nothing takes it before the test does.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = firstPort + (portsGiven++ % PORTS_A_WORKER);
    if (await canListen(port)) return port;
  }
  throw new Error(`no free port found from ${firstPort} on`);
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** Runs `command` as the user postgres where we are root; as ourselves otherwise. */
function asPostgres(command: readonly string[]): readonly string[] {
  if (!postgresUser || setpriv === undefined) return command;
  const { uid, gid } = postgresUser;
  return [setpriv, `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', ...command];
}

/** The command, which the kernel ends when we do; in whatever way we end. */
export function withParentDeathSignal([first, ...rest]: readonly [string, ...string[]]): readonly [
  string,
  ...string[],
] {
  if (setpriv === undefined) return [first, ...rest];
  return [setpriv, '--pdeathsig=QUIT', ...(first === setpriv ? rest : [first, ...rest])];
}

function find(name: string, folders: readonly string[]): string | undefined {
  const candidates = [...(process.env.PATH ?? '').split(delimiter), ...folders].filter((folder) => folder !== '');
  return candidates.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Debian keeps each major version in its own folder; the newest comes first. */
function versionedPostgresFolders(): string[] {
  const root = '/usr/lib/postgresql';
  try {
    const versions = readdirSync(root).sort((a, b) => Number(b) - Number(a));
    return versions.map((version) => join(root, version, 'bin'));
  } catch {
    return [];
  }
}

function userId(name: string): { readonly uid: number; readonly gid: number } | undefined {
  try {
    const id = (flag: string) => Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: 'pipe' }));
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    return undefined;
  }
}
