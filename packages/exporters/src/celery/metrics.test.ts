import { existsSync, readFileSync } from 'node:fs';
import { ENTRY_END, ENTRY_SAMPLE, ExpositionParser, FamilyWriter, parseSeriesText } from '@avalanche/exposition';
import { describe, expect, test } from 'vitest';
import type { QueueMeasure } from './broker.ts';
import type { CeleryEvent } from './event.ts';
import { Buckets } from './histogram.ts';
import type { InspectMethod } from './inspect.ts';
import { CeleryMetrics, type CeleryMetricsOptions } from './metrics.ts';
import { RUNTIME_BUCKETS, WAIT_BUCKETS } from './start.ts';

const options: CeleryMetricsOptions = {
  defaultQueue: 'celery',
  workerTimeoutMs: 300_000,
  purgeOfflineMs: 600_000,
  reportTtlMs: 30_000,
  prefix: 'celery_',
  staticLabels: {},
  runtimeBuckets: new Buckets(RUNTIME_BUCKETS),
  waitBuckets: new Buckets(WAIT_BUCKETS),
  taskSeriesMax: 1_000,
  genericSender: false,
  genericWorker: false,
};

function parse(text: string): Map<string, number> {
  const parser = new ExpositionParser(text, 'text');
  const out = new Map<string, number>();
  for (let entry = parser.next(); entry !== ENTRY_END; entry = parser.next()) {
    if (entry !== ENTRY_SAMPLE) continue;
    out.set(parseSeriesText(text.slice(parser.seriesStart, parser.seriesEnd)).toString(), parser.value);
  }
  return out;
}

async function textOf(metrics: CeleryMetrics, now: number, queues: Record<string, QueueMeasure> = {}): Promise<string> {
  const families = new FamilyWriter();
  await metrics.write(families, new Map(Object.entries(queues)), now);
  return families.text();
}

async function samples(metrics: CeleryMetrics, now: number, queues: Record<string, QueueMeasure> = {}) {
  return parse(await textOf(metrics, now, queues));
}

const reference = new URL('../../../../../shared/reference/exporters/', import.meta.url);

describe.skipIf(!existsSync(reference))(
  'events of a real worker (skipped where ../shared/reference is missing)',
  () => {
    test('give the series that the original gave', async () => {
      const metrics = new CeleryMetrics(options);
      let now = 0;
      for (const line of readFileSync(new URL('celery-events.jsonl', reference), 'utf8').trim().split('\n')) {
        const { t, channel, body } = JSON.parse(line) as {
          t: number;
          channel: string;
          body: CeleryEvent | CeleryEvent[];
        };
        if (!channel.includes('celeryev')) continue;
        now = t * 1000;
        for (const event of Array.isArray(body) ? body : [body]) metrics.take(event, now);
      }
      const ours = await samples(metrics, now);
      const theirs = parse(readFileSync(new URL('celery.prom', reference), 'utf8'));
      const task = /^celery_(task|worker)_/;
      const compared = [...theirs].filter(([series]) => task.test(series) && !series.includes('_created'));
      expect(compared.length).toBeGreaterThan(200);
      for (const [series, value] of compared) {
        expect(Math.abs((ours.get(series) ?? Number.NaN) - value), series).toBeLessThan(1e-8);
      }
      const names = new Set(compared.map(([series]) => series));
      const extra = [...ours.keys()].filter((series) => /^celery_task_/.test(series) && !names.has(series));
      expect(extra).toEqual([]);
    });
  },
);

const base = { hostname: 'w@h', timestamp: 0, uuid: 'u' };

describe('workers', () => {
  const heartbeat = (hostname: string, timestamp: number, active = 0) =>
    ({ type: 'worker-heartbeat', hostname, timestamp, active }) as const;

  test('one without a heartbeat goes down within its timeout, and later away with its series', async () => {
    const metrics = new CeleryMetrics(options);
    metrics.take(heartbeat('w@h', 0, 2), 0);
    metrics.take({ ...base, type: 'task-received', name: 'n' }, 0);
    const up = async (now: number) => (await samples(metrics, now)).get('celery_worker_up{hostname="h"}');
    expect(await up(300_000)).toBe(1);
    expect(await up(300_001)).toBe(0);
    expect((await samples(metrics, 300_001)).get('celery_worker_tasks_active{hostname="h"}')).toBe(0);
    expect(await textOf(metrics, 600_000)).toContain('celery_task_received_total');
    expect(await textOf(metrics, 600_001)).toBe('');
  });

  test('timeouts of 0 leave everything', async () => {
    const metrics = new CeleryMetrics({ ...options, workerTimeoutMs: 0, purgeOfflineMs: 0 });
    metrics.take(heartbeat('w@h', 0), 0);
    expect((await samples(metrics, 1e12)).get('celery_worker_up{hostname="h"}')).toBe(1);
  });

  test('several on one host are one host with the sum of their tasks, and each by itself', async () => {
    const metrics = new CeleryMetrics(options);
    metrics.take(heartbeat('a@h', 0, 2), 0);
    metrics.take(heartbeat('b@h', 0, 3), 0);
    metrics.take({ type: 'worker-offline', hostname: 'a@h', timestamp: 1 }, 1000);
    const all = await samples(metrics, 1000);
    expect(all.get('celery_worker_up{hostname="h"}')).toBe(1);
    expect(all.get('celery_worker_tasks_active{hostname="h"}')).toBe(3);
    expect(all.get('celery_worker_instance_up{hostname="h", worker="a@h"}')).toBe(0);
    expect(all.get('celery_worker_instance_up{hostname="h", worker="b@h"}')).toBe(1);
  });

  test('two of one name, as pods may be, are counted both; one that was started again is not counted twice', async () => {
    const metrics = new CeleryMetrics(options);
    const beat = (pid: number, now: number, active: number) =>
      metrics.take({ ...heartbeat('w@h', now / 1000, active), pid }, now);
    const state = async (now: number) => {
      const all = await samples(metrics, now);
      return [all.get('celery_worker_up{hostname="h"}'), all.get('celery_worker_tasks_active{hostname="h"}')];
    };
    beat(1, 0, 2);
    beat(2, 1_000, 3);
    expect(await state(1_000)).toEqual([1, 5]);
    metrics.take({ type: 'worker-offline', hostname: 'w@h', timestamp: 2, pid: 1 }, 2_000);
    expect(await state(2_000)).toEqual([1, 3]);
    beat(3, 12_000, 1); // the second was killed
    expect(await state(12_000)).toEqual([1, 1]);
  });

  test('a clock that is an hour off changes nothing, and a heartbeat from before the end is late', async () => {
    const metrics = new CeleryMetrics(options);
    const up = async (now: number) => (await samples(metrics, now)).get('celery_worker_up{hostname="h"}');
    metrics.take(heartbeat('w@h', 3600), 0);
    expect(await up(200_000)).toBe(1);
    metrics.take({ type: 'worker-offline', hostname: 'w@h', timestamp: 3700 }, 100_000);
    metrics.take(heartbeat('w@h', 3699), 100_500);
    expect(await up(100_500)).toBe(0);
    metrics.take(heartbeat('w@h', 3710), 110_000);
    expect(await up(110_000)).toBe(1);
  });
});

describe('tasks', () => {
  const labels = '{hostname="h", name="n", queue_name="celery"}';

  test('those that are worked on are counted, with the age of the oldest', async () => {
    const metrics = new CeleryMetrics(options);
    const event = (type: string, uuid: string) => ({ ...base, type, uuid, name: 'n' });
    metrics.take(event('task-started', 'a'), 1_000);
    metrics.take(event('task-started', 'b'), 3_000);
    const at = async (now: number) => {
      const all = await samples(metrics, now);
      return [all.get(`celery_active_task_count${labels}`), all.get(`celery_active_task_oldest_age_seconds${labels}`)];
    };
    expect(await at(5_000)).toEqual([2, 4]);
    metrics.take(event('task-succeeded', 'a'), 5_000);
    metrics.take(event('task-started', 'a'), 5_100); // late
    expect(await at(5_500)).toEqual([1, 2.5]);
    metrics.take(event('task-failed', 'b'), 6_000);
    expect(await at(6_000)).toEqual([0, 0]);
  });

  const answers = (worker: string, values: Partial<Record<InspectMethod, unknown>>) =>
    Object.entries(values).map(([method, value]) => ({ worker, method: method as InspectMethod, value }));

  test('a worker says itself what it works on, also where its events are off or its clock is', async () => {
    const metrics = new CeleryMetrics(options);
    metrics.take({ type: 'worker-heartbeat', hostname: 'w@h', timestamp: 1_000 }, 3_600_000);
    const long = { id: 'x', name: 'n', time_start: 990, delivery_info: { routing_key: 'q' } };
    const queues = [{ name: 'q' }, { name: 'r' }];
    const stats = { pid: 2 ** 30, pool: { processes: [1, 2] } };
    const told = metrics.inspected(
      answers('w@h', { stats, active_queues: queues, active: [long], reserved: [{}, {}, {}] }),
      3_600_000,
      3_601_000,
    );
    expect(told).toEqual(['q', 'r']);
    const all = await samples(metrics, 3_610_000, { q: { length: 0 }, r: { length: 5 }, s: { length: 0 } });
    const active = '{hostname="h", name="n", queue_name="q"}';
    expect(all.get(`celery_active_task_oldest_age_seconds${active}`)).toBe(20);
    expect(all.get('celery_worker_tasks_prefetched{hostname="h", worker="w@h"}')).toBe(3);
    expect(all.get('celery_active_worker_count{queue_name="r"}')).toBe(1);
    expect(all.get('celery_active_process_count{queue_name="r"}')).toBe(2);
    expect(all.get('celery_active_worker_count{queue_name="s"}')).toBe(0);
    expect(all.get('celery_queue_oldest_age_seconds{queue_name="q"}')).toBe(0);
    metrics.inspected(answers('w@h', { active: [] }), 3_611_000, 3_612_000);
    expect(await textOf(metrics, 3_612_000)).not.toContain('celery_active_task_count{');
  });

  test('answers that are errors are no answers', async () => {
    const metrics = new CeleryMetrics(options);
    const error = { error: 'KeyError()' };
    const replies = answers('w@h', { stats: error, active_queues: error, active: error, reserved: error });
    expect(metrics.inspected(replies, 0, 1)).toEqual([]);
    expect(await textOf(metrics, 1)).not.toContain('prefetched');
  });

  test('the oldest message of a queue is known by its task-sent event, and else since we saw it', async () => {
    const metrics = new CeleryMetrics(options);
    const age = async (now: number, length: number) =>
      (await samples(metrics, now, { celery: { length } })).get('celery_queue_oldest_age_seconds{queue_name="celery"}');
    metrics.take({ ...base, type: 'task-sent', uuid: 'sent', name: 'n', queue: 'celery' }, 1_000);
    expect(await age(4_000, 1)).toBe(3);
    metrics.ages.seen(new Map([['celery', 'unheard']]), 5_000);
    metrics.ages.seen(new Map([['celery', 'unheard']]), 15_000);
    expect(await age(16_000, 2)).toBe(11);
    expect(await age(17_000, 0)).toBe(0);
  });

  test('too many series, too many exceptions and labels that are too long are bounded, and told', async () => {
    const metrics = new CeleryMetrics({ ...options, taskSeriesMax: 3 });
    for (let i = 0; i < 10; i++) metrics.take({ ...base, type: 'task-received', uuid: `${i}`, name: `n${i}` }, 0);
    expect(metrics.series.overflowed).toBe(7);
    const overflow = 'hostname="__overflow__", name="__overflow__", queue_name="__overflow__"';
    expect((await samples(metrics, 0)).get(`celery_task_received_total{${overflow}}`)).toBe(7);
    const failing = new CeleryMetrics(options);
    for (let i = 0; i < 150; i++) {
      failing.take({ ...base, type: 'task-failed', uuid: `${i}`, name: 'x'.repeat(5000), exception: `E${i}('x')` }, 0);
    }
    const text = await textOf(failing, 0);
    expect(text.split('\n').filter((line) => line.startsWith('celery_task_failed_total')).length).toBe(101);
    expect(text).not.toContain('x'.repeat(513));
  });

  test('host names can be left out, and prefix and labels chosen', async () => {
    const prefix = 'jobs_';
    const metrics = new CeleryMetrics({
      ...options,
      prefix,
      staticLabels: { site: 'x' },
      genericSender: true,
      genericWorker: true,
    });
    metrics.take({ ...base, type: 'task-sent', hostname: 'gen1@client', name: 'n', queue: 'q' }, 0);
    metrics.take({ ...base, type: 'task-succeeded', name: 'n', runtime: 1 }, 0);
    const text = await textOf(metrics, 0, { q: { length: 1 } });
    expect(text).toContain('jobs_task_sent_total{hostname="generic",name="n",queue_name="q",site="x"} 1\n');
    expect(text).toContain(
      'jobs_task_runtime_bucket{hostname="generic",le="1.0",name="n",queue_name="q",site="x"} 1\n',
    );
    expect(text).toContain('jobs_queue_length{queue_name="q",site="x"} 1\n');
    expect(text).not.toContain('celery_');
  });
});
