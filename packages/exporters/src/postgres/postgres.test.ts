import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  freePort,
  hasPgbouncer,
  hasPostgres,
  type RunningService,
  startPgbouncer,
  startPostgres,
  startPostgresReplica,
} from '../../../../tests/support/services.ts';
import { connectionsLeft, failed, remembering, scrape, sql, start, stopAll } from './postgres-fixture.ts';
import { postgresAnswers } from './start.ts';

const hasOriginal = spawnSync('prometheus-postgres-exporter', ['--version']).status === 0;

afterEach(stopAll);

describe.skipIf(!hasPostgres)('with a real PostgreSQL (Debian package postgresql)', () => {
  let server: RunningService;
  beforeAll(async () => {
    server = await startPostgres({ args: ['-c', 'shared_preload_libraries=pg_stat_statements'] });
    await sql(
      server.url,
      'CREATE TABLE samples (id int PRIMARY KEY, reads text)',
      "INSERT INTO samples SELECT i, repeat('ACGT', 100) FROM generate_series(1, 2000) i",
      'DELETE FROM samples WHERE id % 7 = 0',
      'ANALYZE samples',
      'CREATE EXTENSION pg_stat_statements',
    );
  }, 60_000);
  afterAll(() => server.stop());

  test('what the dashboards read is there, and all collectors succeed, those by flag too', async () => {
    expect(await postgresAnswers(server.url)).toBe(true);
    const all = ['stat_statements', 'long_running_transactions', 'database_wraparound', 'process_idle'];
    const more = ['stat_activity_autovacuum', 'statio_user_indexes', 'stat_wal_receiver', 'xlog_location'];
    const collectors = new Map([...all, ...more].map((name) => [name, true] as const));
    const role = await start([server.url], { collectors });
    const text = await scrape(role.url);
    expect(failed(text)).toEqual([]);
    for (const series of [
      /^pg_up 1$/m,
      /^pg_exporter_last_scrape_error 0$/m,
      /^pg_database_size_bytes\{datname="postgres"\} \d+$/m,
      /^pg_stat_database_xact_commit\{datid="\d+",datname="postgres"\} \d+$/m,
      /^pg_settings_shared_buffers_bytes \d+$/m,
      /^pg_settings_statement_timeout_seconds 0$/m,
      /^pg_locks_count\{datname="template1",mode="accesssharelock"\} 0$/m,
      /^pg_static\{server="127.0.0.1:\d+",short_version="\d+\.\d+\.\d+",version="PostgreSQL/m,
      /^pg_stat_user_tables_n_tup_del\{datname="postgres",relname="samples",schemaname="public"\} 285$/m,
      /^pg_stat_user_tables_last_autovacuum\{datname="postgres",relname="samples",schemaname="public"\} 0$/m,
      /^pg_statio_user_tables_heap_blocks_hit\{datname="postgres",relname="samples",schemaname="public"\} \d+$/m,
      /^pg_stat_statements_calls_total\{datname="postgres",queryid="-?\d+",user="postgres"\} \d+$/m,
      /^pg_wal_segments [1-9]\d*$/m,
      /^pg_stat_database_conflicts_confl_lock\{datid="\d+",datname="postgres",server="127/m,
      /^pg_replication_is_replica 0$/m,
    ]) {
      expect(text).toMatch(series);
    }
    expect(await connectionsLeft(server.url)).toBe(1);
    await role.stop();
    expect(await connectionsLeft(server.url)).toBe(0);
  });

  test('a table that is locked, a lock that is waited for, an idle transaction, a deep wait: each in its place', async () => {
    const holder = new pg.Client({ connectionString: server.url, application_name: 'holder' });
    const waiter = new pg.Client({ connectionString: server.url, application_name: 'waiter' });
    await Promise.all([holder.connect(), waiter.connect()]);
    try {
      await holder.query('BEGIN; LOCK TABLE samples IN ACCESS EXCLUSIVE MODE');
      const waiting = waiter.query('SELECT count(*) FROM samples');
      const role = await start([server.url], { collectors: new Map([['long_running_transactions', true]]) });
      const begin = performance.now();
      const text = await scrape(role.url);
      expect(performance.now() - begin).toBeLessThan(2_000);
      expect(failed(text)).toEqual([]);
      expect(text).toMatch(/^pg_stat_user_tables_n_live_tup\{.*relname="samples".*\} \d+$/m);
      expect(text).not.toMatch(/^pg_stat_user_tables_table_size_bytes\{.*relname="samples"/m);
      expect(text).toMatch(/^pg_locks_count\{datname="postgres",mode="accessexclusivelock"\} 1$/m);
      expect(text).toMatch(
        /^pg_stat_activity_count\{application_name="holder".*state="idle in transaction".*usename="postgres".*\} 1$/m,
      );
      expect(text).toMatch(
        /^pg_stat_activity_count\{application_name="waiter".*state="active".*wait_event="relation",/m,
      );
      expect(text).toMatch(/^pg_long_running_transactions 2$/m);
      await holder.query('COMMIT');
      await waiting;
    } finally {
      await Promise.all([holder.end(), waiter.end()]);
    }
  });

  test('a catalogue that is locked costs the collectors that need it, and not the scrape', async () => {
    const holder = new pg.Client({ connectionString: server.url });
    await holder.connect();
    const { logger, lines } = remembering();
    const role = await start([server.url], { logger });
    try {
      await scrape(role.url);
      await holder.query('BEGIN; LOCK TABLE pg_replication_slots IN ACCESS EXCLUSIVE MODE');
      const begin = performance.now();
      const text = await scrape(role.url);
      expect(performance.now() - begin).toBeLessThan(4_000);
      expect(text).toMatch(/^pg_up 1$/m);
      expect(failed(text)).toContain('replication_slots');
      expect(text).toMatch(/^pg_settings_max_connections \d+$/m);
      await scrape(role.url);
      expect(lines.filter((line) => line.includes('collector=replication_slots'))).toHaveLength(1);
      await holder.query('ROLLBACK');
      expect(failed(await scrape(role.url))).toEqual([]);
    } finally {
      await holder.end();
    }
    expect(await connectionsLeft(server.url)).toBe(1);
  });

  test('a custom query that takes too long is stopped on the server as well', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'queries-'));
    const queriesPath = join(directory, 'queries.yaml');
    writeFileSync(queriesPath, 'slow:\n  query: SELECT 1 AS one, pg_sleep(60)\nquick:\n  query: SELECT 2 AS two\n');
    try {
      const role = await start([server.url], { queriesPath });
      const begin = performance.now();
      const text = await scrape(role.url, '/metrics', 2);
      expect(performance.now() - begin).toBeLessThan(2_000);
      expect(text).toMatch(/^pg_up 1$/m);
      expect(text).toMatch(/^pg_exporter_last_scrape_error 1$/m);
      expect(text).toMatch(/^quick_two\{server="[^"]+"\} 2$/m);
      expect(failed(text)).toEqual([]);
      const left = await sql(
        server.url,
        "SELECT count(*)::int AS n FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid() AND state = 'active'",
      );
      expect(left.rows[0].n).toBe(0);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test('a role without rights: what it may not see is missing, told once, and the rest is there', async () => {
    await sql(server.url, 'CREATE ROLE nobody LOGIN', "SELECT 'x'");
    const { logger, lines } = remembering();
    const role = await start([server.url.replace('postgres@', 'nobody@')], { logger });
    await scrape(role.url);
    const text = await scrape(role.url);
    expect(text).toMatch(/^pg_up 1$/m);
    expect(failed(text)).toEqual(['wal']);
    expect(text).toMatch(/^pg_exporter_last_scrape_error 0$/m);
    expect(text).toMatch(/^pg_stat_database_xact_commit/m);
    expect(lines.filter((line) => line.includes('pg_ls_waldir'))).toHaveLength(1);
  });

  test('a database that is gone and comes back, and one that never was', async () => {
    const { logger, lines } = remembering();
    const role = await start([server.url.replace(/\/postgres$/, '/later')], { logger });
    expect(await scrape(role.url)).toMatch(/^pg_up 0$/m);
    await scrape(role.url);
    expect(lines.filter((line) => line.includes('does not exist'))).toHaveLength(1);
    await sql(server.url, 'CREATE DATABASE later');
    expect(await scrape(role.url)).toMatch(/^pg_up 1$/m);
    await sql(server.url, 'DROP DATABASE later WITH (FORCE)');
    const text = await scrape(role.url);
    expect(text).toMatch(/^pg_up 0$/m);
    expect(text).toMatch(/^pg_exporter_last_scrape_error 1$/m);
    expect(text).not.toMatch(/pg_scrape_collector/);
  });

  test('two hundred databases: sizes of all, and each is asked over a connection that does not stay', async () => {
    const names = Array.from({ length: 200 }, (_, i) => `db${i}`);
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    for (const name of names) await client.query(`CREATE DATABASE ${name} STRATEGY file_copy`);
    const directory = mkdtempSync(join(tmpdir(), 'queries-'));
    const queriesPath = join(directory, 'queries.yaml');
    writeFileSync(
      queriesPath,
      'pg_own:\n  query: SELECT current_database() AS datname, 1 AS one\n  metrics:\n    - datname: {usage: LABEL}\n    - one: {usage: GAUGE, description: One}\n',
    );
    try {
      const options = { queriesPath, autoDiscoverDatabases: true, excludeDatabases: ['db7'] };
      const role = await start([server.url], options);
      const text = await scrape(role.url, '/metrics', 30);
      expect(text.match(/^pg_database_size_bytes\{/gm)).toHaveLength(202);
      expect(text.match(/^pg_own_one\{/gm)).toHaveLength(200);
      expect(text).not.toMatch(/^pg_own_one\{datname="db7"/m);
      expect(text).toMatch(/^pg_exporter_last_scrape_error 0$/m);
      expect(await connectionsLeft(server.url)).toBe(1);
    } finally {
      for (const name of names) await client.query(`DROP DATABASE ${name}`);
      await client.end();
      rmSync(directory, { recursive: true });
    }
  }, 120_000);

  test('/probe: with a module and without, and what is wrong with a request', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'probe-'));
    const configFile = join(directory, 'postgres_exporter.yml');
    writeFileSync(
      configFile,
      'auth_modules:\n  good:\n    type: userpass\n    userpass: {username: postgres, password: s3cret}\n    options: {sslmode: disable}\n  empty:\n    type: userpass\n',
    );
    try {
      const role = await start([], { configFile });
      const at = server.url.replace(/^.*@/, '');
      const text = await scrape(role.url, `/probe?target=${at}&auth_module=good`);
      expect(text).toMatch(/^pg_up 1$/m);
      expect(text).toMatch(/^pg_settings_max_connections \d+$/m);
      expect(text).not.toMatch(/process_cpu/);
      for (const [query, answer] of [
        ['', 'target is required\n'],
        [`?target=${at}&auth_module=none`, 'auth_module none not found\n'],
        [`?target=${at}&auth_module=empty`, 'auth_module empty has no username or password\n'],
      ] as const) {
        const response = await fetch(`${role.url}/probe${query}`);
        expect([response.status, await response.text()]).toEqual([400, answer]);
      }
      expect(await connectionsLeft(server.url)).toBe(0);
      const own = await scrape(role.url);
      expect(own).toMatch(/^pg_up 0$/m);
      expect(own).toMatch(/^postgres_exporter_config_last_reload_successful 1$/m);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test('a replica on a slot, seen from both sides', async () => {
    const replica = await startPostgresReplica(server, 'standby');
    try {
      const primary = await start([server.url]);
      await expect.poll(() => scrape(primary.url)).toMatch(/^pg_stat_replication_pg_wal_lsn_diff.*state="streaming"/m);
      const text = await scrape(primary.url);
      expect(text).toMatch(/^pg_replication_slots_active\{database="",slot_name="standby"\} 1$/m);
      expect(text).toMatch(/^pg_replication_slots_slot_is_active\{slot_name="standby",slot_type="physical"\} 1$/m);
      expect(text).toMatch(/^pg_replication_slots_wal_status\{slot_name="standby",.*wal_status="reserved"\} 1$/m);
      expect(text).toMatch(
        /^pg_stat_replication_pg_wal_lsn_diff\{application_name="walreceiver",client_addr="127.0.0.1\/32",slot_name="standby",state="streaming"\} \d+$/m,
      );
      const standby = await start([replica.url], { collectors: new Map([['stat_wal_receiver', true]]) });
      const other = await scrape(standby.url);
      expect(failed(other)).toEqual([]);
      expect(other).toMatch(/^pg_replication_is_replica 1$/m);
      expect(other).toMatch(
        /^pg_stat_wal_receiver_flushed_lsn\{slot_name="standby",status="streaming",upstream_host="127.0.0.1"\} \d+$/m,
      );
    } finally {
      await replica.stop();
      await sql(server.url, "SELECT pg_drop_replication_slot('standby')").catch(() => {});
    }
  }, 60_000);

  test.skipIf(!hasOriginal)(
    'side by side with the original (Debian package prometheus-postgres-exporter)',
    async () => {
      const replica = await startPostgresReplica(server, 'beside');
      const port = await freePort();
      const env = { ...process.env, DATA_SOURCE_NAME: `${server.url}?sslmode=disable` };
      const original = spawn('prometheus-postgres-exporter', [`--web.listen-address=127.0.0.1:${port}`], {
        env,
        stdio: 'ignore',
      });
      try {
        const role = await start([server.url]);
        await expect
          .poll(() =>
            fetch(`http://127.0.0.1:${port}/metrics`).then(
              (r) => r.status,
              () => 0,
            ),
          )
          .toBe(200);
        // the place of a replica that has just come is not known yet
        await expect.poll(() => scrape(role.url)).toMatch(/^pg_stat_replication_pg_wal_lsn_diff/m);
        const [theirs, ours] = [await scrape(`http://127.0.0.1:${port}`), await scrape(role.url)];
        const types = (text: string) =>
          new Map([...text.matchAll(/^# TYPE (pg_\S+) (\w+)$/gm)].map(([, name, type]) => [name, type]));
        const [reference, candidate] = [types(theirs), types(ours)];
        const missing = [...reference].filter(([name, type]) => candidate.get(name) !== type).map(([name]) => name);
        expect(missing.sort()).toEqual(DROPPED_BY_NEWER_ONES);
        const stable = (text: string, without: RegExp) =>
          new Map(
            [...text.matchAll(/^(pg_(?:settings|database_size|static)\S*?) (\S+)$/gm)]
              .map(([, series, value]) => [series.replace(without, '').replace('{}', ''), Number(value)] as const)
              .filter(([series]) => !series.includes('extra_float_digits')),
          );
        const label = /,?server="[^"]*"/;
        expect([...stable(ours, label)].sort()).toEqual([...stable(theirs, label)].sort());
      } finally {
        original.kill();
        await replica.stop();
        await sql(server.url, "SELECT pg_drop_replication_slot('beside')").catch(() => {});
      }
    },
    60_000,
  );

  test.skipIf(!hasPgbouncer)(
    'through a pooler, whose other clients notice nothing (Debian package pgbouncer)',
    async () => {
      const pooler = await startPgbouncer(server);
      try {
        const role = await start([`${pooler.url}?sslmode=disable`]);
        const text = await scrape(role.url);
        expect(text).toMatch(/^pg_up 1$/m);
        expect(failed(text)).toEqual([]);
        const { rows } = await sql(pooler.url, 'SHOW statement_timeout');
        expect(rows[0].statement_timeout).toBe('0');
      } finally {
        await pooler.stop();
      }
    },
    30_000,
  );
});

/** Families of 0.11 that newer versions do not have, or not as NaN where nothing was ever archived. */
const DROPPED_BY_NEWER_ONES = [
  'pg_stat_archiver_last_archive_age',
  'pg_stat_database_active_time',
  'pg_stat_database_checksum_failures',
  'pg_stat_database_checksum_last_failure',
  'pg_stat_database_idle_in_transaction_time',
  'pg_stat_database_session_time',
  'pg_stat_database_sessions',
  'pg_stat_database_sessions_abandoned',
  'pg_stat_database_sessions_fatal',
  'pg_stat_database_sessions_killed',
  'pg_stat_replication_reply_time',
];
