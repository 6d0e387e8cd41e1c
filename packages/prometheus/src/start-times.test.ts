import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@avalanche/model';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WRITE_V2 } from './remote/proto/messages.ts';
import { decompressSnappy } from './remote/proto/snappy.ts';
import { decodeSymbols, decodeV2 } from './remote/receive/decode.ts';
import { type RunningPrometheus, startPrometheus } from './start.ts';

/** When the counters of the test began: whole seconds, a little ago. */
const BEGUN = Math.floor(Date.now() / 1000) - 20;
const BODY = `# TYPE c counter
c_total 5
c_created ${BEGUN}
# TYPE h histogram
h_bucket{le="1"} 2
h_bucket{le="+Inf"} 3
h_count 3
h_sum 4
h_created ${BEGUN}
# TYPE g gauge
g 7
# EOF
`;
const OPENMETRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

let directory = '';
const roles: RunningPrometheus[] = [];
const servers: Server[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'start-times-'));
});
afterEach(async () => {
  for (const role of roles.splice(0)) await role.stop();
  for (const server of servers.splice(0)) server.close().closeAllConnections();
  rmSync(directory, { recursive: true });
});

async function start(name: string, config: object, startTimes = true): Promise<RunningPrometheus> {
  const configFile = join(directory, `${name}.yml`);
  writeFileSync(configFile, JSON.stringify(config));
  const role = await startPrometheus({
    configFile,
    directory: join(directory, name),
    listen: { host: '127.0.0.1', port: 0 },
    logger: silentLogger,
    version: 'test',
    remoteWrite: { receiver: true },
    web: { enableOtlpReceiver: true },
    features: { startTimestamps: true, experimentalFunctions: true },
    scraping: { features: { startTimes } },
    storage: { autoMaintenance: false },
  });
  roles.push(role);
  return role;
}

async function listen(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const target = () => listen((_, response) => response.writeHead(200, { 'content-type': OPENMETRICS }).end(BODY));

/** The value of a query of one series; undefined where it finds none. */
async function ask({ url }: RunningPrometheus, query: string): Promise<number | undefined> {
  const answer = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(query)}`);
  const { data } = (await answer.json()) as { data: { result: { value: [number, string] }[] } };
  return data.result.length === 0 ? undefined : Number(data.result[0].value[1]);
}

/** Start times of a request's series, those of histograms with `h ` before the name. */
function startsOf(body: Buffer): Map<string, number> {
  const bytes = decompressSnappy(body, 1 << 26);
  const { symbols } = decodeSymbols(bytes);
  const found = new Map<string, number>();
  for (const series of decodeV2(bytes)) {
    const name = symbols[series.labelRefs[series.labelRefs.findIndex((ref) => symbols[ref] === '__name__') + 1]];
    if (series.length > 0) found.set(name, series.startTimes[0]);
    for (const histogram of series.histograms) if ('start' in histogram) found.set(`h ${name}`, histogram.start);
  }
  return found;
}

const scraping = (address: string) => ({
  job_name: 'j',
  scrape_interval: '1s',
  convert_classic_histograms_to_nhcb: true,
  static_configs: [{ targets: [address] }],
});

test('scraped start times are stored, sent on, received, and used by functions', async () => {
  const sent = new Map<string, number>();
  const recorder = await listen((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      for (const [name, begun] of startsOf(Buffer.concat(chunks))) sent.set(name, begun);
      response.writeHead(204).end();
    });
  });
  const receiver = await start('receiver', {});
  const sender = await start('sender', {
    scrape_configs: [scraping(await target())],
    remote_write: [`http://${recorder}`, `${receiver.url}/api/v1/write`].map((url, i) => ({
      ...{ name: `${i}`, url, protobuf_message: WRITE_V2, send_native_histograms: true },
      queue_config: { batch_send_deadline: '5ms' },
    })),
  });
  for (const role of [sender, receiver]) {
    await expect.poll(() => ask(role, 'start_timestamp(c_total)'), { timeout: 5000 }).toBe(BEGUN);
    expect(await ask(role, 'start_timestamp(g)')).toBe(0);
    // One sample is enough to tell that all of it was counted within the range.
    expect(await ask(role, 'increase(c_total[60s])')).toBeGreaterThanOrEqual(5);
  }
  await expect.poll(() => sent.size, { timeout: 5000 }).toBeGreaterThan(3);
  expect(sent.get('c_total')).toBe(BEGUN * 1000);
  expect(sent.get('h h')).toBe(BEGUN * 1000);
  expect(sent.get('g')).toBe(0);
  expect(sent.get('up')).toBe(0);
}, 20_000);

test('OTLP says start times of sums', async () => {
  const role = await start('otlp', {});
  const now = Date.now();
  const point = { asInt: '5', timeUnixNano: `${now}000000`, startTimeUnixNano: `${BEGUN}000000000` };
  const sum = { aggregationTemporality: 2, isMonotonic: true, dataPoints: [point] };
  const body = { resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 'jobs', sum }] }] }] };
  const answer = await fetch(`${role.url}/api/v1/otlp/v1/metrics`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(answer.status).toBe(200);
  expect(await ask(role, 'start_timestamp(jobs_total)')).toBe(BEGUN);
});

test('without the feature nothing of it is stored', async () => {
  const role = await start('plain', { scrape_configs: [scraping(await target())] }, false);
  await expect.poll(() => ask(role, 'start_timestamp(c_total)'), { timeout: 5000 }).toBe(0);
}, 20_000);
