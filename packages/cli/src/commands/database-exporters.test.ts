import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { Authority, hasOpenssl } from '../../../../tests/support/certificates.ts';
import { freePort } from '../../../../tests/support/services.ts';
import { parseFlags } from '../flags.ts';
import type { Command } from './command.ts';
import { postgresExporter, postgresSources } from './postgres-exporter.ts';
import { redisExporter } from './redis-exporter.ts';

const ends: (() => Promise<unknown>)[] = [];
const directory = mkdtempSync(join(tmpdir(), 'database-exporters-'));
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const end of ends.splice(0)) await end();
});

/** Runs a command until the test ends; gives its address once it listens. */
async function run(command: Command, args: readonly string[]): Promise<string> {
  const port = await freePort();
  const stop = new AbortController();
  const all = [...args, `--web.listen-address=127.0.0.1:${port}`, '--log.level=error'];
  const flags = parseFlags(all, command.flags, { singleDash: command.singleDash ?? false });
  const running = command.run(flags, stop.signal);
  let failure: unknown;
  running.catch((error: unknown) => {
    failure = error;
  });
  ends.push(() => {
    stop.abort();
    return running.catch(() => {});
  });
  await vi.waitFor(async () => {
    if (failure) throw failure;
    await fetch(`http://127.0.0.1:${port}/`).catch((error: Error) => {
      if (!/other side closed|terminated|SSL|socket/i.test(String(error.cause))) throw error;
    });
  }, 5000);
  return `http://127.0.0.1:${port}`;
}

async function metrics(url: string, headers: Record<string, string> = {}): Promise<string> {
  return (await fetch(url, { headers })).text();
}

test.each([
  [{ DATA_SOURCE_NAME: 'a,b', DATABASE_URL: 'c' }, ['a', 'b']],
  [
    { DATA_SOURCE_URI: 'h:1/d?sslmode=disable', DATA_SOURCE_USER: 'u', DATA_SOURCE_PASS: 'p/w' },
    ['postgresql://u:p%2Fw@h:1/d?sslmode=disable'],
  ],
  [{ DATA_SOURCE_URI: 'h/d' }, ['postgresql://h/d']],
  [{ DATABASE_URL: 'c' }, ['c']],
  [{}, []],
])('PostgreSQL is named by %j', (env, expected) => {
  expect(postgresSources(env)).toEqual(expected);
});

test('PostgreSQL is named by files, which come before variables', () => {
  const file = (name: string, text: string) => {
    writeFileSync(join(directory, name), text);
    return join(directory, name);
  };
  const env = {
    DATA_SOURCE_URI_FILE: file('uri', 'h:1/d\n'),
    DATA_SOURCE_USER_FILE: file('user', 'u\n'),
    DATA_SOURCE_PASS_FILE: file('pass', ' p \n'),
    DATA_SOURCE_PASS: 'other',
  };
  expect(postgresSources(env)).toEqual(['postgresql://u:p@h:1/d']);
  expect(() => postgresSources({ DATA_SOURCE_URI_FILE: '/nonexistent' })).toThrow(
    'failed loading data source URI file /nonexistent: ENOENT',
  );
});

test('flags of the PostgreSQL exporter, and the variables that stand for them', async () => {
  vi.stubEnv('DATA_SOURCE_NAME', 'postgresql://127.0.0.1:1/x');
  vi.stubEnv('PG_EXPORTER_WEB_TELEMETRY_PATH', '/pg');
  vi.stubEnv('PG_EXPORTER_CONSTANT_LABELS', 'environment=test');
  vi.stubEnv('PG_EXPORTER_EXTEND_QUERY_PATH', '/nonexistent');
  const url = await run(postgresExporter, ['--no-collector.settings', '--collector.wal', '--collection-timeout', '5s']);
  const text = await metrics(`${url}/pg`);
  expect(text).toMatch(/^pg_up\{environment="test"\} 0$/m);
  expect(text).toMatch(
    /^pg_exporter_user_queries_load_error\{environment="test",filename="\/nonexistent",hashsum=""\} 1$/m,
  );
});

test.each([
  [['--collection-timeout=5'], 'invalid collection timeout "5"'],
  [['--constantLabels=a'], '"a" is not label=value'],
  [['--collector.stat_statements.limit=0'], 'must be greater than zero'],
])('wrong flags of the PostgreSQL exporter: %j', async (args, message) => {
  const flags = parseFlags(args, postgresExporter.flags);
  await expect((async () => postgresExporter.run(flags, new AbortController().signal))()).rejects.toThrow(message);
});

test('flags of the Redis exporter, and the variables that stand for them', async () => {
  vi.stubEnv('REDIS_ADDR', '127.0.0.1:1');
  vi.stubEnv('REDIS_EXPORTER_NAMESPACE', 'kv');
  vi.stubEnv('REDIS_EXPORTER_REDIS_ONLY_METRICS', 'true');
  vi.stubEnv('REDIS_EXPORTER_IS_CLUSTER', 'maybe');
  vi.stubEnv('REDIS_EXPORTER_BASIC_AUTH_USERNAME', 'me');
  const hash = '$2b$04$UUnYBacSWPMkacisjy/NUOW7R8XhjXBlz83lMVKsTPHxAYJPmpaR.';
  const url = await run(redisExporter, ['-basic-auth-hash-password', hash, '-web.telemetry-path=/kv']);
  expect((await fetch(`${url}/kv`)).status).toBe(401);
  const text = await metrics(`${url}/kv`, { authorization: `Basic ${Buffer.from('me:pw').toString('base64')}` });
  expect(text).toMatch(/^kv_up 0$/m);
  expect(text).not.toMatch(/process_|build_info/);
});

test.each([
  [['--connection-timeout=x'], "Couldn't parse connection timeout duration"],
  [['--tls-client-cert-file=x'], 'TLS client key file and cert file should both be present'],
  [['--script=/nonexistent'], 'Error loading script files: /nonexistent: ENOENT'],
  [['--basic-auth-username=a', '--basic-auth-hash-password=b'], 'bcrypt'],
  [['--basic-auth-password=a', '--basic-auth-hash-password=b'], 'cannot set both'],
  [['--check-keys=a=b=c'], "couldn't parse check-keys: invalid key list argument: a=b=c"],
])('wrong flags of the Redis exporter: %j', async (args, message) => {
  const flags = parseFlags([...args, '--web.listen-address=127.0.0.1:0'], redisExporter.flags, { singleDash: true });
  await expect((async () => redisExporter.run(flags, new AbortController().signal))()).rejects.toThrow(message);
});

test.skipIf(!hasOpenssl)('the Redis exporter served over TLS, to those who have a certificate', async () => {
  const authority = new Authority(directory, 'authority');
  const server = authority.sign('server', 'DNS:localhost,IP:127.0.0.1');
  const client = authority.sign('client', 'DNS:client');
  const files = [`--tls-server-cert-file=${server.certFile}`, `--tls-server-key-file=${server.keyFile}`];
  const url = await run(redisExporter, ['--redis.addr=', ...files, `--tls-server-ca-cert-file=${authority.certFile}`]);
  const read = (file: string) => readFileSync(file, 'utf8');
  const ask = (own: object) =>
    new Promise<number | undefined>((resolve, reject) => {
      const options = { ca: read(authority.certFile), agent: false, ...own };
      get(`${url.replace('http', 'https')}/health`, options, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).on('error', reject);
    });
  expect(await ask({ cert: read(client.certFile), key: read(client.keyFile) })).toBe(200);
  await expect(ask({})).rejects.toThrow();
  rmSync(directory, { recursive: true, force: true });
});
