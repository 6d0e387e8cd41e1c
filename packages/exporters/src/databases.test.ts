import { ENTRY_END, ExpositionParser } from '@avalanche/exposition';
import { silentLogger } from '@avalanche/model';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  hasPostgres,
  hasRedis,
  type RunningService,
  startPostgres,
  startRedis,
} from '../../../tests/support/services.ts';
import { postgresAnswers, redisAnswers, startPostgresExporter, startRedisExporter } from './index.ts';
import { toConnectionUri } from './postgres/dsn.ts';

const common = { listen: { host: '127.0.0.1', port: 0 }, logger: silentLogger, version: 'test' };

async function scrape(url: string, path = '/metrics'): Promise<string> {
  const text = await (await fetch(url + path)).text();
  const parser = new ExpositionParser(text, 'text');
  while (parser.next() !== ENTRY_END); // throws where it is no exposition
  return text;
}

test.each([
  [
    "host=db port=6000 user=me password='a b' dbname=x sslmode=disable",
    'postgresql://me:a%20b@db:6000/x?sslmode=disable',
  ],
  ['postgres://me@db/x', 'postgres://me@db/x'],
])('%s', (text, uri) => {
  expect(toConnectionUri(text)).toBe(uri);
});
test('a connection string that is none is refused without showing it', () => {
  expect(() => toConnectionUri('s3cret')).toThrow('neither a postgresql:// URI nor key=value pairs');
});

describe.skipIf(!hasPostgres)('with a real PostgreSQL (Debian package postgresql)', () => {
  let postgres: RunningService;
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(() => postgres.stop());

  test('what the dashboards read is there, and all collectors succeed', async () => {
    expect(await postgresAnswers(postgres.url)).toBe(true);
    const role = await startPostgresExporter({ ...common, dataSourceNames: [postgres.url] });
    const text = await scrape(role.url);
    expect(text).toMatch(/^pg_up 1$/m);
    expect(text).toMatch(/^pg_database_size_bytes\{datname="postgres"\} \d+$/m);
    expect(text).toMatch(/^pg_stat_database_xact_commit\{datid="\d+",datname="postgres"\} \d+$/m);
    expect(text).toMatch(/^pg_settings_max_connections \d+$/m);
    expect(text).toMatch(/^pg_settings_shared_buffers_bytes \d+$/m);
    expect(text).toMatch(/^pg_locks_count\{datname="postgres",mode="accesssharelock"\} \d+$/m);
    expect(text).toMatch(/^pg_static\{short_version="\d+\.\d+\.\d+"/m);
    expect(text.match(/pg_scrape_collector_success\{[^}]*\} 0/g)).toBeNull();
    await role.stop();
  });
});

test('a PostgreSQL that is away is pg_up 0', async () => {
  expect(await postgresAnswers('postgresql://127.0.0.1:1/x')).toBe(false);
  const role = await startPostgresExporter({ ...common, dataSourceNames: ['postgresql://127.0.0.1:1/x'] });
  const text = await scrape(role.url);
  expect(text).toMatch(/^pg_up 0$/m);
  expect(text).toMatch(/^pg_exporter_last_scrape_error 1$/m);
  await role.stop();
});

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
