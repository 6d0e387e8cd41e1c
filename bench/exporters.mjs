// Our exporters beside the originals on one machine, PostgreSQL and Redis: `npm run bench -- exporters [--scrapes 200]
// [--only node,postgres,redis,celery] [--postgres URL] [--redis URL]`. Servers that are not named are started for it; an original
// that is missing is said to be. Shows latency and CPU time of a scrape (asked for as Prometheus does, gzip), and resident
// memory, helper processes included; at the end ours all in one process. Another Celery original by CELERY_EXPORTER. Needs a build.
import { execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CLOCK_TICKS_PER_SECOND = 100;
const ROUNDS = 4;
const WARM_UP = 20;
/** Of one round, and of warming up: an exporter that takes seconds, as the Celery original, is scraped less often. */
const ROUND_MS = 6_000;
/** Memory is read after a rest, as scrapes in real life are far apart. */
const REST_MS = 3_000;

const cli = fileURLToPath(new URL('../packages/cli/bin/avalanche.mjs', import.meta.url));
const option = (name, fallback) => {
  const i = process.argv.indexOf(`--${name}`);
  return i < 0 ? fallback : process.argv[i + 1];
};
const scrapes = Number(option('scrapes', 200));
const only = option('only', 'node,postgres,redis,celery').split(',');

const directory = mkdtempSync(join(tmpdir(), 'bench-exporters-'));
const children = new Set();
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function start(program, args, env = {}) {
  const child = spawn(program, args, { stdio: 'ignore', env: { ...process.env, ...env } });
  child.on('error', () => children.delete(child));
  child.on('exit', () => children.delete(child));
  children.add(child);
  return child;
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function find(program) {
  if (program.includes('/')) return existsSync(program) ? program : undefined;
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path));
}

async function startRedis() {
  const program = find('redis-server');
  if (!program) return undefined;
  const port = await freePort();
  start(program, ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory, '--save', '']);
  return `redis://127.0.0.1:${port}`;
}

/** PostgreSQL does not run as root: then as the user postgres. */
async function startPostgres() {
  const versions = existsSync('/usr/lib/postgresql') ? readdirSync('/usr/lib/postgresql').sort() : [];
  const bin = versions.length > 0 ? `/usr/lib/postgresql/${versions.at(-1)}/bin` : '';
  if (!existsSync(join(bin, 'initdb'))) return undefined;
  const as = process.getuid() === 0 ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups'] : [];
  if (as.length > 0) {
    const id = (flag) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
    chownSync(directory, id('-u'), id('-g'));
  }
  const data = join(directory, 'postgres');
  const port = await freePort();
  const [init, ...initArgs] = [...as, join(bin, 'initdb'), '-U', 'postgres', '-A', 'trust', '--no-sync', '-D', data];
  execFileSync(init, initArgs, { stdio: 'ignore' });
  const [server, ...serverArgs] = [
    ...as,
    join(bin, 'postgres'),
    '-D',
    data,
    '-p',
    String(port),
    '-h',
    '127.0.0.1',
    '-k',
    directory,
  ];
  start(server, serverArgs);
  return `postgresql://postgres@127.0.0.1:${port}/postgres`;
}

/** By exporter: how the original and ours are started on a port, and what one of them needs. */
function subjects({ postgres, redis }) {
  const ours = (command, ...args) => [process.execPath, [cli, command, '--log.level=error', ...args]];
  const celery = process.env.CELERY_EXPORTER ?? 'celery-exporter';
  return {
    node: {
      original: [
        'prometheus-node-exporter',
        (port) => [`--web.listen-address=127.0.0.1:${port}`, '--no-collector.systemd'],
      ],
      ours: (port) => ours('node-exporter', `--web.listen-address=127.0.0.1:${port}`),
    },
    postgres: postgres && {
      original: ['prometheus-postgres-exporter', (port) => [`--web.listen-address=127.0.0.1:${port}`]],
      ours: (port) => ours('postgres-exporter', `--web.listen-address=127.0.0.1:${port}`),
      env: { DATA_SOURCE_NAME: `${postgres}?sslmode=disable` },
    },
    redis: redis && {
      original: ['prometheus-redis-exporter', (port) => [`-web.listen-address=127.0.0.1:${port}`]],
      ours: (port) => ours('redis-exporter', `--web.listen-address=127.0.0.1:${port}`),
      env: { REDIS_ADDR: redis },
    },
    celery: redis && {
      original: [celery, (port) => [`--port=${port}`, `--broker-url=${redis}/0`]],
      ours: (port) => ours('celery-exporter', '--host=127.0.0.1', `--port=${port}`, `--broker-url=${redis}/0`),
    },
  };
}

const agent = new Agent({ keepAlive: true, maxSockets: 1 });

/** Bytes of the answer as sent. */
function scrape(port) {
  const headers = { 'accept-encoding': 'gzip', 'x-prometheus-scrape-timeout-seconds': '10' };
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path: '/metrics', agent, headers }, (answer) => {
      let bytes = 0;
      answer.on('data', (chunk) => {
        bytes += chunk.length;
      });
      answer.on('end', () =>
        answer.statusCode === 200 ? resolve(bytes) : reject(new Error(`status ${answer.statusCode}`)),
      );
    }).on('error', reject);
  });
}

/** A process and those that it has started. */
function family(pid) {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => {
      try {
        return [Number(name), Number(readFileSync(`/proc/${name}/stat`, 'utf8').split(') ')[1].split(' ')[1])];
      } catch {
        return [0, 0];
      }
    });
  const found = [pid];
  for (const id of found) found.push(...parents.filter(([, parent]) => parent === id).map(([child]) => child));
  return found;
}

function usage(pid) {
  let [cpuSeconds, mebibytes] = [0, 0];
  for (const id of family(pid)) {
    const fields = readFileSync(`/proc/${id}/stat`, 'utf8').split(') ')[1].split(' ');
    cpuSeconds += (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_SECOND;
    mebibytes += Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${id}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  }
  return { cpuSeconds, mebibytes };
}

/** Starts one and waits for its first answer; undefined where it does not come. */
async function bring(name, program, argsOf, env) {
  const port = await freePort();
  const child = start(program, argsOf(port), env);
  for (let i = 0; i < 200 && children.has(child); i++) {
    const bytes = await scrape(port).catch(() => undefined);
    if (bytes !== undefined) return { name, port, child, latencies: [], cpuSeconds: 0 };
    await sleep(50);
  }
  console.log(`${name}: does not answer`);
  child.kill();
  return undefined;
}

async function warmUp(port) {
  const end = performance.now() + ROUND_MS;
  for (let i = 0; i < WARM_UP && performance.now() < end; i++) await scrape(port);
}

async function round(subject, count) {
  const before = usage(subject.child.pid).cpuSeconds;
  const end = performance.now() + ROUND_MS;
  for (let i = 0; i < count && performance.now() < end; i++) {
    const begin = performance.now();
    subject.bytes = await scrape(subject.port);
    subject.latencies.push(performance.now() - begin);
  }
  const after = usage(subject.child.pid).cpuSeconds;
  subject.cpuSeconds += after - before;
}

function row({ name, latencies, cpuSeconds, mebibytes, bytes }) {
  const sorted = [...latencies].sort((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))].toFixed(2);
  return {
    exporter: name,
    'p50 ms': at(0.5),
    'p99 ms': at(0.99),
    'CPU ms/scrape': ((cpuSeconds * 1000) / latencies.length).toFixed(2),
    'RSS MiB': mebibytes.toFixed(1),
    'sent kB': (bytes / 1000).toFixed(1),
  };
}

/** Original and ours in turns, so that what else the machine does meets both. */
async function compare(name, { original: [program, argsOf], ours, env }) {
  const path = find(program);
  if (!path) console.log(`${name}: the original (${program}) is not on this machine`);
  const runners = [
    path && (await bring(`${name}, original`, path, argsOf, env)),
    await bring(`${name}, ours`, ours(0)[0], (port) => ours(port)[1], env),
  ].filter(Boolean);
  for (const { port } of runners) await warmUp(port);
  for (let i = 0; i < ROUNDS; i++) for (const runner of runners) await round(runner, Math.ceil(scrapes / ROUNDS));
  await sleep(REST_MS);
  for (const runner of runners) runner.mebibytes = usage(runner.child.pid).mebibytes;
  for (const { child } of runners) child.kill();
  return runners;
}

/** All four in one process, as `avalanche up` has them. */
async function together({ postgres, redis }) {
  const names = ['node', 'postgres', 'redis', 'celery'].filter(
    (name) => only.includes(name) && (name === 'node' || (name === 'postgres' ? postgres : redis)),
  );
  const roles = names.map((name) => `${name}-exporter`);
  const ports = await Promise.all(names.map(freePort));
  const moves = roles.flatMap((role, i) => ['--port', `${role}=${ports[i]}`]);
  const env = { DATABASE_URL: postgres ?? '', REDIS_URL: redis ?? '', CELERY_BROKER_URL: redis ? `${redis}/0` : '' };
  const args = [cli, 'up', '--only', roles.join(','), '--data-dir', join(directory, 'data'), ...moves];
  const child = start(process.execPath, args, env);
  for (let i = 0; i < 200; i++) {
    const answers = await Promise.all(ports.map((port) => scrape(port).catch(() => undefined)));
    if (answers.every((bytes) => bytes !== undefined)) break;
    await sleep(50);
  }
  const subject = { name: `${names.join(' + ')}, ours in one process`, child, latencies: [], cpuSeconds: 0, bytes: 0 };
  for (const port of ports) await warmUp(port);
  for (const port of ports) {
    subject.port = port;
    await round(subject, Math.ceil(scrapes / ports.length));
  }
  await sleep(REST_MS);
  subject.mebibytes = usage(child.pid).mebibytes;
  child.kill();
  return subject;
}

try {
  const given = (name) => option(name, undefined);
  const wants = (name) => only.some((one) => name.includes(one));
  const servers = {
    postgres: given('postgres') ?? (wants(['postgres']) ? await startPostgres() : undefined),
    redis: given('redis') ?? (wants(['redis', 'celery']) ? await startRedis() : undefined),
  };
  await sleep(1000);
  const all = subjects(servers);
  const results = [];
  for (const name of only) {
    if (all[name]) results.push(...(await compare(name, all[name])));
    else console.log(`${name}: its server is not on this machine`);
  }
  const originals = results.filter(({ name }) => name.endsWith('original'));
  const rows = results.map(row);
  if (only.length > 1) rows.push(row(await together(servers)));
  console.table(rows);
  const sum = originals.reduce((total, { mebibytes }) => total + mebibytes, 0);
  console.log(
    `the originals together: ${sum.toFixed(1)} MiB (${originals.map(({ name }) => name.split(',')[0]).join(', ')})`,
  );
} finally {
  for (const child of children) child.kill();
  await sleep(500);
  rmSync(directory, { recursive: true, force: true });
  agent.destroy();
}
process.exit(0);
