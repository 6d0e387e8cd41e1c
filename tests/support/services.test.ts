import { connect } from 'node:net';
import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { hasPostgres, hasRedis, startPostgres, startRedis } from './services.ts';

describe.skipIf(!hasRedis)('a Redis for tests (needs redis-server)', () => {
  test('answers, stops twice, and comes back on the same port', async () => {
    const first = await startRedis();
    expect(await ping(first.port)).toBe('+PONG\r\n');
    await first.stop();
    await first.stop();
    await expect(ping(first.port)).rejects.toThrow(/ECONNREFUSED/);
    const second = await startRedis({ port: first.port });
    expect(second.url).toBe(first.url);
    await second.stop();
  });
});

describe.skipIf(!hasPostgres)('a PostgreSQL for tests (needs initdb and postgres)', () => {
  test('answers a query and stops', async () => {
    const server = await startPostgres();
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    const { rows } = await client.query('SELECT 1 + 1 AS two');
    expect(rows).toEqual([{ two: 2 }]);
    await client.end();
    await server.stop();
    expect(server.process.exitCode ?? server.process.signalCode).not.toBeNull();
  });
});

function ping(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    socket.once('error', reject);
    socket.once('data', (chunk) => {
      socket.destroy();
      resolve(chunk.toString());
    });
  });
}
