import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { silentLogger } from '@avalanche/model';
import { startPrometheus } from '@avalanche/prometheus';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ours, oursReading, promtoolIsMissing, theirs, theirsReading } from './promtool-fixture.ts';

let directory: string;
const before = process.cwd();

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'promtool-parity-'));
  process.chdir(directory);
});

afterAll(() => {
  process.chdir(before);
  rmSync(directory, { recursive: true, force: true });
});

const METRICS = `# HELP a_total x
# TYPE a_total counter
a_total{x="y"} 1
a_total{x="z"} 2
# TYPE fooBar gauge
fooBar{aB="c"} 3
# TYPE h_ms histogram
h_ms_bucket{le="1"} 1
h_ms_bucket{le="+Inf"} 2
h_ms_sum 2
h_ms_count 2
# HELP s_seconds s
# TYPE s_seconds summary
s_seconds{quantile="0.5"} 1
s_seconds_sum 1
s_seconds_count 1
dup{a="1"} 1
dup{a="1"} 2
x_kilobits 3
c:d_total 1
# TYPE g_total gauge
g_total 1
`;

const CLEAN = `# HELP a_total x
# TYPE a_total counter
a_total{x="y"} 1
a_total{x="z"} 2
# HELP h_seconds x
# TYPE h_seconds histogram
h_seconds_bucket{le="1"} 1
h_seconds_bucket{le="+Inf"} 2
h_seconds_sum 2
h_seconds_count 2
# HELP u_bytes x
u_bytes 1
`;

/** Texts with the problem that each has; the original's error is expected word by word. */
const TEXTS: readonly string[] = [
  '',
  'x 1\n',
  'x 1',
  '# TYPE x gauge\n# HELP x y\nx 1\n',
  'x 1\n# TYPE x gauge\n',
  '# HELP x a\n# HELP x b\nx 1\n',
  '# HELP x a\\q\nx 1\n',
  '# TYPE x foo\n',
  'x{a="b} 1\n',
  'x{a="b"',
  'x{a=b} 1\n',
  'x{a="b";} 1\n',
  'x{a="1",a="2"} 1\n',
  'x{__name__="a"} 1\n',
  'x{a="\\z"} 1\n',
  'x abc\n',
  'x 1 2.5\n',
  'x 1 2 3\n',
  '9x 1\n',
  '# TYPE h histogram\nh_bucket{le="x"} 1\n',
  '\n\n  # foo bar\n x 1\n',
];

/** What needs no server, no input, and says the same in 2.42 and today. */
const INVOCATIONS: readonly (readonly string[])[] = [
  ['foo'],
  ['check'],
  ['check', 'metrics', 'x'],
  ['check', 'service-discovery'],
  ['query', 'instant'],
  ['query', 'instant', 'http://127.0.0.1:1', 'up'],
  ['query', 'instant', '--time=x', 'http://127.0.0.1:1', 'up'],
  ['query', 'range', '--start=2', '--end=1', 'http://127.0.0.1:1', 'up'],
  ['query', 'range', '--step=1', 'http://127.0.0.1:1', 'up'],
  ['query', '-o', 'yaml', 'instant', 'http://127.0.0.1:1', 'up'],
  ['query', 'series', '--match=up', '--start=x', 'http://127.0.0.1:1'],
  ['query', 'labels', 'http://127.0.0.1:1'],
  ['debug', 'metrics'],
  ['debug', 'metrics', 'http://127.0.0.1:1'],
  ['check', 'service-discovery', 'nofile.yml', 'x'],
  ['tsdb', 'list', 'nowhere'],
];

describe.skipIf(promtoolIsMissing)('beside promtool (skipped where promtool is missing)', () => {
  test.each(TEXTS.map((text) => [text]))('check metrics of %j', async (text) => {
    expect(await oursReading(text, 'check', 'metrics')).toEqual(theirsReading(text, 'check', 'metrics'));
  });

  test('every lint has its words, and the exit code is 3', async () => {
    const mine = await oursReading(METRICS, 'check', 'metrics');
    expect(mine).toEqual({ ...theirsReading(METRICS, 'check', 'metrics'), err: expect.any(String) });
    // 2.42 words some otherwise: `counters` and `non-counter metrics`.
    const real = theirsReading(METRICS, 'check', 'metrics').err.trim().split('\n');
    expect(mine.err.trim().split('\n').length).toBeGreaterThanOrEqual(real.length);
  });

  test('the table of cardinality is the same, but for the order of equals', async () => {
    const sorted = ({ code, out }: { code: number | null; out: string }) => [code, ...out.split('\n').sort()];
    // With problems, 2.42 prints no table.
    expect(sorted(await oursReading(CLEAN, 'check', 'metrics', '--extended'))).toEqual(
      sorted(theirsReading(CLEAN, 'check', 'metrics', '--extended')),
    );
  });

  test.each(INVOCATIONS.map((args) => [args]))('%j', async (args) => {
    expect(await ours(...args)).toEqual(theirs(...args));
  });

  test('check service-discovery finds the same targets', async () => {
    const file = join(directory, 'sd.yml');
    writeFileSync(file, SD_CONFIG);
    writeFileSync(join(directory, 'targets.json'), '[{"targets":["c:1","c:1","d:2"],"labels":{"k":"v"}}]');
    for (const job of ['fixed', 'files', 'none']) {
      const args = ['check', 'service-discovery', '--timeout=1s', file, job];
      const [mine, real] = [await ours(...args), theirs(...args)];
      expect([mine.code, targetsOf(mine.out)]).toEqual([real.code, targetsOf(real.out)]);
      // 2.42 logs that it stops.
      if (real.code !== 0) expect(mine.err).toBe(real.err);
    }
  });
});

const SD_CONFIG = `scrape_configs:
  - job_name: fixed
    static_configs: [{targets: ['a:1', 'b:1'], labels: {x: 'y<z', __meta_q: w}}]
    params: {m: [a, b]}
    relabel_configs:
      - {source_labels: [x], target_label: xx}
      - {source_labels: [__address__], regex: 'b:1', action: drop}
      - {source_labels: [__meta_q], target_label: q}
  - job_name: files
    file_sd_configs: [{files: [targets.json]}]
    relabel_configs: [{source_labels: [k], target_label: kk}]
`;

/** Labels of histograms in discovered targets came with 3.x. */
function targetsOf(text: string): unknown {
  if (text === '') return '';
  const withoutNew = (labels: Record<string, string>) =>
    Object.fromEntries(Object.entries(labels).filter(([name]) => !name.includes('_histograms')));
  return (JSON.parse(text) as { discoveredLabels: Record<string, string>; labels: Record<string, string> }[]).map(
    (target) => [withoutNew(target.discoveredLabels), withoutNew(target.labels)],
  );
}

test('lints as upstream words them today', async () => {
  expect((await oursReading(METRICS, 'check', 'metrics')).err.trim().split('\n')).toEqual([
    "c:d_total metric names should not contain ':'",
    'c:d_total no help text',
    'dup metric not unique',
    'dup no help text',
    "fooBar label names should be written in 'snake_case' not 'camelCase'",
    "fooBar metric names should be written in 'snake_case' not 'camelCase'",
    'fooBar no help text',
    'g_total no help text',
    'g_total non-counter metrics should not have "_total" suffix',
    'h_ms metric names should not contain abbreviated units',
    'h_ms no help text',
    'x_kilobits no help text',
    'x_kilobits use base unit "bytes" instead of "kilobits"',
  ]);
});

test('check metrics with nothing to do says so', async () => {
  const { code, err } = await oursReading('', 'check', 'metrics', '--lint=none');
  expect([code, err.split('\n')[0]]).toEqual([1, 'error: at least one of --extended or linting must be enabled']);
});

/** Compared with promtool of d15adb9a. */
test.each([
  [['promql', 'format', 'sum(rate(a{b="c"}[5m]))by(x)'], 'sum by (x) (rate(a{b="c"}[5m]))'],
  [['promql', 'label-matchers', 'set', 'a + on(b) c', 'b', 'z'], 'a{b="z"} + on (b) c{b="z"}'],
  [['promql', 'label-matchers', 'set', '-t', '=~', 'up{job="a"}', 'job', 'x.*'], 'up{job=~"x.*"}'],
  [['promql', 'label-matchers', 'set', 'up', '__name__', 'new'], 'up{__name__="new"}'],
  [['promql', 'label-matchers', 'delete', 'rate(a{b="c",d="e"}[5m])', 'b'], 'rate(a{d="e"}[5m])'],
])('%j', async (args, out) => {
  expect(await ours('--experimental', ...args)).toEqual({ code: 0, out: `${out}\n`, err: '' });
});

test('editing PromQL wants --experimental', async () => {
  expect(await ours('promql', 'format', 'up')).toEqual({
    code: 1,
    out: '',
    err: 'This command is experimental and requires the --experimental flag to be set.\n',
  });
});

describe('with a server', () => {
  let running: Awaited<ReturnType<typeof startPrometheus>>;

  beforeAll(async () => {
    const configFile = join(directory, 'prometheus.yml');
    writeFileSync(configFile, 'global: {}\n');
    running = await startPrometheus({
      configFile,
      directory: join(directory, 'data'),
      listen: { host: '127.0.0.1', port: 0 },
      remoteWrite: { receiver: true },
      logger: silentLogger,
      version: 'test',
    });
  });

  afterAll(() => running?.stop());

  test.each(['prometheus.WriteRequest', 'io.prometheus.write.v2.Request'])('%s is pushed', async (message) => {
    const now = String(Date.now());
    const text = `# TYPE m_${message.length} gauge\nm_${message.length}{job="own",a="ü"} 1.5 ${now}\n`;
    const args = ['push', 'metrics', '--label=team=x', `--protobuf_message=${message}`, running.url];
    expect(await oursReading(text, ...args)).toEqual({
      code: 0,
      out: 'Parsing standard input\n  SUCCESS: metrics pushed to remote write.\n',
      err: '',
    });
    const query = ['query', 'instant', `--time=${Number(now) / 1000}`, running.url, `m_${message.length}`];
    expect((await ours(...query)).out).toContain(`m_${message.length}{a="ü", exported_job="own", team="x"} => 1.5 @[`);
  });

  test('what cannot be pushed is told, file by file', async () => {
    writeFileSync('good.prom', `# TYPE h histogram\nh_bucket{le="1"} 1 ${Date.now()}\n`);
    writeFileSync('bad.prom', 'x');
    expect(await ours('push', 'metrics', running.url, 'good.prom', 'bad.prom')).toEqual({
      code: 1,
      out: 'Parsing metrics file good.prom\n  SUCCESS: metrics file good.prom pushed to remote write.\nParsing metrics file bad.prom\n',
      err: '  FAILED: text format parsing error in line 1: unexpected end of input stream\n',
    });
    expect((await ours('push', 'metrics', '--remote-write.path=/foo', running.url, 'good.prom')).err).toMatch(
      /^ {2}FAILED: server returned HTTP status 404 Not Found: /,
    );
  });

  test('debug collects what Go serves into an archive', async () => {
    const profile = Buffer.from('1f8b0800000000000003030000000000000000000000', 'hex');
    const server = createServer((request, response) => {
      response.end(
        request.url?.includes('trace') ? 'trace' : request.url === '/metrics' ? 'a 1\n' : profile.subarray(0, 20),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const result = await ours('debug', 'all', url);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    expect([result.code, result.err]).toEqual([0, '']);
    const { readFileSync } = await import('node:fs');
    const archive = gunzipSync(readFileSync('debug.tar.gz')).toString('latin1');
    for (const name of ['cpu.pb', 'heap.pb', 'trace.pb', 'metrics.txt']) expect(archive).toContain(name);
    expect(archive).toContain('a 1\n');
  });
});
