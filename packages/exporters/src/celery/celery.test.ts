import { existsSync, readFileSync } from 'node:fs';
import { ENTRY_END, ENTRY_SAMPLE, ExpositionParser, FamilyWriter, parseSeriesText } from '@avalanche/exposition';
import { silentLogger } from '@avalanche/model';
import { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import { freePort, hasRedis, startRedis } from '../../../../tests/support/services.ts';
import { encodeEnvelope } from './envelope.ts';
import { CeleryMetrics } from './metrics.ts';
import { startCeleryExporter } from './start.ts';
import type { CeleryEvent } from './tasks.ts';

const options = { defaultQueue: 'celery', workerTimeoutMs: 300_000, purgeOfflineMs: 600_000 };

function samples(text: string): Map<string, number> {
  const parser = new ExpositionParser(text, 'text');
  const out = new Map<string, number>();
  for (let entry = parser.next(); entry !== ENTRY_END; entry = parser.next()) {
    if (entry !== ENTRY_SAMPLE) continue;
    out.set(parseSeriesText(text.slice(parser.seriesStart, parser.seriesEnd)).toString(), parser.value);
  }
  return out;
}

const reference = new URL('../../../../../shared/reference/exporters/', import.meta.url);

describe.skipIf(!existsSync(reference))(
  'events of a real worker (skipped where ../shared/reference is missing)',
  () => {
    test('give the counters and histograms that the original gave', () => {
      const metrics = new CeleryMetrics(options);
      for (const line of readFileSync(new URL('celery-events.jsonl', reference), 'utf8').trim().split('\n')) {
        const { channel, body } = JSON.parse(line) as { channel: string; body: CeleryEvent | CeleryEvent[] };
        if (!channel.includes('celeryev')) continue;
        for (const event of Array.isArray(body) ? body : [body]) metrics.take(event, event.timestamp * 1000);
      }
      const families = new FamilyWriter();
      metrics.write(families, new Map(), 0);
      const ours = samples(families.text());
      const theirs = samples(readFileSync(new URL('celery.prom', reference), 'utf8'));
      const compared = [...theirs].filter(([series]) => /^celery_task_/.test(series) && !series.includes('_created'));
      expect(compared.length).toBeGreaterThan(200);
      for (const [series, value] of compared) expect(ours.get(series), series).toBeCloseTo(value, 6);
    });
  },
);

test('a worker without a heartbeat goes down, and later away', () => {
  const metrics = new CeleryMetrics(options);
  const at = (now: number) => {
    const families = new FamilyWriter();
    metrics.write(families, new Map(), now);
    return samples(families.text()).get('celery_worker_up{hostname="h"}');
  };
  metrics.take({ type: 'worker-heartbeat', hostname: 'w@h', timestamp: 0, active: 2 }, 0);
  expect(at(300_000)).toBe(1);
  expect(at(300_001)).toBe(0);
  expect(at(600_001)).toBeUndefined();
});

describe.skipIf(!hasRedis)('with a real Redis (Debian package redis-server)', () => {
  test('events that are published are counted, and an empty queue is 0', async () => {
    const redis = await startRedis();
    const role = await startCeleryExporter({
      listen: { host: '127.0.0.1', port: 0 },
      logger: silentLogger,
      version: 'test',
      brokerUrl: `${redis.url}/0`,
      inspectIntervalMs: 50,
    });
    const client = new Redis(redis.url);
    const publish = (event: object) =>
      client.publish('/0.celeryev/x', encodeEnvelope([event], 'celeryev', 'tag', Date.now() / 1000 + 1));
    const base = { hostname: 'w@h', timestamp: Date.now() / 1000, uuid: 'u' };
    await publish({ ...base, type: 'task-received', name: 'analyse' });
    await publish({ ...base, type: 'task-failed', exception: "ValueError('x')" });
    let text = '';
    for (let i = 0; i < 60 && !/^celery_queue_length/m.test(text); i++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      text = await (await fetch(`${role.url}/metrics`)).text();
    }
    expect(samples(text).get('celery_queue_length{queue_name="celery"}')).toBe(0);
    expect(text).toMatch(
      /celery_task_failed_total\{name="analyse",hostname="h",queue_name="celery",exception="ValueError"\} 1/,
    );
    client.disconnect();
    await role.stop();
    await redis.stop();
  });

  test('a broker that comes up after the exporter is listened to', async () => {
    const port = await freePort();
    const role = await startCeleryExporter({
      listen: { host: '127.0.0.1', port: 0 },
      logger: silentLogger,
      version: 'test',
      brokerUrl: `redis://127.0.0.1:${port}/0`,
    });
    await new Promise((resolve) => setTimeout(resolve, 2500)); // longer than commands wait for a connection
    const redis = await startRedis({ port });
    const client = new Redis(redis.url);
    const event = { type: 'task-received', name: 'late', hostname: 'w@h', timestamp: Date.now() / 1000, uuid: 'u' };
    let text = '';
    for (let i = 0; i < 100 && !text.includes('name="late"'); i++) {
      await client.publish('/0.celeryev/x', encodeEnvelope([event], 'celeryev', 'tag', Date.now() / 1000 + 1));
      await new Promise((resolve) => setTimeout(resolve, 50));
      text = await (await fetch(`${role.url}/metrics`)).text();
    }
    expect(text).toMatch(/celery_task_received_total\{name="late"/);
    client.disconnect();
    await role.stop();
    await redis.stop();
  });
});
