// Whether scrapes keep their beat: 500 targets of 500 series at 5 s, while the dashboards of config/grafana are refreshed
// every 5 s. Not part of the tests: it wants the machine for itself, and a build.
//   node tests/prometheus/load.mjs [--peer avalanche|prometheus] [--seconds 60] [--warmup 25] [--targets 500] [--series 500]
// A target notes when it is asked. Its beat is the earliest of these moments, modulo the interval; what comes later than
// that is late. The criterion: nothing later than a tenth of the interval, nothing left out.
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { createServer as createNetServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const INTERVAL_MS = 5000;
const LATE_MS = INTERVAL_MS / 10;
const root = fileURLToPath(new URL('../..', import.meta.url));
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The expressions of the four largest dashboards, by dashboard. */
function dashboards() {
  const directory = join(root, 'config/grafana/dashboards');
  const all = readdirSync(directory).map((file) => JSON.parse(readFileSync(join(directory, file), 'utf8')));
  const expressions = all.map(({ panels }) =>
    panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr).filter((expr) => expr)),
  );
  return expressions.sort((a, b) => b.length - a.length).slice(0, 4);
}

const filled = (expr) =>
  expr
    .replaceAll(/\$(?:\{)?__(?:rate_)?interval(?:_ms)?\}?|\$__range/g, '1m')
    .replaceAll(/\$\{?\w+(?::\w+)?\}?/g, '.*');

/** Names of metrics that the expressions of each job ask for. */
function metricsByJob(expressions) {
  const jobs = new Map();
  for (const expr of expressions.flat()) {
    for (const [, name, inside] of expr.matchAll(/([a-z_:][a-z0-9_:]*)\{([^}]*)\}/g)) {
      const job = /job="([^"]+)"/.exec(inside)?.[1];
      if (job && name !== 'up' && name !== 'ALERTS') jobs.set(job, (jobs.get(job) ?? new Set()).add(name));
    }
  }
  return [...jobs].filter(([, names]) => names.size > 3).map(([job, names]) => ({ job, names: [...names] }));
}

/** Lines of one target without their values. */
function linesOf(names, count) {
  const modes = ['idle', 'user', 'system', 'iowait'];
  return Array.from({ length: count }, (_, i) => {
    const [name, k] = [names[i % names.length], Math.floor(i / names.length)];
    const le = name.endsWith('_bucket') ? `,le="${k % 10 === 9 ? '+Inf' : (k % 10) / 4}"` : '';
    return `${name}{n="${k}",mode="${modes[k % 4]}",device="sd${k}",state="active",status="200"${le}} `;
  });
}

/** In a thread of its own, so that nothing else delays the note of a moment. */
function serveTargets({ jobs, targets, series }) {
  const bodies = Array.from({ length: targets }, (_, t) => linesOf(jobs[t % jobs.length].names, series));
  const asked = bodies.map(() => []);
  const server = createServer({ keepAliveTimeout: 60_000 }, (incoming, response) => {
    const at = performance.timeOrigin + performance.now();
    const t = Number(/\d+/.exec(incoming.url)?.[0]);
    asked[t].push(at);
    const value = asked[t].length;
    const body = Buffer.from(bodies[t].map((line, i) => `${line}${value * (i + 1)}\n`).join(''), 'latin1');
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4', 'content-length': body.length }).end(body);
  });
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
  parentPort.on('message', () => parentPort.postMessage(asked));
}

function freePort() {
  return new Promise((resolve) => {
    const server = createNetServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

const started = new Set();
process.on('exit', () => {
  for (const child of started) child.kill('SIGKILL');
});

async function startServer(peer, directory, port) {
  const flags = [
    `--config.file=${join(directory, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(directory, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--log.level=error',
  ];
  const ours = [process.execPath, [join(root, 'packages/cli/bin/avalanche.mjs'), 'prometheus', ...flags]];
  const [command, args] = peer === 'prometheus' ? ['prometheus', flags] : ours;
  const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  started.add(child);
  for (let i = 0; i < 600; i++) {
    const ready = await fetch(`http://127.0.0.1:${port}/-/ready`).catch(() => null);
    if (ready?.ok) return child;
    await sleep(50);
  }
  throw new Error(`${peer} does not get ready`);
}

/** Posts a range query of the last quarter of an hour and forgets the answer. @returns its status and size */
function ask(port, expr) {
  const end = Math.floor(Date.now() / 15_000) * 15;
  const body = new URLSearchParams({ query: expr, start: String(end - 900), end: String(end), step: '15' }).toString();
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded', 'content-length': Buffer.byteLength(body) };
    const path = '/api/v1/query_range';
    const outgoing = request({ host: '127.0.0.1', port, path, method: 'POST', headers }, (response) => {
      let bytes = 0;
      response.on('data', (chunk) => {
        bytes += chunk.length;
      });
      response.on('end', () => resolve({ status: response.statusCode, bytes }));
      response.on('error', reject);
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** Refreshes one dashboard every interval, six queries at once, as a browser does. */
async function refresh(port, expressions, until, log) {
  while (Date.now() < until) {
    const begin = performance.now();
    const queue = [...expressions];
    const work = async () => {
      for (let expr = queue.shift(); expr; expr = queue.shift()) {
        const { status, bytes } = await ask(port, expr);
        log.queries++;
        log.bytes += bytes;
        if (status !== 200) log.failed.push(`${status}: ${expr}`);
      }
    };
    await Promise.all(Array.from({ length: 6 }, work));
    const tookMs = performance.now() - begin;
    log.tookMs.push(tookMs);
    await sleep(Math.max(0, INTERVAL_MS - tookMs));
  }
}

const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0;

function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** How late each scrape came after `from`, and how many are missing. */
function lateness(asked, from) {
  const late = [];
  let missing = 0;
  for (const moments of asked) {
    const counted = moments.filter((at) => at >= from);
    if (counted.length === 0) missing++;
    const turns = counted.map((at) => Math.round((at - counted[0]) / INTERVAL_MS));
    const phases = counted.map((at, i) => at - turns[i] * INTERVAL_MS);
    const beat = Math.min(...phases);
    for (const phase of phases) late.push(phase - beat);
    for (let i = 1; i < turns.length; i++) missing += Math.max(0, turns[i] - turns[i - 1] - 1);
  }
  return { late: late.sort((a, b) => a - b), missing };
}

async function main() {
  const { values } = parseArgs({
    options: {
      peer: { type: 'string', default: 'avalanche' },
      seconds: { type: 'string', default: '60' },
      warmup: { type: 'string', default: '25' },
      targets: { type: 'string', default: '500' },
      series: { type: 'string', default: '500' },
    },
  });
  const expressions = dashboards().map((all) => all.map(filled));
  const jobs = metricsByJob(expressions);
  const targets = Number(values.targets);
  const worker = new Worker(new URL(import.meta.url), { workerData: { jobs, targets, series: Number(values.series) } });
  const targetPort = await new Promise((resolve) => worker.once('message', resolve));
  const directory = mkdtempSync(join(tmpdir(), 'load-'));
  const config = {
    global: { scrape_interval: '5s', scrape_timeout: '5s' },
    scrape_configs: jobs.map(({ job }, j) => ({
      job_name: job,
      static_configs: Array.from({ length: targets }, (_, t) => t)
        .filter((t) => t % jobs.length === j)
        .map((t) => ({
          targets: [`127.0.0.1:${targetPort}`],
          labels: { __metrics_path__: `/${t}`, instance: `host-${t}` },
        })),
    })),
  };
  writeFileSync(join(directory, 'prometheus.yml'), JSON.stringify(config));
  const port = await freePort();
  const server = await startServer(values.peer, directory, port);
  await sleep(Number(values.warmup) * 1000 - 10_000);
  const log = { tookMs: [], queries: 0, bytes: 0, failed: [] };
  const until = Date.now() + 10_000 + Number(values.seconds) * 1000;
  const refreshing = expressions.map((all) => refresh(port, all, until, log));
  await sleep(10_000);
  const from = Date.now();
  const cpu = cpuSeconds(server.pid);
  await Promise.all(refreshing);
  const cpuPercent = ((cpuSeconds(server.pid) - cpu) / ((Date.now() - from) / 1000)) * 100;
  const rss = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))?.[1]) / 1024;
  worker.postMessage('tell');
  const { late, missing } = lateness(await new Promise((resolve) => worker.once('message', resolve)), from);
  log.tookMs.sort((a, b) => a - b);
  console.log(
    JSON.stringify({
      peer: values.peer,
      jobs: jobs.map(({ job, names }) => `${job}: ${names.length} metrics`),
      scrapes: late.length,
      missing,
      tooLate: late.filter((ms) => ms > LATE_MS).length,
      lateMs: { p50: quantile(late, 0.5), p99: quantile(late, 0.99), max: late.at(-1) },
      queries: log.queries,
      failedQueries: [...new Set(log.failed)],
      answersMiB: log.bytes / 2 ** 20,
      refreshMs: { p50: quantile(log.tookMs, 0.5), max: log.tookMs.at(-1) },
      cpuPercent,
      rssMiB: rss,
    }),
  );
  server.kill();
  await new Promise((resolve) => server.once('exit', resolve));
  await worker.terminate();
  rmSync(directory, { recursive: true });
}

if (isMainThread) await main();
else serveTargets(workerData);
