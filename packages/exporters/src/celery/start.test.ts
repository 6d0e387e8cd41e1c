import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@avalanche/model';
import type { RunningRole } from '@avalanche/web';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Authority, hasOpenssl } from '../../../../tests/support/certificates.ts';
import { freePort, hasRedis, type RunningService, startRedis } from '../../../../tests/support/services.ts';
import { encodeEnvelope } from './envelope.ts';
import { type CeleryExporterOptions, startCeleryExporter } from './start.ts';

const running: RunningRole[] = [];

async function start(options: Pick<CeleryExporterOptions, 'brokerUrl'> & Partial<CeleryExporterOptions>) {
  const role = await startCeleryExporter({
    listen: { host: '127.0.0.1', port: 0 },
    logger: silentLogger,
    version: 'test',
    inspectIntervalMs: 200,
    retryMs: 50,
    ...options,
  });
  running.push(role);
  return role;
}

async function get(role: RunningRole, path = '/metrics') {
  const answer = await fetch(`${role.url}${path}`);
  return { status: answer.status, text: await answer.text() };
}

/** Scrapes until `pattern` is there. */
async function until(role: RunningRole, pattern: RegExp): Promise<string> {
  let text = '';
  for (let i = 0; i < 150; i++) {
    ({ text } = await get(role));
    if (pattern.test(text)) return text;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${pattern} is not in:\n${text}`);
}

afterAll(async () => {
  await Promise.all(running.map((role) => role.stop()));
});

describe.skipIf(!hasRedis)('a broker on a real Redis (Debian package redis-server)', () => {
  let redis: RunningService;
  let client: Redis;
  beforeAll(async () => {
    redis = await startRedis();
    client = new Redis(redis.url);
  });
  afterAll(async () => {
    client.disconnect();
    await redis.stop();
  });

  const envelope = (body: unknown) => encodeEnvelope(body, 'celeryev', 'tag', Date.now() / 1000 + 1);
  const event = (type: string, more = {}) => ({
    ...{ type, hostname: 'w@h', timestamp: Date.now() / 1000, uuid: 'u' },
    ...more,
  });

  /** What is published while nobody listens is lost. */
  async function publishUntilHeard(role: RunningRole, publisher: Redis): Promise<void> {
    for (let i = 0; i < 100; i++) {
      await publisher.publish('/0.celeryev/x', envelope(event('task-received', { name: 'late' }))).catch(() => {});
      if ((await get(role)).text.includes('name="late"')) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error('nothing is heard');
  }

  test('events that are published are counted, one by one and several at once; what is none is counted too', async () => {
    const role = await start({ brokerUrl: `${redis.url}/0` });
    await client.publish(
      '/0.celeryev/task.multi',
      envelope([event('task-received', { name: 'n' }), event('task-started')]),
    );
    await client.publish('/0.celeryev/worker.heartbeat', envelope(event('worker-heartbeat', { active: 1 })));
    const half = [event('task-succeeded', { runtime: '1' }), event('task-received', { uuid: 'v', name: 'other' })];
    for (const junk of ['no JSON', '{}', envelope({ type: 1 }), envelope(null), envelope(half)]) {
      await client.publish('/0.celeryev/x', junk);
    }
    await client.publish('/0.celeryev/task.multi', envelope([event('task-failed', { exception: "ValueError('x')" })]));
    const text = await until(role, /exception="ValueError"/);
    expect(text).toContain(
      'celery_task_failed_total{exception="ValueError",hostname="h",name="n",queue_name="celery"} 1\n',
    );
    expect(text).toContain('celery_worker_tasks_active{hostname="h"} 1\n');
    expect(text).toContain('celery_exporter_unreadable_messages_total 5\n');
    expect(text).toContain('celery_task_received_total{hostname="h",name="other",queue_name="celery"} 1\n');
    expect(text).toContain('celery_exporter_build_info{');
    expect(await get(role, '/health')).toEqual({
      status: 200,
      text: `Connected to the broker redis://127.0.0.1:${redis.port}/0`,
    });
  });

  test('whoever asks for OpenMetrics gets it', async () => {
    const role = await start({ brokerUrl: `${redis.url}/0`, queues: ['q'] });
    await client.publish('/0.celeryev/x', envelope(event('task-received', { name: 'n' })));
    await until(role, /celery_task_received_total/);
    const accept = 'application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2';
    const answer = await fetch(`${role.url}/metrics`, { headers: { accept } });
    expect(answer.headers.get('content-type')).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
    const text = await answer.text();
    expect(text).toContain('# TYPE celery_task_received counter\ncelery_task_received_total{');
    expect(text).toContain('# TYPE celery_queue_length gauge\ncelery_queue_length{queue_name="q"} 0\n');
    expect(text.endsWith('\n# EOF\n')).toBe(true);
  });

  test('queues are found by their bindings, also of other exchanges; an empty one is 0', async () => {
    await client.select(1);
    await client.sadd('_kombu.binding.celery', 'celery\x06\x16\x06\x16celery', 'mail\x06\x16\x06\x16mail');
    await client.sadd('_kombu.binding.own', 'key\x06\x16\x06\x16routed');
    await client.sadd('_kombu.binding.celeryev', '\x06\x16\x06\x16celeryev.1');
    await client.sadd('_kombu.binding.celery.pidbox', '\x06\x16\x06\x16w1@h.celery.pidbox');
    await client.rpush('mail', ...Array.from({ length: 6 }, () => '{}'));
    await client.rpush('mail\x06\x163', '{}', '{}');
    await client.rpush('mail\x06\x169', '{}');
    await client.set('routed', 'not a list');
    const brokerUrl = `${redis.url}/1`;
    const text = await until(await start({ brokerUrl, queues: ['asked'] }), /queue_name="routed"/);
    const lengths = text.split('\n').filter((line) => line.startsWith('celery_queue_length'));
    expect(lengths.sort()).toEqual([
      'celery_queue_length{queue_name="asked"} 0',
      'celery_queue_length{queue_name="celery"} 0',
      'celery_queue_length{queue_name="mail"} 6',
      'celery_queue_length{queue_name="routed"} 0',
    ]);
    await until(await start({ brokerUrl, countPriorities: true }), /celery_queue_length\{queue_name="mail"\} 9\n/);
    const transportOptions = ['priority_steps=[0, 3]'];
    await until(
      await start({ brokerUrl, countPriorities: true, transportOptions }),
      /celery_queue_length\{queue_name="mail"\} 8\n/,
    );
    await client.select(0);
  });

  test('a global prefix is on keys and channels', async () => {
    const transportOptions = ['global_keyprefix=site*', 'fanout_prefix="ev/{db}."'];
    const role = await start({ brokerUrl: `${redis.url}/2`, transportOptions, queues: ['mail'] });
    await client.select(2);
    await client.rpush('site*mail', '{}', '{}');
    await client.select(0);
    await client.publish('site*ev/2.celeryev/x', envelope(event('task-received', { name: 'prefixed' })));
    const text = await until(role, /name="prefixed"/);
    expect(text).toContain('celery_queue_length{queue_name="mail"} 2\n');
  });

  test('the oldest message of a queue grows old', async () => {
    await client.select(3);
    const message = (id: string) => JSON.stringify({ body: '', headers: { id }, properties: {} });
    await client.lpush('q', message('first'), message('second'));
    const role = await start({ brokerUrl: `${redis.url}/3`, queues: ['q', 'empty'] });
    const text = await until(role, /celery_queue_oldest_age_seconds\{queue_name="q"\} (0\.[3-9]|[1-9])/);
    expect(text).toContain('celery_queue_oldest_age_seconds{queue_name="empty"} 0\n');
    await client.select(0);
  });

  test('5,000 queues are answered quickly, and 20,000 tasks are counted within bounds', async () => {
    const queues = Array.from({ length: 5_000 }, (_, i) => `queue${i}`);
    const role = await start({ brokerUrl: `${redis.url}/4`, queues, inspectIntervalMs: 60_000, taskSeriesMax: 100 });
    for (let i = 0; i < 20; i++) {
      const events = Array.from({ length: 1000 }, (_, j) =>
        event('task-received', { uuid: `${i}-${j}`, name: `n${j}` }),
      );
      await client.publish('/4.celeryev/task.multi', envelope(events));
    }
    await until(role, /^celery_exporter_events_total 20000$/m);
    const begin = performance.now();
    const { text } = await get(role);
    expect(performance.now() - begin).toBeLessThan(2_000);
    expect(text.split('\n').filter((line) => line.startsWith('celery_queue_length{')).length).toBe(5_000);
    expect(text).toContain('celery_exporter_overflowed_events_total 18000\n');
  });

  test('a Redis that goes away and comes back', async () => {
    const other = await startRedis();
    const lost: string[] = [];
    const nobody = await freePort();
    const role = await start({
      brokerUrl: `redis://:secret@127.0.0.1:${nobody}/0;redis://127.0.0.1:${other.port}/0`,
      onBrokerLost: ({ message }) => lost.push(message),
    });
    const publisher = new Redis(other.url);
    publisher.on('error', () => {});
    await until(role, /celery_exporter_events_total/); // at the second address
    expect(lost.length).toBeGreaterThan(0);
    await other.stop();
    for (let i = 0; i < 100 && (await get(role)).status === 200; i++) await new Promise((r) => setTimeout(r, 20));
    const { status, text } = await get(role);
    expect(status).toBe(500);
    expect(text).toMatch(/^Failed to scrape metrics: /);
    expect(text).not.toContain('secret');
    const health = await get(role, '/health');
    expect(health.status).toBe(500);
    expect(health.text).toBe(
      `Failed to connect to broker: 'redis://:**@127.0.0.1:${nobody}/0;redis://127.0.0.1:${other.port}/0'`,
    );
    const again = await startRedis({ port: other.port });
    await until(role, /celery_exporter_events_total/);
    await publishUntilHeard(role, publisher);
    publisher.disconnect();
    await again.stop();
  });

  test('a Redis that hangs is given up, and listened to when it goes on', async () => {
    const hanging = await startRedis();
    const publisher = new Redis(hanging.url);
    const transportOptions = ['socket_timeout=1', 'socket_connect_timeout=1'];
    const role = await start({ brokerUrl: `${hanging.url}/0`, transportOptions, queues: ['q'] });
    await until(role, /celery_queue_length/);
    hanging.process.kill('SIGSTOP');
    const begin = performance.now();
    expect((await get(role)).status).toBe(500);
    expect(performance.now() - begin).toBeLessThan(3_000);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    hanging.process.kill('SIGCONT');
    await until(role, /celery_queue_length/);
    await publishUntilHeard(role, publisher);
    publisher.disconnect();
    await hanging.stop();
  });

  test('a wrong password is told, and the right one works', async () => {
    const guarded = await startRedis();
    const admin = new Redis(guarded.url);
    await admin.config('SET', 'requirepass', 'right');
    const address = (password: string) => `redis://:${password}@127.0.0.1:${guarded.port}/0`;
    expect((await get(await start({ brokerUrl: address('wrong') }))).text).toMatch(/WRONGPASS/);
    expect((await get(await start({ brokerUrl: address('right') }))).status).toBe(200);
    admin.disconnect();
    await guarded.stop();
  });

  test('a user who may do little sees what he may see', async () => {
    const guarded = await startRedis();
    const admin = new Redis(guarded.url);
    const allowed = ['+llen', '+publish', '+psubscribe', '+lrange', '+del', '+multi', '+exec', '+ping'];
    await admin.acl('SETUSER', 'watcher', 'on', '>secret', '~*', '&/0.celeryev/*', '&/0.celery.pidbox', ...allowed);
    await admin.rpush('mail', '{}');
    const address = `redis://watcher:secret@127.0.0.1:${guarded.port}/0`;
    const text = await until(await start({ brokerUrl: address, queues: ['mail'] }), /celery_queue_length/);
    expect(text).toContain('celery_queue_length{queue_name="mail"} 1\n');
    expect(text).not.toContain('celery_exporter_unacknowledged_messages');
    admin.disconnect();
    await guarded.stop();
  });

  test.skipIf(!hasOpenssl)('TLS, trusted and not (skipped without openssl)', async () => {
    const secured = await startRedis();
    const admin = new Redis(secured.url);
    const directory = mkdtempSync(join(tmpdir(), 'avalanche-celery-tls-'));
    const authority = new Authority(directory, 'ca');
    const { certFile, keyFile } = authority.sign('redis', 'DNS:localhost');
    const port = await freePort();
    const settings = { 'tls-cert-file': certFile, 'tls-key-file': keyFile, 'tls-ca-cert-file': authority.certFile };
    const all = { ...settings, 'tls-auth-clients': 'no', 'tls-port': port };
    await admin.config('SET', ...Object.entries(all).flat());
    const byName = `rediss://localhost:${port}/0`;
    const ca = `ssl_ca_certs=${authority.certFile}`;
    const status = async (brokerUrl: string, sslOptions: string[] = []) =>
      (await get(await start({ brokerUrl, sslOptions }))).status;
    expect(await status(byName)).toBe(500);
    expect(await status(byName, [ca])).toBe(200);
    expect(await status(`redis://localhost:${port}/0`, [ca])).toBe(200);
    expect(await status(`${byName}?ssl_cert_reqs=none`)).toBe(200);
    const byAddress = `rediss://127.0.0.1:${port}/0`;
    expect(await status(byAddress, [ca])).toBe(500);
    expect(await status(byAddress, [ca, 'ssl_check_hostname=false'])).toBe(200);
    admin.disconnect();
    await secured.stop();
    rmSync(directory, { recursive: true });
  });

  test('leaves nothing in Redis, and no connection', async () => {
    const role = await start({ brokerUrl: `${redis.url}/5` });
    await until(role, /celery_exporter_events_total/);
    await role.stop();
    await client.select(5);
    expect(await client.keys('*')).toEqual([]);
    await client.select(0);
  });
});

test('a broker that is not there yet is waited for', async () => {
  const port = await freePort();
  const role = await start({ brokerUrl: `redis://127.0.0.1:${port}/0` });
  expect(await get(role)).toEqual({
    status: 500,
    text: `Failed to scrape metrics: connect ECONNREFUSED 127.0.0.1:${port}\n`,
  });
});

test.each([
  ['kafka://h', /no transport "kafka"/],
  ['nonsense', /not of the form/],
  ['redis://h/zero', /Database is int/],
  ['redis://h;amqp://h', /one transport/],
])('the broker URL %s is refused', async (brokerUrl, message) => {
  await expect(start({ brokerUrl })).rejects.toThrow(message);
});
