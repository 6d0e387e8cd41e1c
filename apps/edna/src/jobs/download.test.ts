import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseDownloadUrl, sourceOf } from './address.ts';
import { download } from './download.ts';

const CONTENT = Buffer.from('0123456789'.repeat(20_000));
let directory: string;
let origin: string;
let answer: RequestListener;
const server = createServer((request, response) => answer(request, response));

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'avalanche-download-'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(directory, { recursive: true, force: true });
});

function fetchFile(path: string, options: { bytesMax?: number; allowed?: boolean } = {}) {
  const progress: number[] = [];
  return download({
    url: origin + path,
    directory,
    policy: { allowPrivate: false, origins: new Set(options.allowed === false ? [] : [origin]) },
    bytesMax: options.bytesMax ?? 1_000_000,
    signal: AbortSignal.timeout(10_000),
    onProgress: (done) => progress.push(done),
    onBytes() {},
  });
}

test('a broken download is taken up where it stopped', async () => {
  const ranges: (string | undefined)[] = [];
  answer = (request, response) => {
    const { range } = request.headers;
    ranges.push(range);
    const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
    response.writeHead(from > 0 ? 206 : 200, {
      etag: '"v1"',
      'content-length': CONTENT.length - from,
      ...(from > 0 ? { 'content-range': `bytes ${from}-${CONTENT.length - 1}/${CONTENT.length}` } : {}),
    });
    if (from > 0) response.end(CONTENT.subarray(from));
    else response.write(CONTENT.subarray(0, 70_000), () => setTimeout(() => response.destroy(), 50));
  };
  await expect(fetchFile('/a/reads.fastq.gz')).rejects.toMatchObject({ code: 'download_interrupted', retryable: true });
  const result = await fetchFile('/a/reads.fastq.gz');
  // on a busy machine the connection may end before all of the first part is read
  const resumedFrom = Number(/^bytes=(\d+)-$/.exec(ranges[1] ?? '')?.[1]);
  expect(resumedFrom).toBeGreaterThan(0);
  expect(resumedFrom).toBeLessThanOrEqual(70_000);
  expect(ranges).toHaveLength(2);
  expect(result).toMatchObject({ bytes: CONTENT.length, resumedFrom });
  expect(await readFile(join(directory, result.file))).toEqual(CONTENT);
  expect(await readdir(directory)).toEqual([result.file]);
});

test('two downloads of one URL at once do not write into each other', async () => {
  answer = (_request, response) => {
    response.writeHead(200, { etag: '"v1"', 'content-length': CONTENT.length });
    response.write(CONTENT.subarray(0, 70_000), () => setTimeout(() => response.end(CONTENT.subarray(70_000)), 50));
  };
  const [one, two] = await Promise.all([fetchFile('/same'), fetchFile('/same')]);
  expect(two).toEqual(one);
  expect(await readFile(join(directory, one.file))).toEqual(CONTENT);
  expect(await readdir(directory)).toEqual([one.file]);
});

test('a part that is whole already (416) does not stop its URL for ever', async () => {
  let requests = 0;
  answer = (request, response) => {
    if (request.headers.range !== undefined) response.writeHead(416).end();
    else {
      // the first answer breaks off where the length says that more would come
      response.writeHead(200, { etag: '"v1"', 'content-length': CONTENT.length });
      if (requests++ > 0) response.end(CONTENT);
      else response.write(CONTENT.subarray(0, 1000), () => setTimeout(() => response.destroy(), 50));
    }
  };
  await expect(fetchFile('/whole')).rejects.toMatchObject({ code: 'download_interrupted' });
  await expect(fetchFile('/whole')).rejects.toMatchObject({ code: 'download_interrupted', retryable: true });
  expect(await fetchFile('/whole')).toMatchObject({ bytes: CONTENT.length, resumedFrom: 0 });
});

test('only the newest interrupted downloads are kept', async () => {
  answer = (_request, response) => {
    response.writeHead(200, { etag: '"v1"', 'content-length': CONTENT.length });
    response.write('x', () => setTimeout(() => response.destroy(), 10));
  };
  for (let i = 0; i < 12; i++) await fetchFile(`/${i}`).catch(() => {});
  const names = await readdir(directory);
  expect(names.filter((name) => name.endsWith('.part'))).toHaveLength(10);
  expect(names.filter((name) => name.endsWith('.json'))).toHaveLength(10);
});

test('a file that changed meanwhile starts anew', async () => {
  let version = 0;
  answer = (_request, response) => {
    version++;
    response.writeHead(200, { etag: `"v${version}"`, 'content-length': CONTENT.length });
    if (version === 1) response.write(CONTENT.subarray(0, 1000), () => setTimeout(() => response.destroy(), 50));
    else response.end(CONTENT);
  };
  await expect(fetchFile('/f')).rejects.toMatchObject({ code: 'download_interrupted' });
  expect(await fetchFile('/f')).toMatchObject({ bytes: CONTENT.length, resumedFrom: 0 });
});

test('refusals: 404, too large with and without a length, redirect inside, file URL, loopback', async () => {
  answer = (request, response) => {
    if (request.url === '/redirect') response.writeHead(302, { location: 'http://169.254.169.254/latest' }).end();
    else if (request.url === '/large') response.end(CONTENT);
    else if (request.url === '/endless') for (let i = 0; i < 50; i++) response.write(CONTENT);
    else response.writeHead(404).end();
  };
  await expect(fetchFile('/gone')).rejects.toMatchObject({ code: 'download_failed', retryable: false });
  await expect(fetchFile('/large', { bytesMax: 1000 })).rejects.toMatchObject({ code: 'too_large' });
  await expect(fetchFile('/endless', { bytesMax: 300_000 })).rejects.toMatchObject({ code: 'too_large' });
  await expect(fetchFile('/redirect')).rejects.toMatchObject({ code: 'bad_url' });
  await expect(fetchFile('/x', { allowed: false })).rejects.toMatchObject({ code: 'bad_url' });
  expect((await readdir(directory)).filter((name) => !name.endsWith('.json'))).toEqual([]);
});

test.each([
  'file:///etc/passwd',
  'ftp://example.org/x',
  'reads.fastq',
  'http://user:secret@example.org/',
  'http://127.0.0.1/',
  'http://0x7f.1/',
  'http://[::1]/',
  'http://[::ffff:10.0.0.1]/',
  'http://169.254.169.254/',
  'http://192.168.1.1/',
])('%s is no URL to download', (url) => {
  expect(() => parseDownloadUrl(url, { allowPrivate: false, origins: new Set() })).toThrow();
});

test.each([
  ['https://ftp.ncbi.nlm.nih.gov/x', 'ncbi'],
  ['https://ncbi.nlm.nih.gov.evil.example/x', 'other'],
  ['http://ftp.sra.ebi.ac.uk/x', 'ena'],
  ['https://www.arb-silva.de/x', 'silva'],
  ['http://127.0.0.1:8000/demo', 'local'],
])('%s belongs to %s', (url, source) => {
  const policy = { allowPrivate: false, origins: new Set(['http://127.0.0.1:8000']) };
  expect(sourceOf(new URL(url), policy)).toBe(source);
});
