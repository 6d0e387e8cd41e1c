import { expect, test } from 'vitest';
import { type BullEvent, BullJobs } from './bull-jobs.ts';
import { bullClients } from './bull-workers.ts';
import type { TaskSeries } from './task-series.ts';

/** Notes what is counted, instead of counting it. */
function noted() {
  const notes: string[] = [];
  const seriesOf = (name: string) =>
    ({
      count: (kind: string, exception = '') => notes.push(`${name} ${kind} ${exception}`.trim()),
      observeRuntime: (seconds: number) => notes.push(`${name} ran ${seconds}`),
      observeWait: (seconds: number) => notes.push(`${name} waited ${seconds}`),
    }) as unknown as TaskSeries;
  const jobs = new BullJobs(seriesOf);
  const take = (at: number, event: string, fields: Record<string, string> = {}, details = {}) => {
    const entry: BullEvent = { event, jobId: '1', at, fields: new Map(Object.entries(fields)) };
    const asked = jobs.needsDetails(entry);
    jobs.take(entry, asked ? { name: 'known', stacktrace: null, ...details } : undefined);
  };
  return { take, notes };
}

test('a job with a delay that fails once and then succeeds', () => {
  const { take, notes } = noted();
  take(0, 'added', { name: 'n' });
  take(0, 'delayed', { delay: '1000' });
  take(1500, 'waiting', { prev: 'delayed' });
  take(2000, 'active', { prev: 'waiting' });
  take(3000, 'waiting', { prev: 'active' });
  take(3500, 'active', { prev: 'waiting' });
  take(5000, 'completed', { prev: 'active' });
  expect(notes).toEqual([
    ...['n sent', 'n received', 'n started', 'n waited 1', 'n retried'],
    ...['n received', 'n started', 'n waited 0.5', 'n succeeded', 'n ran 1.5'],
  ]);
});

test('a job that was there before us, fails for good, and is tried again by hand', () => {
  const { take, notes } = noted();
  take(0, 'active', { prev: 'waiting' });
  take(1, 'failed', {}, { stacktrace: JSON.stringify(['Error: first\n at x', 'RangeError: second\n at y']) });
  take(2, 'waiting', { prev: 'failed' });
  take(3, 'removed', { prev: 'wait' });
  expect(notes).toEqual(['known received', 'known started', 'known failed RangeError', 'known revoked']);
});

test('what was removed after its end is not revoked; what is no JSON is no exception', () => {
  const { take, notes } = noted();
  take(0, 'failed', {}, { stacktrace: '{' });
  take(1, 'removed', { prev: 'failed' });
  take(2, 'removed', { prev: 'completed' });
  take(3, 'drained');
  expect(notes).toEqual(['known failed UnknownException']);
});

test('workers name their connections after their queue', () => {
  const name = (queue: string) => Buffer.from(queue).toString('base64');
  const list = [
    `id=1 addr=127.0.0.1:5 laddr=127.0.0.1:6379 fd=8 name=bull:${name('a:b')} age=9 idle=3 db=0`,
    `id=2 addr=10.0.0.7:5 laddr=10.0.0.1:6379 fd=9 name=bull:${name('q')}:w:big one=1 age=9 idle=0 db=0`,
    `id=3 addr=10.0.0.7:6 name=bull:${name('q')}:qe age=9 idle=0`,
    'id=4 addr=10.0.0.7:7 name= age=9 idle=0',
    `id=5 addr=10.0.0.7:8 name=other:${name('q')} age=9 idle=0`,
  ].join('\n');
  const clients = bullClients(list, ['bull']);
  expect([...clients.keys()]).toEqual(['bull:a:b', 'bull:q']);
  expect(clients.get('bull:a:b')).toMatchObject([{ idleMs: 3000 }]);
  expect(clients.get('bull:q')).toEqual([{ worker: 'big@10.0.0.7', host: '10.0.0.7', idleMs: 0 }]);
});
