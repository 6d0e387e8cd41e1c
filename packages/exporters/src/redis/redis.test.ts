import { ENTRY_END, ExpositionParser } from '@avalanche/exposition';
import { silentLogger } from '@avalanche/model';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasRedis, type RunningService, startRedis } from '../../../../tests/support/services.ts';
import { redisAnswers, startRedisExporter } from './start.ts';

const common = { listen: { host: '127.0.0.1', port: 0 }, logger: silentLogger, version: 'test' };

async function scrape(url: string, path = '/metrics'): Promise<string> {
  const text = await (await fetch(url + path)).text();
  const parser = new ExpositionParser(text, 'text');
  while (parser.next() !== ENTRY_END); // throws where it is no exposition
  return text;
}

describe.skipIf(!hasRedis)('with a real Redis (Debian package redis-server)', () => {
  let redis: RunningService;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  test('what the dashboards read is there', async () => {
    expect(await redisAnswers(redis.url)).toBe(true);
    const role = await startRedisExporter({ ...common, address: redis.url });
    await scrape(role.url);
    const text = await scrape(role.url);
    expect(text).toMatch(/^redis_up 1$/m);
    expect(text).toMatch(/^redis_memory_used_bytes \d+$/m);
    expect(text).toMatch(/^redis_connected_clients [1-9]\d*$/m);
    expect(text).toMatch(/^redis_commands_total\{cmd="info"\} [1-9]\d*$/m);
    expect(text).toMatch(/^redis_db_keys\{db="db15"\} 0$/m);
    expect(text).toMatch(/^redis_config_maxclients \d+$/m);
    expect(text).toMatch(/^redis_exporter_scrapes_total 2$/m);
    await role.stop();
  });

  test('a target by its address, and none', async () => {
    const role = await startRedisExporter({ ...common, address: '' });
    expect(await scrape(role.url, `/scrape?target=${encodeURIComponent(redis.url)}`)).toMatch(/^redis_up 1$/m);
    expect(await scrape(role.url, '/scrape?target=127.0.0.1:1')).toMatch(/^redis_up 0$/m);
    expect((await fetch(`${role.url}/scrape`)).status).toBe(400);
    expect(await scrape(role.url)).toMatch(/^redis_target_scrape_request_errors_total 1$/m);
    await role.stop();
  });
});
