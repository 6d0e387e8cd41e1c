import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Labels, ManualClock, Matcher, ProtoReader, ProtoWriter, SampleColumns, silentLogger } from '@avalanche/model';
import { crc32c, Tsdb } from '@avalanche/tsdb';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type RunningPrometheus, startPrometheus } from '../../start.ts';
import { compressSnappy, decompressSnappy } from '../proto/snappy.ts';
import { compressedPieces, FrameWriter } from './answers.ts';
import { ChunkCollector, decodeSamples, readFrames } from './decode.ts';
import { CHUNKS_TYPE, decodeReadRequest, encodeReadRequest, type ReadQuery } from './messages.ts';

const NOW = 1_700_000_000_000;

const directories: string[] = [];
const running: RunningPrometheus[] = [];

beforeEach(() => {
  directories.push(mkdtempSync(join(tmpdir(), 'read-')));
});

afterEach(async () => {
  for (const role of running.splice(0)) await role.stop();
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

/** A server with `series` series of 300 samples each. */
async function start(config: object, series: number, limits = {}): Promise<string> {
  const directory = directories[0];
  const configFile = join(directory, 'prometheus.yml');
  writeFileSync(configFile, JSON.stringify(config));
  const data = mkdtempSync(join(directory, 'data-'));
  const tsdb = await Tsdb.open({ directory: data, autoMaintenance: false });
  const appender = tsdb.appender();
  for (let i = 0; i < series; i++) {
    const ref = appender.seriesRef(Labels.from({ __name__: 'm', i: String(i) }));
    for (let s = 0; s < 299; s++) appender.append(ref, NOW - 300_000 + s * 1000, s * i);
    appender.appendStale(ref, NOW);
  }
  appender.commit();
  await tsdb.close();
  const role = await startPrometheus({
    configFile,
    directory: data,
    listen: { host: '127.0.0.1', port: 0 },
    logger: silentLogger,
    version: 'test',
    clock: new ManualClock(NOW),
    remoteRead: limits,
    storage: { retentionMs: 0, autoMaintenance: false },
  });
  running.push(role);
  return role.url;
}

/** A request for all of `m`; `types` are the kinds of answers that are accepted. */
function request(query: Partial<ReadQuery>, types?: readonly number[]): Uint8Array {
  const writer = new ProtoWriter();
  const matchers = [new Matcher('=', '__name__', 'm')];
  encodeReadRequest(writer, { start: NOW - 300_000, end: NOW, matchers, ...query });
  if (!types) return writer.written.slice();
  // The last field is that of the types: [2 types].
  const bytes = writer.written.slice(0, writer.length - 4);
  const tail = new ProtoWriter();
  tail.uint64s(2, types);
  return Buffer.concat([bytes, tail.written]);
}

async function read(url: string, message: Uint8Array) {
  const body = Buffer.from(compressSnappy(message));
  const answer = await fetch(`${url}/api/v1/read`, { method: 'POST', body });
  const bytes = Buffer.from(await answer.arrayBuffer());
  return { status: answer.status, type: answer.headers.get('content-type'), bytes };
}

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
}

test('samples and chunks are the same series, external labels included, staleness markers whole', async () => {
  const url = await start({ global: { external_labels: { site: 'north', i: 'never' } } }, 3, { frameBytesMax: 100 });
  const sampled = await read(url, request({}, [7, 0]));
  expect(sampled.type).toBe('application/x-protobuf');
  const series = decodeSamples(decompressSnappy(sampled.bytes, 1e9));
  expect(series.map(({ labels }) => labels.toString())).toEqual([
    'm{i="0", site="north"}',
    'm{i="1", site="north"}',
    'm{i="2", site="north"}',
  ]);
  const [{ columns }] = series;
  expect([columns.length, columns.isStale(299)]).toEqual([300, true]);
  const chunked = await read(url, request({}));
  expect(chunked.type).toBe(CHUNKS_TYPE);
  const collector = new ChunkCollector(NOW - 300_000, NOW);
  let frames = 0;
  for await (const message of readFrames(inPieces(chunked.bytes, 100), 10_000)) {
    collector.add(message);
    frames++;
  }
  expect(frames).toBeGreaterThan(3);
  const plain = (all: readonly { labels: Labels; columns: SampleColumns }[]) =>
    all.map(({ labels, columns: { t, bits, length } }) => [
      labels.toString(),
      [...t.subarray(0, length)],
      [...bits.subarray(0, 2 * length)],
    ]);
  expect(plain(collector.found)).toEqual(plain(series));
});

test('a matcher of an external label finds what has none', async () => {
  const url = await start({ global: { external_labels: { site: 'north' } } }, 1);
  const found = async (site: string) => {
    const matchers = [new Matcher('=', '__name__', 'm'), new Matcher('=', 'site', site)];
    return decodeSamples(decompressSnappy((await read(url, request({ matchers }, [0]))).bytes, 1e9)).length;
  };
  expect(await found('north')).toBe(1);
  expect(await found('south')).toBe(0);
});

test.each<[string, (r: typeof request) => Uint8Array, string]>([
  ['too many samples', (of) => of({}, [0]), 'exceeded sample limit (500)\n'],
  [
    'kinds that are not known',
    (of) => of({}, [9]),
    'server does not support any of the requested response types: [9]; supported: map[SAMPLES:{} STREAMED_XOR_CHUNKS:{}]\n',
  ],
  ['a message cut short', (of) => of({}).slice(0, 5), 'proto: unexpected EOF\n'],
])('%s is refused', async (_, message, reason) => {
  const url = await start({}, 2, { samplesMax: 500 });
  const { status, bytes } = await read(url, message(request));
  expect([status, bytes.toString()]).toEqual([400, reason]);
});

test('a remote that does not answer is a warning', async () => {
  const url = await start({ remote_read: [{ url: 'http://127.0.0.1:1/read', read_recent: true }] }, 1);
  const answer = await fetch(`${url}/api/v1/query?query=count(m)&time=${NOW / 1000 - 60}`);
  expect(await answer.json()).toMatchObject({
    data: { result: [{ value: [NOW / 1000 - 60, '1'] }] },
    warnings: [expect.stringMatching(/^remote_read: Post "http:\/\/127\.0\.0\.1:1\/read": .*connection refused$/)],
  });
});

test('without read_recent, a remote is asked as long as there is no block here', async () => {
  const url = await start({ remote_read: [{ url: 'http://127.0.0.1:1/read', required_matchers: { a: 'b' } }] }, 1);
  const warningsOf = async (query: string) => {
    const answer = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(query)}&time=${NOW / 1000 - 60}`);
    return ((await answer.json()) as { readonly warnings?: readonly string[] }).warnings?.length ?? 0;
  };
  expect(await warningsOf('m{a="b"}')).toBe(1);
  expect(await warningsOf('m{a="c"}')).toBe(0);
});

test('frames that are too long, damaged or cut short', async () => {
  const columns = new SampleColumns();
  columns.push(NOW, 1);
  const [frame] = new FrameWriter(1000).frames({ labels: Labels.from({ a: 'b' }), columns }, 0);
  const all = async (bytes: Uint8Array, bytesMax: number) => {
    for await (const message of readFrames(inPieces(bytes, 7), bytesMax)) expect(message.length).toBeGreaterThan(0);
  };
  await all(Buffer.concat([frame, frame]), 1000);
  await expect(all(frame, 10)).rejects.toThrow('chunkedReader: message size exceeded the limit 10 bytes; got: ');
  await expect(all(frame.subarray(0, -1), 1000)).rejects.toThrow('unexpected EOF');
  const damaged = Buffer.from(frame);
  damaged[damaged.length - 1] ^= 1;
  await expect(all(damaged, 1000)).rejects.toThrow('checksum mismatch');
});

test('what is compressed in pieces is one block', () => {
  const parts = [Buffer.from('head'), Buffer.alloc(200_000, 'abcdefgh1'), Buffer.alloc(70_000, 7)];
  const block = Buffer.concat([...compressedPieces(parts)]);
  expect(Buffer.compare(decompressSnappy(block, 1e9), Buffer.concat(parts))).toBe(0);
});

test('any bytes are a message or an error (seeded fuzz)', () => {
  const good = [request({ matchers: [new Matcher('=~', 'a', 'b.*')] }), samplesMessage()];
  let seed = 42;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    return seed % below;
  };
  let errors = 0;
  for (let i = 0; i < 5000; i++) {
    const bytes = Uint8Array.from(good[i % 2]);
    for (let n = random(4); n >= 0; n--) bytes[random(bytes.length)] = random(256);
    try {
      if (i % 2 === 0) decodeReadRequest(new ProtoReader(bytes));
      else if (i % 4 === 1) decodeSamples(bytes);
      else new ChunkCollector(0, NOW).add(bytes);
    } catch (error) {
      expect(error).toBeInstanceOf(Error);
      errors++;
    }
  }
  expect(errors).toBeGreaterThan(100);
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
});

function samplesMessage(): Uint8Array {
  const columns = new SampleColumns();
  for (let i = 0; i < 50; i++) columns.push(NOW + i, i);
  const [frame] = new FrameWriter(1000).frames({ labels: Labels.from({ a: 'b' }), columns }, 0);
  return frame.subarray(6);
}
