import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type CeleryExporterOptions, startCeleryExporter } from '@avalanche/exporters';
import { silentLogger } from '@avalanche/model';
import { type RunningPrometheus, startPrometheus } from '@avalanche/prometheus';
import type { RunningRole } from '@avalanche/web';
import { Queue } from 'bullmq';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { panelQueries } from '../exporters/dashboard-queries.ts';
import { type CeleryWorker, hasCelery, sendTasks, startCeleryWorker } from '../support/celery.ts';
import { hasRabbitmq, startRabbitmq } from '../support/rabbitmq.ts';
import { hasRedis, type RunningService, startRedis } from '../support/services.ts';
import { eventually, query } from '../support/stack.ts';

const WORKER_TIMEOUT_MS = 5_000;
/** Workers send a heartbeat every two seconds. */
const HEARTBEAT_MS = 2_000;

function startExporter(brokerUrl: string, options: Partial<CeleryExporterOptions> = {}): Promise<RunningRole> {
  return startCeleryExporter({
    listen: { host: '127.0.0.1', port: 0 },
    logger: silentLogger,
    version: 'test',
    brokerUrl,
    inspectIntervalMs: 1_000,
    workerTimeoutMs: WORKER_TIMEOUT_MS,
    ...options,
  });
}

/** A scrape, by series as they are written. */
async function scrape(role: RunningRole): Promise<Map<string, number>> {
  const text = await (await fetch(`${role.url}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

const until = (role: RunningRole, series: string, value: number) =>
  eventually(
    () => scrape(role),
    (all) => all.get(series) === value,
  );

/** How long it takes until the worker of a host is down. */
async function untilDown(role: RunningRole, host: string): Promise<number> {
  const begin = Date.now();
  await until(role, `celery_worker_up{hostname="${host}"}`, 0);
  return Date.now() - begin;
}

const counted = (kind: string, name: string, host: string, queue = 'celery') =>
  `celery_task_${kind}_total{hostname="${host}",name="${name}",queue_name="${queue}"}`;

const ownDashboard = new URL('../../config/grafana/dashboards/task-queue.json', import.meta.url);
const publicDashboard = new URL(
  '../../../shared/samples/grafana-dashboards/celery-tasks-overview.json',
  import.meta.url,
);

describe.skipIf(!hasRedis || !hasCelery)(
  'a real Celery worker (Debian: redis-server, python3-celery, python3-redis)',
  () => {
    let redis: RunningService;
    let role: RunningRole;
    let worker: CeleryWorker;
    let broker: string;
    beforeAll(async () => {
      redis = await startRedis();
      broker = `${redis.url}/0`;
      role = await startExporter(broker);
      worker = await startCeleryWorker(broker, 'w1@host1', ['-E']);
    });
    afterAll(async () => {
      await worker?.kill();
      await role?.stop();
      await redis?.stop();
    });

    test('tasks that succeed, fail, are tried again, rejected and revoked are counted', async () => {
      await sendTasks(broker, ['add*5', 'mail*2', 'fail', 'reject', 'revoke']);
      await until(role, counted('revoked', 'shop.add', 'host1'), 1);
      await sendTasks(broker, ['retry']);
      await until(role, counted('retried', 'shop.retry', 'host1'), 1); // told by another process than the next start
      const all = await until(role, counted('started', 'shop.retry', 'host1'), 2);
      const client = hostname().split('.')[0];
      const sent = [...all].find(
        ([series]) => series.startsWith('celery_task_sent_total') && series.includes('shop.mail'),
      );
      expect(sent).toEqual([expect.stringContaining(client), 2]);
      expect(all.get(counted('received', 'shop.add', 'host1'))).toBe(6);
      expect(all.get(counted('started', 'shop.add', 'host1'))).toBe(5);
      expect(all.get(counted('succeeded', 'shop.add', 'host1'))).toBe(5);
      expect(all.get(counted('succeeded', 'shop.mail', 'host1', 'mail'))).toBe(2);
      expect(all.get(counted('rejected', 'shop.reject', 'host1'))).toBe(1);
      expect(all.get(counted('retried', 'shop.retry', 'host1'))).toBe(1);
      const failed = (exception: string) =>
        `celery_task_failed_total{exception="${exception}",hostname="host1",name="shop.fail",queue_name="celery"}`;
      expect(all.get(failed('ValueError'))).toBe(1);
      expect(all.get(failed(''))).toBe(0);
      const add = '{hostname="host1",name="shop.add",queue_name="celery"}';
      expect(all.get(`celery_task_runtime_count${add}`)).toBe(5);
      expect(all.get(`celery_task_queue_wait_time_count${add}`)).toBe(5);
    });

    test('the worker, its queues and what it uses are told; an empty queue is 0', async () => {
      const all = await until(role, 'celery_active_worker_count{queue_name="mail"}', 1);
      expect(all.get('celery_worker_up{hostname="host1"}')).toBe(1);
      expect(all.get('celery_active_process_count{queue_name="celery"}')).toBe(2);
      expect(all.get('celery_queue_length{queue_name="mail"}')).toBe(0);
      const labels = '{hostname="host1",worker="w1@host1"}';
      expect(all.get(`celery_worker_cpu_seconds_total${labels}`)).toBeGreaterThan(0);
      expect(all.get(`celery_worker_memory_bytes${labels}`)).toBeGreaterThan(20e6);
      expect(all.get(`celery_worker_memory_bytes${labels}`)).toBeLessThan(1e9);
    });

    test('every panel of our dashboard, and of the public one where ../shared/samples is there, has data', async () => {
      const directory = mkdtempSync(join(tmpdir(), 'avalanche-celery-'));
      const configFile = join(directory, 'prometheus.yml');
      const labels = '{cluster: c, namespace: n}';
      const targets = `targets: ['${new URL(role.url).host}'], labels: ${labels}`;
      const job = `{job_name: celery, scrape_interval: 500ms, scrape_timeout: 500ms, static_configs: [{${targets}}]}`;
      writeFileSync(configFile, `scrape_configs: [${job}]\n`);
      let prometheus: RunningPrometheus | undefined;
      try {
        prometheus = await startPrometheus({
          configFile,
          directory: join(directory, 'data'),
          listen: { host: '127.0.0.1', port: 0 },
          logger: silentLogger,
          version: 'test',
        });
        const { url } = prometheus;
        const received = (value: number) =>
          eventually(
            () => query(url, 'sum(celery_task_received_total)'),
            ([sum]) => Number(sum?.value[1]) >= value,
          );
        await received(1);
        await sendTasks(broker, ['add*3', 'fail', 'mail']);
        await received(16);
        const dashboards = [ownDashboard, publicDashboard].filter((file) => existsSync(file));
        const queries = dashboards.flatMap((file) => panelQueries(file, VARIABLES));
        expect(queries.length).toBeGreaterThan(25);
        const empty = () => Promise.all(queries.map(async ({ text }) => ({ text, result: await query(url, text) })));
        await eventually(empty, (results) => results.every(({ result }) => result.length > 0));
      } finally {
        await prometheus?.stop();
        rmSync(directory, { recursive: true, maxRetries: 3 });
      }
    }, 60_000);

    test('tasks that run long are seen with their age, those behind them as prefetched and queued', async () => {
      await sendTasks(broker, ['slow:60*12']);
      const labels = '{hostname="host1",name="shop.slow",queue_name="celery"}';
      const age = `celery_active_task_oldest_age_seconds${labels}`;
      const all = await eventually(
        () => scrape(role),
        (now) =>
          (now.get(age) ?? 0) > 2 &&
          now.get('celery_worker_tasks_prefetched{hostname="host1",worker="w1@host1"}') === 8,
      );
      expect(all.get(`celery_active_task_count${labels}`)).toBe(2);
      expect(all.get('celery_worker_tasks_active{hostname="host1"}')).toBe(2);
      expect(all.get('celery_queue_length{queue_name="celery"}')).toBe(2);
      expect(all.get('celery_queue_oldest_age_seconds{queue_name="celery"}')).toBeGreaterThan(1);
      expect(all.get('celery_exporter_unacknowledged_messages')).toBe(8);
    });

    test('an exporter that comes later knows what runs, and for how long', async () => {
      const late = await startExporter(broker);
      const labels = '{hostname="host1",name="shop.slow",queue_name="celery"}';
      const all = await until(late, `celery_active_task_count${labels}`, 2);
      expect(all.get(`celery_active_task_oldest_age_seconds${labels}`)).toBeGreaterThan(2);
      await late.stop();
    });

    test('after kill -9 the worker is down within its timeout, and nothing of it is active', async () => {
      await worker.kill();
      const took = await untilDown(role, 'host1');
      expect(took).toBeGreaterThan(WORKER_TIMEOUT_MS - HEARTBEAT_MS - 500);
      expect(took).toBeLessThan(WORKER_TIMEOUT_MS + 1_500);
      const all = await scrape(role);
      expect(all.get('celery_worker_tasks_active{hostname="host1"}')).toBe(0);
      expect(all.get('celery_active_task_count{hostname="host1",name="shop.slow",queue_name="celery"}')).toBe(0);
      expect(all.get('celery_active_worker_count{queue_name="celery"}')).toBe(0);
      expect(all.get('celery_queue_length{queue_name="celery"}')).toBe(2);
    });
  },
);

/** What the dashboards' variables are set to. */
const VARIABLES: Readonly<Record<string, string>> = {
  ...{ cluster: 'c', namespace: 'n', job: 'celery', queue: '.*', queue_name: '.*' },
  ...{ __range: '1h', __rate_interval: '1m' },
};

describe.skipIf(!hasRedis || !hasCelery)('a Celery worker whose keys have a prefix and whose events are off', () => {
  test('is seen, and sends events when it is told to', async () => {
    const redis = await startRedis();
    onTestFinished(redis.stop);
    const broker = `${redis.url}/3`;
    const options = { global_keyprefix: 'site:' };
    const transportOptions = ['global_keyprefix=site:'];
    const role = await startExporter(broker, { transportOptions, enableEvents: true });
    onTestFinished(role.stop);
    const worker = await startCeleryWorker(broker, 'w2@host2', [], options);
    onTestFinished(worker.kill);
    await until(role, 'celery_active_worker_count{queue_name="mail"}', 1);
    await sendTasks(broker, ['mail'], options);
    await until(role, counted('succeeded', 'shop.mail', 'host2', 'mail'), 1);
    await worker.stop();
    expect(await untilDown(role, 'host2')).toBeLessThan(1_000); // it has said that it stops
  });
});

describe.skipIf(!hasRabbitmq || !hasCelery)('a real RabbitMQ (Debian: rabbitmq-server, python3-celery)', () => {
  let rabbitmq: RunningService;
  let role: RunningRole;
  let worker: CeleryWorker;
  beforeAll(async () => {
    rabbitmq = await startRabbitmq();
    role = await startExporter(rabbitmq.url, { queues: ['nowhere'] });
    worker = await startCeleryWorker(rabbitmq.url, 'w1@host1', ['-E']);
  }, 120_000);
  afterAll(async () => {
    await worker?.kill();
    await role?.stop();
    await rabbitmq?.stop();
  });

  test('events, queues, consumers and tasks that run are seen', async () => {
    const broker = rabbitmq.url;
    await sendTasks(broker, ['add*3', 'fail', 'mail']);
    await until(role, counted('succeeded', 'shop.add', 'host1'), 3);
    await sendTasks(broker, ['slow:60*12']);
    const slow = '{hostname="host1",name="shop.slow",queue_name="celery"}';
    const age = 'celery_queue_oldest_age_seconds{queue_name="celery"}';
    const prefetched = 'celery_worker_tasks_prefetched{hostname="host1",worker="w1@host1"}';
    const all = await eventually(
      () => scrape(role),
      (now) => now.get(prefetched) === 8 && (now.get(age) ?? 0) > 1,
    );
    expect(all.get(`celery_active_task_count${slow}`)).toBe(2);
    expect(all.get('celery_queue_length{queue_name="celery"}')).toBe(2);
    expect(all.get('celery_queue_length{queue_name="mail"}')).toBe(0);
    expect(all.get('celery_queue_length{queue_name="nowhere"}')).toBe(0);
    expect(all.get('celery_active_consumer_count{queue_name="celery"}')).toBe(1);
    expect(all.get('celery_active_consumer_count{queue_name="nowhere"}')).toBe(0);
    expect(all.get('celery_active_worker_count{queue_name="celery"}')).toBe(1);
    const health = await fetch(`${role.url}/health`);
    const shown = `amqp://guest:**@127.0.0.1:${rabbitmq.port}//`;
    expect([health.status, await health.text()]).toEqual([200, `Connected to the broker ${shown}`]);
  });

  test('an exporter that ends has not lost its broker', async () => {
    const onBrokerLost = vi.fn();
    const other = await startExporter(rabbitmq.url, { onBrokerLost });
    await other.stop();
    expect(onBrokerLost).not.toHaveBeenCalled();
  });

  test('a worker that is killed goes down, and a broker that is killed is told', async () => {
    await worker.kill();
    expect(await untilDown(role, 'host1')).toBeLessThan(WORKER_TIMEOUT_MS + 1_500);
    await rabbitmq.stop();
    const answer = await eventually(
      () => fetch(`${role.url}/metrics`),
      ({ status }) => status === 500,
    );
    expect(await answer.text()).toMatch(/^Failed to scrape metrics: /);
  });
});

describe.skipIf(!hasRedis)('a real BullMQ worker (Debian: redis-server)', () => {
  let redis: RunningService;
  let role: RunningRole;
  let worker: ChildProcess;
  let queue: Queue;
  beforeAll(async () => {
    redis = await startRedis();
    role = await startExporter(redis.url, { bullmqPrefixes: ['lab'] });
    const file = fileURLToPath(new URL('../support/bullmq-worker.mjs', import.meta.url));
    worker = spawn(process.execPath, [file, redis.url, 'analysis', 'lab'], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve) => worker.stdout?.once('data', resolve));
    queue = new Queue('analysis', { connection: { host: '127.0.0.1', port: redis.port }, prefix: 'lab' });
  });
  afterAll(async () => {
    worker?.kill('SIGKILL');
    await queue?.close();
    await role?.stop();
    await redis?.stop();
  });

  const of = (kind: string, name: string) => counted(kind, name, 'generic', 'analysis');

  test('jobs are counted as tasks are', async () => {
    const removed = { removeOnComplete: true };
    for (let i = 0; i < 5; i++) await queue.add('ok', {}, removed);
    await queue.add('fail', {});
    await queue.add('retry', {}, { attempts: 2, backoff: { type: 'fixed', delay: 100 }, ...removed });
    await queue.add('ok', {}, { delay: 300, ...removed });
    const later = await queue.add('ok', {}, { delay: 60_000 });
    await later.remove();
    await queue.add('ok', {}, { delay: 60_000 });
    await until(role, of('succeeded', 'retry'), 1);
    const all = await until(role, of('succeeded', 'ok'), 6);
    expect(all.get(of('sent', 'ok'))).toBe(8);
    expect(all.get(of('started', 'ok'))).toBe(6);
    expect(all.get(of('revoked', 'ok'))).toBe(1);
    expect(all.get(of('retried', 'retry'))).toBe(1);
    expect(all.get(of('started', 'retry'))).toBe(2);
    const failed = 'exception="TypeError",hostname="generic",name="fail",queue_name="analysis"';
    expect(all.get(`celery_task_failed_total{${failed}}`)).toBe(1);
    const ok = '{hostname="generic",name="ok",queue_name="analysis"}';
    expect(all.get(`celery_task_runtime_count${ok}`)).toBe(6);
    expect(all.get(`celery_task_queue_wait_time_count${ok}`)).toBe(6);
    // The delay is no waiting.
    expect(all.get(`celery_task_queue_wait_time_sum${ok}`)).toBeLessThan(0.5);
    expect(all.get('celery_queue_length{queue_name="analysis"}')).toBe(0);
    expect(all.get('celery_queue_job_count{queue_name="analysis",state="delayed"}')).toBe(1);
  });

  test('what runs and what waits is told with its age, and a worker that is killed goes down', async () => {
    for (let i = 0; i < 4; i++) await queue.add('slow', { ms: 60_000 }, i > 2 ? { priority: i } : {});
    const age = 'celery_active_task_oldest_age_seconds{hostname="generic",name="slow",queue_name="analysis"}';
    const waiting = 'celery_queue_oldest_age_seconds{queue_name="analysis"}';
    const all = await eventually(
      () => scrape(role),
      // those that wait came a moment later
      (now) => (now.get(age) ?? 0) > 1 && (now.get(waiting) ?? 0) > 1,
    );
    const host = hostname();
    expect(all.get('celery_queue_length{queue_name="analysis"}')).toBe(2);
    expect(all.get('celery_active_worker_count{queue_name="analysis"}')).toBe(1);
    expect(all.get(`celery_worker_up{hostname="${host}"}`)).toBe(1);
    expect(all.get(`celery_worker_tasks_active{hostname="${host}"}`)).toBe(2);
    worker.kill('SIGKILL');
    expect(await untilDown(role, host)).toBeLessThan(WORKER_TIMEOUT_MS);
    expect((await scrape(role)).get('celery_active_worker_count{queue_name="analysis"}')).toBe(0);
  });
});
