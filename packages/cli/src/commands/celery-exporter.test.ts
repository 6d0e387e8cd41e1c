import { afterEach, describe, expect, test, vi } from 'vitest';
import { freePort, hasRedis, startRedis } from '../../../../tests/support/services.ts';
import { parseFlags, UsageError } from '../flags.ts';
import { celeryExporter } from './celery-exporter.ts';

const flags = (...args: string[]) => parseFlags(args, celeryExporter.flags);
const never = new AbortController().signal;

afterEach(() => vi.unstubAllEnvs());

test.each([
  [[], 'required flag --broker-url not provided, try --help'],
  [['--broker-url=redis://h', '--worker-timeout=soon'], '--worker-timeout must be a whole number, not "soon"'],
  [['--broker-url=redis://h', '--buckets=1,x'], '--buckets must be numbers, not "1,x"'],
  [['--broker-url=redis://h', '--static-label=a b'], '--static-label must be NAME=VALUE, not "a b"'],
  [['--broker-url=redis://h', '--log-level=loud'], '--log-level must be one of TRACE, DEBUG,'],
])('%j is refused', async (args, message) => {
  vi.stubEnv('CELERY_BROKER_URL', '');
  const running = celeryExporter.run(flags(...args), never);
  await expect(running).rejects.toThrow(UsageError);
  await expect(running).rejects.toThrow(message);
});

test('a broker that is away ends the exporter with 1, as it ends the original', async () => {
  const broker = `redis://127.0.0.1:${await freePort()}/0`;
  const port = String(await freePort());
  expect(await celeryExporter.run(flags('--broker-url', broker, '--host=127.0.0.1', '--port', port), never)).toBe(1);
});

describe.skipIf(!hasRedis)('with a real Redis (Debian package redis-server)', () => {
  test('flags and their CE_ twins are heard, and an interval waits for the broker', async () => {
    const redis = await startRedis();
    const port = await freePort();
    vi.stubEnv('CE_BROKER_URL', `${redis.url}/0`);
    vi.stubEnv('CE_METRIC_PREFIX', 'jobs_');
    vi.stubEnv('CE_STATIC_LABEL', 'site=a rack=b');
    const ending = new AbortController();
    const args = ['--host=127.0.0.1', `--port=${port}`, '-Q', 'one,two', '--retry-interval=1', '--log-level=ERROR'];
    const running = celeryExporter.run(flags(...args), ending.signal);
    const get = async (path: string) => fetch(`http://127.0.0.1:${port}${path}`);
    await vi.waitFor(async () => expect((await get('/metrics')).status).toBe(200), 10_000);
    expect(await (await get('/metrics')).text()).toContain('jobs_queue_length{queue_name="two",site="a",rack="b"} 0\n');
    await redis.stop();
    await vi.waitFor(async () => expect((await get('/metrics')).status).toBe(500), 10_000);
    expect((await get('/health')).status).toBe(500);
    ending.abort();
    expect(await running).toBe(0);
  });
});
