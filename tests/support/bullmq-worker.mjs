// A BullMQ worker for tests: `node bullmq-worker.mjs redis://… queue prefix`. It says "ready" when it takes jobs.
import { Worker } from 'bullmq';

const [url, queue, prefix] = process.argv.slice(2);
const { hostname, port } = new URL(url);

async function work(job) {
  if (job.name === 'slow') await new Promise((resolve) => setTimeout(resolve, job.data.ms));
  if (job.name === 'fail') throw new TypeError('boom');
  if (job.name === 'retry' && job.attemptsMade === 0) throw new Error('once more');
}

const worker = new Worker(queue, work, {
  connection: { host: hostname, port: Number(port) },
  prefix,
  concurrency: 2,
  lockDuration: 2_000,
  stalledInterval: 1_000,
});
await worker.waitUntilReady();
console.log('ready');
