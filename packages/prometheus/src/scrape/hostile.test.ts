import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { silentLogger, systemClock } from '@avalanche/model';
import { Tsdb } from '@avalanche/tsdb';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LoadedConfig } from '../config/load.ts';
import { configSchema } from '../config/schema.ts';
import type { ScrapeLoop } from './loop.ts';
import { ScrapeManager } from './manager.ts';
import { ScrapeMetrics } from './metrics.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n';
const MB = 1024 * 1024;
const LIMIT = '4MB';
/** For answers that take a while to read; where many tests run at once, longer than the timeout of the others. */
const PATIENT = { scrape_interval: '15s', scrape_timeout: '15s' };
/** More than what 14 bodies of the limit and a million lines take, less than any of the bodies without a bound. */
const MEMORY_MAX = 350 * MB;

interface Hostile {
  readonly answer: (socket: Socket) => void;
  /** `lastError`, with `$` for the target's address; empty where the target is up. */
  readonly error: string;
  readonly job?: object;
}

/** Writes `chunk` again and again until the other side goes, or `times` have been written. */
function flood(socket: Socket, chunk: Buffer, times = Number.POSITIVE_INFINITY): void {
  let written = 0;
  const more = () => {
    while (written++ < times && !socket.destroyed) if (!socket.write(chunk)) return;
  };
  socket.on('drain', more);
  more();
}

const lines = Buffer.from(`${'a 1\n'.repeat(16_000)}`);
const bomb = gzipSync(Buffer.alloc(200 * MB, 'a'));
const million = Buffer.from(Array.from({ length: 1_000_000 }, (_, i) => `m{i="${i}"} 1\n`).join(''));
const complete = (body: string | Buffer, headers = '') =>
  Buffer.concat([Buffer.from(`${OK}${headers}Content-Length: ${body.length}\r\n\r\n`), Buffer.from(body)]);

const HOSTILE: Readonly<Record<string, Hostile>> = {
  'an endless body': {
    job: PATIENT,
    error: 'body size limit exceeded',
    answer: (socket) => {
      socket.write(`${OK}\r\n`);
      flood(socket, lines);
    },
  },
  'an endless chunk': {
    job: PATIENT,
    error: 'body size limit exceeded',
    answer: (socket) => {
      socket.write(`${OK}Transfer-Encoding: chunked\r\n\r\nfffffff\r\n`);
      flood(socket, lines);
    },
  },
  '500 MB': {
    job: PATIENT,
    error: 'body size limit exceeded',
    answer: (socket) => {
      socket.write(`${OK}Content-Length: ${500 * MB}\r\n\r\n`);
      flood(socket, Buffer.alloc(MB, 'a'), 500);
    },
  },
  'an endless head': {
    job: PATIENT,
    error: 'Get "http://$/metrics": the head of the answer is too large',
    answer: (socket) => {
      socket.write(OK);
      flood(socket, Buffer.from('X-More: more\r\n'.repeat(100)));
    },
  },
  'a byte at a time': {
    error: 'context deadline exceeded',
    answer: (socket) => {
      socket.write(`${OK}Content-Length: 1000\r\n\r\n`);
      const timer = setInterval(() => socket.write('a'), 100);
      socket.on('close', () => clearInterval(timer));
    },
  },
  silence: { error: 'Get "http://$/metrics": context deadline exceeded', answer: () => {} },
  'gzip that is none': {
    error: 'gzip: invalid header',
    answer: (socket) => socket.write(complete('a 1\n', 'Content-Encoding: gzip\r\n')),
  },
  'gzip that is cut off': {
    job: PATIENT,
    error: 'unexpected EOF',
    answer: (socket) => socket.write(complete(bomb.subarray(0, 1000), 'Content-Encoding: gzip\r\n')),
  },
  'a gzip bomb': {
    job: PATIENT,
    error: 'body size limit exceeded',
    answer: (socket) => socket.write(complete(bomb, 'Content-Encoding: gzip\r\n')),
  },
  'redirects in a circle': {
    error: 'Get "http://$/metrics": stopped after 10 redirects',
    answer: (socket) => socket.write('HTTP/1.1 302 Found\r\nLocation: /metrics\r\nContent-Length: 0\r\n\r\n'),
  },
  'a page': {
    error: 'received unsupported Content-Type "text/html" and no fallback_scrape_protocol specified for target',
    answer: (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\na 1\n'),
  },
  'HTTP/1.0': {
    error: '',
    answer: (socket) => socket.end('HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nold 1\n'),
  },
  'something else than HTTP': {
    error: 'Get "http://$/metrics": malformed HTTP response "SSH-2.0-OpenSSH_9.2"',
    answer: (socket) => socket.write('SSH-2.0-OpenSSH_9.2\r\n'),
  },
  'an error status': {
    error: 'server returned HTTP status 500 Internal Server Error',
    answer: (socket) => socket.write('HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n'),
  },
  'no TLS where it is wanted': {
    error: 'Get "https://$/metrics": tls: first record does not look like a TLS handshake',
    job: { scheme: 'https' },
    answer: (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'),
  },
  'a million series': {
    error: 'sample limit exceeded',
    job: { ...PATIENT, sample_limit: 10_000, body_size_limit: '100MB' },
    answer: (socket) => socket.write(complete(million)),
  },
};

const GOOD = 'good';
const servers: Server[] = [];
const sockets = new Set<Socket>();
const addresses = new Map<string, string>();
const registry = new Registry();
let directory = '';
let tsdb: Tsdb;
let manager: ScrapeManager;
let memoryMax = 0;
let sampling: NodeJS.Timeout;

async function listening(answer: (socket: Socket) => void): Promise<string> {
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', () => answer(socket));
    socket.on('close', () => sockets.delete(socket));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function loopOf(name: string): ScrapeLoop {
  return manager.jobs.find((job) => job.name === name)?.loops[0] as ScrapeLoop;
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'scrape-hostile-'));
  tsdb = await Tsdb.open({ directory });
  manager = new ScrapeManager({
    tsdb,
    clock: systemClock,
    logger: silentLogger,
    metrics: new ScrapeMetrics(registry),
    resolvePath: (path) => path,
  });
  for (const [name, { answer }] of Object.entries(HOSTILE)) addresses.set(name, await listening(answer));
  addresses.set(GOOD, await listening((socket) => socket.write(complete('a 1\nb 2\n'))));
  const scrape_configs = [...addresses].map(([name, address]) => ({
    job_name: name,
    body_size_limit: LIMIT,
    static_configs: [{ targets: [address] }],
    ...HOSTILE[name]?.job,
  }));
  const config = configSchema.parse({ global: { scrape_interval: '4s', scrape_timeout: '3s' }, scrape_configs });
  const before = process.memoryUsage().rss;
  sampling = setInterval(() => {
    memoryMax = Math.max(memoryMax, process.memoryUsage().rss - before);
  }, 20);
  await manager.apply({ config } as LoadedConfig);
  for (let i = 0; ![...addresses.keys()].every((name) => loopOf(name).lastScrape > 0); i++) {
    if (i > 1000) throw new Error('not all targets have been scraped');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});
afterAll(async () => {
  clearInterval(sampling);
  await manager.stop();
  await tsdb.close();
  for (const socket of sockets) socket.destroy();
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  rmSync(directory, { recursive: true });
});

test.each(Object.entries(HOSTILE))('%s', (name, { error }) => {
  const loop = loopOf(name);
  expect(loop.lastError).toBe(error.replace('$', addresses.get(name) ?? ''));
  expect(loop.health).toBe(error === '' ? 'up' : 'down');
  expect(loop.failures[0]?.reason ?? '').toBe(loop.lastError);
});

test('memory stays within bounds, and the target beside them is up all the time', async () => {
  expect(memoryMax).toBeLessThan(MEMORY_MAX);
  expect(loopOf(GOOD)).toMatchObject({ health: 'up', lastError: '', failures: [] });
  const text = await registry.metrics();
  expect(text).toMatch(/prometheus_target_scrapes_exceeded_body_size_limit_total [4-9]|body_size_limit_total \d\d/);
  expect(text).toMatch(/prometheus_target_scrapes_exceeded_sample_limit_total [1-9]/);
});
