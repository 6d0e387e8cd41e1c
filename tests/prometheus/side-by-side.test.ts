/**
 * Debian's Prometheus and ours scrape the same targets, and have the same series, the same number of samples (±1) and
 * the same `up` and the same alerts. Ten minutes: `SIDE_BY_SIDE_SECONDS=600 npx vitest run tests/prometheus/side-by-side`
 */
import { createServer, type Server, type ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type BothPrometheus, hasBoth, startBothPrometheus } from '../support/both-prometheus.ts';

const SECONDS = Number(process.env.SIDE_BY_SIDE_SECONDS ?? 20);
/**
 * Prometheus looks at its targets five seconds after the start and spreads them over a second; alerts that wait for three
 * seconds fire some evaluations later.
 */
const WARM_UP_MS = 14_000;
const TEXT = 'text/plain; version=0.0.4';
const OPENMETRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

type Answer = (response: ServerResponse, half: 1 | 2) => void;
const text =
  (body: (half: 1 | 2) => string, type = TEXT): Answer =>
  (response, half) =>
    response.writeHead(200, { 'content-type': type }).end(body(half));

const many = (count: number) =>
  Array.from({ length: count }, (_, i) => `many{i="${i}",text="a \\"b\\" \\\\ \\n"} ${Math.random()}\n`).join('');

/** By path; in the second half of the time some answer otherwise. */
const TARGETS: Readonly<Record<string, Answer>> = {
  plain: text(() => `# TYPE c counter\nc{a="b"} ${Date.now()}\n# HELP g what\n# TYPE g gauge\ng NaN\nx +Inf\n`),
  many: text(() => many(500)),
  gzip: (response) =>
    response.writeHead(200, { 'content-type': TEXT, 'content-encoding': 'gzip' }).end(gzipSync(many(200))),
  openmetrics: text(
    () => '# TYPE h histogram\nh_bucket{le="0.5"} 1 # {trace_id="x"} 0.1\nh_bucket{le="+Inf"} 2\nh_count 2\n# EOF\n',
    OPENMETRICS,
  ),
  vanishes: text((half) => (half === 1 ? 'stays 1\ngoes 1\n' : 'stays 1\ncomes 1\n')),
  dies: (response, half) => (half === 1 ? text(() => 'alive 1\n')(response, half) : response.destroy()),
  fails: (response, half) => (half === 1 ? response.writeHead(500).end() : text(() => 'alive 1\n')(response, half)),
  broken: text(() => 'ok 1\nbroken\n'),
  twice: text(() => 'a 1\na 2\nb 1\n'),
  limited: text(() => many(50)),
  honoured: text(() => 'own{job="mine",instance="here",other=""} 1\n'),
  displaced: text(() => 'own{job="mine",instance="here"} 1\n'),
  relabelled: text(() => 'keep_me{x="1",y="2"} 1\ndrop_me 1\n'),
  slow: () => {},
  timed: text(() => `at 1 ${Date.now()}\n`),
};

const RULES = `groups:
- name: states
  rules:
  - {record: 'job:up:sum', expr: 'sum by (job) (up)'}
  - {alert: Down, expr: 'up == 0', labels: {severity: critical}, annotations: {summary: '{{ $labels.instance }} of {{ $labels.job }}: {{ $value }}'}}
  - {alert: DownForLong, expr: 'up == 0', for: 3s, keep_firing_for: 2s}
  - {alert: DownForever, expr: 'up == 0', for: 1h}
  - {alert: Vanished, expr: 'absent(goes)', labels: {was: '{{ $labels.job }}x'}}
  - {alert: Never, expr: 'up > 1'}
`;

const TARGET_COUNT = Object.keys(TARGETS).length;

const JOBS: Readonly<Record<string, object>> = {
  limited: { sample_limit: 10 },
  honoured: { honor_labels: true },
  slow: { scrape_timeout: '200ms' },
  timed: { honor_timestamps: false },
  relabelled: {
    metric_relabel_configs: [
      { action: 'drop', source_labels: ['__name__'], regex: 'drop_.*' },
      { action: 'labeldrop', regex: 'y' },
      { source_labels: ['x'], target_label: 'z', replacement: 'was-$1' },
      { action: 'hashmod', source_labels: ['x'], target_label: 'shard', modulus: 7 },
    ],
  },
};

describe.skipIf(!hasBoth)('side by side (needs prometheus)', () => {
  let server: Server;
  let both: BothPrometheus;
  let half: 1 | 2 = 1;

  beforeAll(
    async () => {
      server = createServer((request, response) => TARGETS[(request.url ?? '').slice(1)](response, half));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as { port: number };
      both = await startBothPrometheus({
        openmetrics: 'unused 1 1700000000\n',
        exposition: '',
        rules: RULES,
        config: ({ dead }) => ({
          global: { scrape_interval: '1s', evaluation_interval: '1s' },
          rule_files: ['rules.yml'],
          scrape_configs: [
            ...Object.keys(TARGETS).map((name) => ({
              job_name: name,
              metrics_path: `/${name}`,
              static_configs: [{ targets: [`127.0.0.1:${port}`], labels: { site: 'lab' } }],
              ...JOBS[name],
            })),
            { job_name: 'dead', static_configs: [{ targets: [dead] }] },
          ],
        }),
      });
      await sleep(WARM_UP_MS);
      const begin = Date.now();
      await sleep(SECONDS * 500);
      half = 2;
      await sleep(SECONDS * 500);
      rangeSeconds = Math.floor((Date.now() - begin) / 1000);
      end = Date.now() / 1000;
      await sleep(1500);
    },
    (SECONDS + 60) * 1000,
  );
  afterAll(async () => {
    await both?.stop();
    server?.closeAllConnections();
    await new Promise((resolve) => server?.close(resolve));
  });

  let rangeSeconds = 0;
  let end = 0;

  /** By labels. */
  async function ask(url: string, query: string): Promise<Map<string, number>> {
    const parameters = new URLSearchParams({ query, time: String(end) });
    const response = await fetch(`${url}/api/v1/query?${parameters}`);
    const { data } = (await response.json()) as {
      data: { result: { metric: Record<string, string>; value: [number, string] }[] };
    };
    return new Map(
      data.result.map(({ metric, value }) => [JSON.stringify(Object.entries(metric).sort()), Number(value[1])]),
    );
  }

  async function expectNear(query: string, difference: number, seriesMin = TARGET_COUNT): Promise<void> {
    const [theirs, ours] = [await ask(both.theirs, query), await ask(both.ours, query)];
    expect([...ours.keys()].sort()).toEqual([...theirs.keys()].sort());
    expect(theirs.size).toBeGreaterThanOrEqual(seriesMin);
    const apart = [...theirs].filter(([key, value]) => Math.abs((ours.get(key) as number) - value) > difference);
    expect(apart.map(([key, value]) => [key, value, ours.get(key)])).toEqual([]);
  }

  test('the same series have the same number of samples', async () => {
    await expectNear(`count by (__name__, job) (last_over_time({job!=""}[${rangeSeconds}s]))`, 0);
    const names = [...(await ask(both.theirs, 'count by (__name__) ({job!=""})')).keys()];
    expect(names.length).toBeGreaterThan(10);
    for (const [[, name]] of names.map((key) => JSON.parse(key) as [[string, string]])) {
      await expectNear(`count_over_time(${name}{job!=""}[${rangeSeconds}s])`, 1, 1);
    }
  });

  test('the same targets are up for as long', async () => {
    await expectNear(`sum_over_time(up[${rangeSeconds}s])`, 1);
    await expectNear('up', 0);
  });

  test('the same series are there at the end: what has vanished is not', async () => {
    await expectNear('count by (__name__, job) ({job!=""})', 0);
    await expectNear('scrape_samples_scraped', 0);
    await expectNear('scrape_samples_post_metric_relabeling', 0);
    await expectNear(`sum_over_time(scrape_series_added[${rangeSeconds}s])`, 0);
  });

  test('the same alerts are in the same states, and were for as long', async () => {
    // Both evaluate on a beat of their own.
    await expectNear(`count_over_time(ALERTS[${rangeSeconds}s])`, 3, 4);
    await expectNear('ALERTS', 0, 4);
    const alertsOf = async (url: string) => {
      const { data } = (await (await fetch(`${url}/api/v1/alerts`)).json()) as { data: { alerts: Alert[] } };
      return data.alerts.map(({ labels, annotations, state, value }) =>
        JSON.stringify([Object.entries(labels).sort(), annotations, state, value]),
      );
    };
    const [theirs, ours] = [await alertsOf(both.theirs), await alertsOf(both.ours)];
    expect(ours.sort()).toEqual(theirs.sort());
    expect(theirs.length).toBeGreaterThanOrEqual(4);
  });
});

interface Alert {
  readonly labels: Record<string, string>;
  readonly annotations: Record<string, string>;
  readonly state: string;
  readonly value: string;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
