// A storm of alerts on the Alertmanager role beside the real one: `npm run bench -- storm [--alerts 50000] [--groups 500]
// [--inhibit] [--peers real,ours]`; another real one by REAL_ALERTMANAGER.
// Every alert is reported three times and then resolved, as a Prometheus does; a webhook takes what is notified.
// Shows CPU time, the peak of resident memory, and when the first and the last group was notified. Needs a build.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BATCH = 250;
const CONNECTIONS = 4;
const REPORTS = 3;
const ROUND_MS = 10_000;
const CLOCK_TICKS_PER_SECOND = 100;

const cli = fileURLToPath(new URL('../packages/cli/bin/avalanche.mjs', import.meta.url));
const PEERS = {
  real: [process.env.REAL_ALERTMANAGER ?? 'prometheus-alertmanager', []],
  ours: [process.execPath, [cli, 'alertmanager']],
};

const option = (name, fallback) => {
  const i = process.argv.indexOf(`--${name}`);
  return i < 0 ? fallback : process.argv[i + 1];
};
const alertCount = Number(option('alerts', 50_000));
const groupCount = Number(option('groups', 500));
const peers = option('peers', 'real,ours').split(',');
// 0.25 of the real one compares every source with every target: minutes of CPU, and no notification
const inhibitRules = process.argv.includes('--inhibit')
  ? 'inhibit_rules: [{source_matchers: [severity=critical], target_matchers: [severity=warning], equal: [instance]}]'
  : '';

/** A webhook that knows when each group was first told. */
async function startHook() {
  const first = new Map();
  let notifications = 0;
  let bytes = 0;
  const server = createServer((incoming, response) => {
    let head = '';
    incoming.on('data', (chunk) => {
      bytes += chunk.length;
      if (head.length < 4096) head += chunk;
    });
    incoming.on('end', () => {
      notifications++;
      const key = /"storm_group":"(\d+)"/.exec(head)?.[1] ?? '?';
      if (!first.has(key)) first.set(key, performance.now());
      response.end();
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    first,
    counts: () => ({ notifications, megabytes: bytes / 1e6 }),
    stop: () => server.close(),
  };
}

async function freePort() {
  const server = createTcpServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function usage(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_SECOND,
    peakMiB: Number(/VmHWM:\s+(\d+)/.exec(status)[1]) / 1024,
  };
}

const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });

function post(url, body) {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const outgoing = request(`${url}/api/v2/alerts`, { method: 'POST', agent, headers }, (answer) => {
      answer.resume();
      answer.on('end', () =>
        answer.statusCode === 200 ? resolve() : reject(new Error(`answered ${answer.statusCode}`)),
      );
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** Reports every alert once, over a few connections. */
async function report(url, startsAt, endsAt) {
  const batches = [];
  for (let i = 0; i < alertCount; i += BATCH) batches.push(i);
  const work = async () => {
    for (let from = batches.shift(); from !== undefined; from = batches.shift()) {
      const alerts = Array.from({ length: Math.min(BATCH, alertCount - from) }, (_, i) =>
        alertOf(from + i, startsAt, endsAt),
      );
      await post(url, JSON.stringify(alerts));
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, work));
}

function alertOf(n, startsAt, endsAt) {
  return {
    labels: {
      alertname: 'WorkerDown',
      instance: `worker-${n}.edna.example:8000`,
      job: 'edna-workers',
      severity: n % 3 === 0 ? 'critical' : 'warning',
      storm_group: String(n % groupCount),
    },
    annotations: { summary: `Worker ${n} is down`, description: 'It has not answered for five minutes.' },
    startsAt,
    endsAt,
    generatorURL: 'http://prometheus.example:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1',
  };
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function measure(name) {
  const directory = mkdtempSync(join(tmpdir(), 'storm-'));
  const hook = await startHook();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const config = join(directory, 'alertmanager.yml');
  writeFileSync(
    config,
    `route: {receiver: hook, group_by: [storm_group], group_wait: 2s, group_interval: 5s, repeat_interval: 1h}
${inhibitRules}
receivers: [{name: hook, webhook_configs: [{url: '${hook.url}'}]}]
`,
  );
  const [program, args] = PEERS[name];
  const child = spawn(program, [
    ...[...args, `--config.file=${config}`, `--storage.path=${join(directory, 'data')}`],
    ...[`--web.listen-address=127.0.0.1:${port}`, '--cluster.listen-address=', '--log.level=error'],
  ]);
  try {
    for (let i = 0; i < 200 && !(await fetch(`${url}/-/ready`).catch(() => undefined))?.ok; i++) await sleep(50);
    const idle = usage(child.pid);
    const begin = performance.now();
    const startsAt = new Date().toISOString();
    let reportSeconds = 0;
    for (let round = 0; round <= REPORTS; round++) {
      const due = begin + round * ROUND_MS;
      await sleep(Math.max(0, due - performance.now()));
      const at = performance.now();
      // the last report says that all of it is over
      await report(url, startsAt, new Date(Date.now() + (round === REPORTS ? 0 : 300_000)).toISOString());
      if (round === 0) reportSeconds = (performance.now() - at) / 1000;
    }
    await sleep(ROUND_MS);
    const after = usage(child.pid);
    const firsts = [...hook.first.values()].map((at) => (at - begin) / 1000).sort((a, b) => a - b);
    const { notifications, megabytes } = hook.counts();
    return {
      peer: name,
      'CPU s': (after.cpuSeconds - idle.cpuSeconds).toFixed(2),
      'peak MiB': after.peakMiB.toFixed(0),
      'first report s': reportSeconds.toFixed(2),
      'first group s': firsts[0]?.toFixed(2),
      'last group s': firsts.at(-1)?.toFixed(2),
      groups: firsts.length,
      notifications,
      'sent MB': megabytes.toFixed(1),
    };
  } finally {
    child.kill();
    hook.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

console.log(`${alertCount} alerts in ${groupCount} groups, ${availableParallelism()} cores`);
const rows = [];
for (const name of peers) rows.push(await measure(name));
console.table(rows);
process.exit(0);
