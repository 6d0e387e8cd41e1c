import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { Authority, hasOpenssl } from '../../../../tests/support/certificates.ts';
import { hasPostgres, type RunningService, startPostgres } from '../../../../tests/support/services.ts';
import { connectionsLeft, remembering, scrape, sql, start, stopAll } from './postgres-fixture.ts';
import { postgresAnswers } from './start.ts';

afterEach(stopAll);

describe.skipIf(!hasPostgres || !hasOpenssl)('passwords and TLS (Debian packages postgresql, openssl)', () => {
  let server: RunningService;
  let directory: string;
  let authority: Authority;
  let stranger: Authority;
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'postgres-tls-'));
    authority = new Authority(directory, 'authority');
    stranger = new Authority(directory, 'stranger');
    const { certFile, keyFile } = authority.sign('localhost', 'DNS:localhost');
    server = await startPostgres();
    const put = (file: string, content: string) =>
      `COPY (SELECT '${Buffer.from(content).toString('base64')}') TO PROGRAM 'umask 077; base64 -d > ${file}'`;
    const rules = [
      'local all all trust',
      'hostssl all onlycert 127.0.0.1/32 cert',
      'hostssl all tlsuser 127.0.0.1/32 scram-sha-256',
      'hostnossl all tlsuser 127.0.0.1/32 reject',
      'host all tlsuser,onlycert 127.0.0.1/32 reject',
      'host all secret 127.0.0.1/32 scram-sha-256',
      'host all postgres 127.0.0.1/32 trust',
    ];
    await sql(
      server.url,
      put('server.crt', readFileSync(certFile, 'utf8')),
      put('server.key', readFileSync(keyFile, 'utf8')),
      put('root.crt', readFileSync(authority.certFile, 'utf8')),
      put('pg_hba.conf', `${rules.join('\n')}\n`),
      "ALTER SYSTEM SET ssl_ca_file = 'root.crt'",
      'ALTER SYSTEM SET ssl = on',
      "CREATE ROLE secret LOGIN PASSWORD 'pa ss:w\\ord'",
      "CREATE ROLE tlsuser LOGIN PASSWORD 'tls'",
      'CREATE ROLE onlycert LOGIN',
      'SELECT pg_reload_conf()',
    );
    await vi.waitFor(async () => expect((await sql(server.url, 'SHOW ssl')).rows[0].ssl).toBe('on'));
  }, 60_000);
  afterAll(async () => {
    await server.stop();
    rmSync(directory, { recursive: true });
  });

  test('a password by key=value, by URI and by password file; a wrong one is told without itself', async () => {
    const { port } = server;
    const passfile = join(directory, 'passes');
    writeFileSync(passfile, `# for tests\n127.0.0.1:*:postgres:secret:pa ss\\:w\\\\ord\n`, { mode: 0o600 });
    const base = `host=127.0.0.1 port=${port} dbname=postgres user=secret`;
    expect(await postgresAnswers(`${base} password='pa ss:w\\\\ord'`)).toBe(true);
    expect(await postgresAnswers(`postgresql://secret:pa%20ss:w%5Cord@127.0.0.1:${port}/postgres`)).toBe(true);
    expect(await postgresAnswers(`${base} passfile=${passfile}`)).toBe(true);
    expect(await postgresAnswers(base)).toBe(false);
    const { logger, lines } = remembering();
    const role = await start([`postgresql://secret:wr0ng@127.0.0.1:${port}/postgres`], { logger });
    const text = await scrape(role.url);
    await scrape(role.url);
    expect(text).toMatch(/^pg_up 0$/m);
    expect(lines.filter((line) => line.includes('password authentication failed for user "secret"'))).toHaveLength(1);
    expect(text + lines.join('\n')).not.toContain('wr0ng');
  });

  test.each([
    ['disable', '', false],
    ['allow', '', true],
    ['prefer', '', true],
    ['require', '', true],
    ['require', 'stranger', false],
    ['verify-ca', 'authority', true],
    ['verify-ca', 'stranger', false],
    ['verify-full', 'authority', false],
  ])('sslmode=%s with the root %s where only TLS is let in, by address: %s', async (sslmode, root, expected) => {
    const file = root === '' ? '' : ` sslrootcert=${(root === 'authority' ? authority : stranger).certFile}`;
    const name = `host=127.0.0.1 port=${server.port} dbname=postgres user=tlsuser password=tls sslmode=${sslmode}${file}`;
    expect(await postgresAnswers(name)).toBe(expected);
  });

  test('verify-full by the name that the certificate has, and a certificate of our own instead of a password', async () => {
    const { certFile, keyFile } = authority.sign('onlycert', 'DNS:onlycert');
    const tls = `sslmode=verify-full sslrootcert=${authority.certFile}`;
    const at = `host=localhost port=${server.port} dbname=postgres`;
    expect(await postgresAnswers(`${at} user=tlsuser password=tls ${tls}`)).toBe(true);
    expect(await postgresAnswers(`${at} user=onlycert ${tls} sslcert=${certFile} sslkey=${keyFile}`)).toBe(true);
    expect(await postgresAnswers(`${at} user=onlycert ${tls}`)).toBe(false);
  });
});

test('a server that is away is pg_up 0, and so is one that accepts and never answers, in bounded time', async () => {
  const mute: Server = createServer((socket) => socket.resume());
  await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
  const { port } = mute.address() as { port: number };
  try {
    for (const at of ['127.0.0.1:1', `127.0.0.1:${port}`]) {
      const role = await start([`postgresql://${at}/x?sslmode=disable`]);
      const begin = performance.now();
      const text = await scrape(role.url, '/metrics', 2);
      expect(performance.now() - begin).toBeLessThan(2_000);
      expect(text).toMatch(/^pg_up 0$/m);
      expect(text).toMatch(/^pg_exporter_last_scrape_error 1$/m);
    }
    await stopAll();
    const connections = () =>
      new Promise<number>((resolve, reject) =>
        mute.getConnections((error, count) => (error ? reject(error) : resolve(count))),
      );
    await expect.poll(connections).toBe(0);
  } finally {
    mute.close();
  }
});

test.skipIf(!hasPostgres)(
  'a server that hangs is pg_up 0, and is found again when it goes on',
  async () => {
    const server = await startPostgres();
    try {
      const role = await start([server.url]);
      expect(await scrape(role.url)).toMatch(/^pg_up 1$/m);
      const { pid: parent } = server.process;
      const pids = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim().split(' ').map(Number);
      const all = [server.process.pid as number, ...pids];
      for (const pid of all) process.kill(pid, 'SIGSTOP');
      const begin = performance.now();
      const text = await scrape(role.url, '/metrics', 3);
      expect(performance.now() - begin).toBeLessThan(3_000);
      expect(text).toMatch(/^pg_up 0$/m);
      for (const pid of all) process.kill(pid, 'SIGCONT');
      expect(await scrape(role.url)).toMatch(/^pg_up 1$/m);
      expect(await connectionsLeft(server.url)).toBe(1);
    } finally {
      await server.stop();
    }
  },
  30_000,
);
