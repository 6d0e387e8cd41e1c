/** The compute thread: takes one computation after the other from the thread that started it. */
import { parentPort } from 'node:worker_threads';
import { failureOf } from '../errors.ts';
import { compute } from './computations.ts';
import type { ThreadReply, ThreadRequest } from './thread.ts';

/** Progress is told at most this often. */
const PROGRESS_INTERVAL_MS = 200;

const port = parentPort;
if (!port) throw new Error('BUG: worker.ts runs in a worker thread only');
const reply = (message: ThreadReply): void => port.postMessage(message);

port.on('message', ({ id, name, task }: ThreadRequest) => {
  let nextProgressMs = 0;
  const progress = (done: number): void => {
    if (performance.now() < nextProgressMs) return;
    nextProgressMs = performance.now() + PROGRESS_INTERVAL_MS;
    reply({ id, kind: 'progress', done });
  };
  compute(name, task, { progress }).then(
    (result) => reply({ id, kind: 'result', result }),
    (error: unknown) => reply({ id, kind: 'failure', failure: failureOf(error) }),
  );
});
