import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Labels } from '@avalanche/model';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../../tests/support/services.ts';
import { Engine } from './engine.ts';
import { MemoryQueryable } from './memory-queryable.ts';
import { almostEqual } from './promqltest/almost.ts';

/**
 * The same queries over the same samples, here and in a real Prometheus. Debian's is 2.42, whose ranges are closed on
 * the left: all times here lie between samples, where closed and left-open ranges hold the same ones.
 */
const START_S = 1_700_000_000;
const RANGE = { startMs: (START_S + 1_207) * 1000, endMs: (START_S + 3_007) * 1000, stepMs: 120_000 };

const QUERIES = [
  'c_total',
  'rate(c_total[5m])',
  'increase(c_total[10m])',
  'irate(c_total[5m])',
  'delta(g[5m])',
  'idelta(g[5m])',
  'deriv(g[10m])',
  'predict_linear(g[10m], 600)',
  'changes(g[10m])',
  'resets(c_total[20m])',
  ...['avg', 'sum', 'min', 'max', 'count', 'stddev', 'stdvar', 'last', 'present'].map((f) => `${f}_over_time(g[7m])`),
  'quantile_over_time(0.3, g[9m])',
  'absent_over_time(g{job="none"}[5m])',
  'absent(g{job="none", x=~"y"})',
  ...['sum', 'avg', 'min', 'max', 'count', 'group', 'stddev', 'stdvar'].map((op) => `${op} by (job) (g)`),
  'sum without (instance) (rate(c_total[5m]))',
  'topk by (job) (2, g)',
  'bottomk(1, g)',
  'quantile by (job) (0.7, g)',
  'count_values("v", round(g, 20))',
  'g + on (job, instance) c_total',
  'g > 10',
  'g > bool 10',
  '10 < g',
  'g and on (job) c_total{instance="1"}',
  'g unless on (instance) c_total{instance="1"}',
  'g or c_total',
  'g / on (job) group_left sum by (job) (g)',
  'sum by (job) (g) * on (job) group_right g',
  'g % 7 ^ 2 atan2 3',
  '-g',
  'histogram_quantile(0.9, rate(h_bucket[5m]))',
  'histogram_quantile(0.5, sum by (le) (rate(h_bucket[5m])))',
  'label_replace(g, "x", "$1-$2", "instance", "(.)(.*)")',
  'label_join(g, "x", "/", "job", "instance")',
  'clamp(g, 5, 20)',
  'round(g, 0.3)',
  ...['abs', 'ceil', 'floor', 'exp', 'ln', 'log2', 'log10', 'sqrt', 'sgn', 'sin', 'tanh', 'deg'].map(
    (f) => `${f}(g / 9)`,
  ),
  'timestamp(g)',
  'scalar(g{job="a", instance="0"}) + 1',
  'vector(time())',
  ...['year', 'month', 'day_of_month', 'day_of_week', 'day_of_year', 'hour', 'minute', 'days_in_month'].map(
    (f) => `${f}(vector(time() * 7))`,
  ),
  'g offset 5m',
  `g @ ${START_S + 1000}`,
  'g @ end()',
  'max_over_time(rate(c_total[5m])[10m:45s])',
  'sum_over_time(g[10m:1m] offset 2m)',
];

function sampleLines(): { readonly openMetrics: string; readonly memory: MemoryQueryable } {
  const memory = new MemoryQueryable();
  const lines: string[] = [];
  const add = (name: string, labels: Record<string, string>, values: readonly number[]): void => {
    const set = Labels.from({ __name__: name, ...labels });
    values.forEach((value, i) => {
      const seconds = START_S + i * 15;
      memory.append(set, seconds * 1000, value);
      lines.push(`${String(set).replaceAll(', ', ',')} ${value} ${seconds}`);
    });
  };
  let seed = 42;
  const random = (): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    return seed / 0x7fffffff;
  };
  const times = Array.from({ length: 210 }, (_, i) => i);
  for (const job of ['a', 'b']) {
    for (const instance of ['0', '1', '2']) {
      let counter = 0;
      add(
        'c_total',
        { job, instance },
        times.map((i) => (counter = i % 77 === 76 ? 3 : counter + Math.floor(random() * 9))),
      );
      add(
        'g',
        { job, instance },
        times.map(() => Math.round(random() * 5000) / 100 - 10),
      );
    }
  }
  let total = 0;
  const grown = times.map(() => (total += Math.floor(random() * 20)));
  for (const [le, share] of [
    ['0.1', 0.2],
    ['0.5', 0.6],
    ['1', 0.9],
    ['+Inf', 1],
  ] as const) {
    add(
      'h_bucket',
      { le },
      grown.map((value) => Math.floor(value * share)),
    );
  }
  add('h_count', {}, grown);
  add('h_sum', {}, grown);
  lines.push('# EOF', '');
  return { openMetrics: lines.join('\n'), memory };
}

const present = ['prometheus', 'promtool'].every((tool) => {
  try {
    execFileSync(tool, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
});

/** Waits, for ten seconds at most, until a server answers 200: it has no other way to say that it is up. */
async function answers(url: string): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const status = await fetch(url).then(
      (response) => response.status,
      () => 0,
    );
    if (status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${url} does not answer`);
}

interface Answer {
  readonly data: { readonly result: { metric: Record<string, string>; values: [number, string][] }[] };
}

describe.skipIf(!present)('against the real Prometheus (skipped where prometheus or promtool is missing)', () => {
  const { openMetrics, memory } = sampleLines();
  const engine = new Engine();
  let folder = '';
  let server: ChildProcess | undefined;
  let url = '';

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'avalanche-promql-'));
    writeFileSync(join(folder, 'samples.txt'), openMetrics);
    writeFileSync(join(folder, 'prometheus.yml'), '{}\n');
    const data = join(folder, 'data');
    execFileSync('promtool', ['tsdb', 'create-blocks-from', 'openmetrics', join(folder, 'samples.txt'), data]);
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    server = spawn('prometheus', [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${data}`,
      '--storage.tsdb.retention.time=100y',
      `--web.listen-address=127.0.0.1:${port}`,
    ]);
    await answers(`${url}/-/ready`);
  });

  afterAll(async () => {
    if (server) {
      const ended = new Promise((resolve) => server?.once('exit', resolve));
      server.kill('SIGTERM');
      await ended;
    }
    rmSync(folder, { recursive: true, force: true });
  });

  test.each(QUERIES)('%s', async (query) => {
    const params = new URLSearchParams({
      query,
      start: String(RANGE.startMs / 1000),
      end: String(RANGE.endMs / 1000),
      step: String(RANGE.stepMs / 1000),
    });
    const answer = (await (
      await fetch(`${url}/api/v1/query_range`, { method: 'POST', body: params })
    ).json()) as Answer;
    const wanted = answer.data.result.map(({ metric, values }) => ({
      labels: Labels.from(metric).toString(),
      points: values.map(([t, v]) => [t * 1000, Number(v.replace('Inf', 'Infinity'))]),
    }));
    expect(wanted.length).toBeGreaterThan(0);
    const { series } = await engine.range(memory, query, RANGE);
    const got = series.map(({ labels, t, v, length }) => ({
      labels: labels.toString(),
      points: [...t.subarray(0, length)].map((time, i) => [time, v[i]]),
    }));
    expect(got.map(({ labels }) => labels)).toEqual(wanted.map(({ labels }) => labels));
    got.forEach(({ labels, points }, i) => {
      const different = points.findIndex(([t, v], p) => {
        const other = wanted[i].points[p];
        return !other || other[0] !== t || !almostEqual(other[1], v, 1e-12);
      });
      expect(different < 0 ? '' : `${labels}: ${points[different]} but ${wanted[i].points[different]}`).toBe('');
      expect(points.length).toBe(wanted[i].points.length);
    });
  });
});
