// A main process with two cluster workers and a worker thread that count; a line of JSON for each command on standard input.
import cluster from 'node:cluster';
import { createInterface } from 'node:readline';
import { isMainThread, Worker } from 'node:worker_threads';
import { MetricsAggregator, shareMetrics } from '@avalanche/metrics';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

const registry = new Registry();
const registers = [registry];
const counter = new Counter({ name: 'done_total', help: 'Done.', labelNames: ['kind'], registers });
const histogram = new Histogram({ name: 'seconds', help: 'Time.', buckets: [1], registers });
const busy = new Gauge({ name: 'busy', help: 'Busy.', registers });
const largest = new Gauge({ name: 'largest', help: 'Largest.', aggregator: 'max', registers });
const loss = new Gauge({ name: 'loss', help: 'Loss.', aggregator: 'max', registers });

function count(amount) {
  counter.inc({ kind: 'x' }, amount);
  histogram.observe(amount);
  busy.set(1);
  largest.set(amount);
  loss.set(amount === 1 ? Number.NaN : Number.NEGATIVE_INFINITY);
}

if (cluster.isWorker) {
  count(cluster.worker.id);
  shareMetrics(registry);
  process.on('message', (message) => {
    if (message === 'hang') for (const end = Date.now() + 1500; Date.now() < end; );
  });
} else if (!isMainThread) {
  count(10);
  shareMetrics(registry);
  setInterval(() => {}, 1_000_000); // its work
} else {
  const workers = [cluster.fork(), cluster.fork()];
  const thread = new Worker(new URL(import.meta.url));
  await Promise.all([...workers, thread].map((one) => new Promise((resolve) => one.once('online', resolve))));
  await new Promise((resolve) => setTimeout(resolve, 700));
  const aggregator = new MetricsAggregator({ registry, timeoutMs: 500 });
  const other = new MetricsAggregator({ registry });
  const commands = {
    scrape: async () => (await aggregator.metrics()).body,
    scrapeTwice: async () => (await Promise.all([aggregator.metrics(), other.metrics()])).map(({ body }) => body),
    kill: () =>
      new Promise((resolve) => cluster.once('exit', () => resolve('killed')) && workers[0].process.kill('SIGKILL')),
    hang: () => workers[1].send('hang') && 'sent',
    end: () => process.exit(0),
  };
  process.stdout.write('"ready"\n');
  for await (const line of createInterface({ input: process.stdin })) {
    process.stdout.write(`${JSON.stringify(await commands[line]())}\n`);
  }
}
