import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Counter, Gauge, Histogram, Registry, Summary } from 'prom-client';
import { describe, expect, test } from 'vitest';
import { setExemplar } from './exemplars.ts';
import { limitSeries, overflowCounter } from './limit.ts';
import { renderMetrics } from './render.ts';

const common = (registry: Registry, labelNames: readonly string[] = ['a', 'b']) => ({
  help: 'x',
  labelNames,
  registers: [registry],
});

async function linesOf(registry: Registry, name: string): Promise<string[]> {
  return (await renderMetrics(registry)).split('\n').filter((line) => line.startsWith(name));
}

describe('a limited metric', () => {
  test('counts as prom-client does, whatever the order of the labels, with numbers and texts', async () => {
    const registry = new Registry();
    const counter = limitSeries(new Counter({ name: 'c_total', ...common(registry) }));
    for (let i = 0; i < 3; i++) {
      counter.inc({ a: 'x', b: 200 });
      counter.inc({ b: '200', a: 'x' }, 2);
      counter.labels('x', '200').inc(3);
      counter.labels({ a: 'x', b: '200' }).inc(0.5);
    }
    expect(await linesOf(registry, 'c_total')).toEqual(['c_total{a="x",b="200"} 19.5']);
  });

  test.each([
    [{ a: 'x', b: 'y', c: 'z' }, 1, 'label "c" is not included'],
    [{ a: 'x', b: 'y' }, -1, 'not possible to decrease'],
    [{ a: 'x', b: 'y' }, Number.NaN, undefined],
    [{ a: 'x', b: 'y' }, Infinity, 'not a valid number'],
    [{ a: 'x', b: 'y' }, 'five' as never, 'not a valid number'],
  ])('refuses %j %s as prom-client does, seen before or not', (labels, value, reason) => {
    const limited = limitSeries(new Counter({ name: 'c_total', ...common(new Registry()) }));
    const bare = new Counter({ name: 'c_total', ...common(new Registry()) });
    for (const seen of [false, true]) {
      if (seen) for (const counter of [limited, bare]) counter.inc({ a: 'x', b: 'y' });
      for (const counter of [limited, bare]) {
        const inc = () => counter.inc(labels as { a: string; b: string }, value);
        if (reason === undefined) expect(inc).not.toThrow();
        else expect(inc).toThrow(reason);
      }
    }
  });

  test('gauges and histograms, with a label left out, without labels, after remove and reset', async () => {
    const [limited, bare] = [new Registry(), new Registry()];
    for (const registry of [limited, bare]) {
      const limit = registry === limited ? limitSeries : <M>(metric: M) => metric;
      const gauge = limit(new Gauge({ name: 'g', ...common(registry) }));
      const alone = limit(new Gauge({ name: 'alone', ...common(registry, []) }));
      const histogram = limit(new Histogram({ name: 'h', ...common(registry), buckets: [1, 2] }));
      for (let i = 0; i < 3; i++) {
        gauge.set({ a: 'x', b: 'y' }, i);
        gauge.inc({ a: 'x', b: 'y' });
        gauge.dec({ a: 'x', b: 'y' }, 3);
        gauge.inc({ a: 'x' });
        alone.set(i);
        alone.inc();
        for (const value of [0.5, 1, 1.5, 9, -1]) histogram.observe({ a: 'x', b: 'y' }, value);
      }
      gauge.remove({ a: 'x', b: 'y' });
      gauge.inc({ a: 'x', b: 'y' });
      histogram.reset();
      histogram.observe({ a: 'x', b: 'y' }, 2);
    }
    expect(await limited.metrics()).toBe(await bare.metrics());
  });

  test('has no more series than it may; what is too much is counted, and overflows is told', async () => {
    const registry = new Registry();
    const overflows = overflowCounter(registry);
    const counter = limitSeries(new Counter({ name: 'c_total', ...common(registry) }), { maxSeries: 3, overflows });
    for (let i = 0; i < 10; i++) counter.inc({ a: 'x', b: String(i) });
    counter.inc({ a: 'x', b: '1' });
    expect(await linesOf(registry, 'c_total')).toEqual([
      'c_total{a="x",b="0"} 1',
      'c_total{a="x",b="1"} 2',
      'c_total{a="x",b="2"} 1',
      'c_total{a="__overflow__",b="__overflow__"} 7',
    ]);
    expect(await linesOf(registry, 'metrics_series_overflow_total')).toEqual([
      'metrics_series_overflow_total{metric="c_total"} 7',
    ]);
  });

  test('lets series go that were not used for long, and none that were', async () => {
    const registry = new Registry();
    let now = 0;
    const limits = { expireAfterMs: 60_000, maxSeries: 2, now: () => now };
    const counter = limitSeries(new Counter({ name: 'c_total', ...common(registry) }), limits);
    const scrapeAt = async (seconds: number): Promise<string[]> => {
      now = seconds * 1000;
      return linesOf(registry, 'c_total');
    };
    counter.inc({ a: 'old', b: '' });
    counter.inc({ a: 'used', b: '' });
    expect(await scrapeAt(10)).toHaveLength(2);
    counter.inc({ a: 'used', b: '' });
    expect(await scrapeAt(65)).toHaveLength(2);
    counter.inc({ a: 'used', b: '' });
    expect(await scrapeAt(75)).toEqual(['c_total{a="used",b=""} 3']);
    counter.inc({ a: 'new', b: '' }); // there is room again
    expect(await scrapeAt(80)).toEqual(['c_total{a="used",b=""} 3', 'c_total{a="new",b=""} 1']);
    expect(await registry.metrics()).toContain('c_total{a="used",b=""} 3');
  });
});

describe('rendering', () => {
  test('gives what prom-client gives', async () => {
    const registry = new Registry();
    const counter = new Counter({ name: 'c_total', ...common(registry) });
    counter.inc({ a: 'quo"te', b: 'line\nfeed\\' }, 1.5);
    new Gauge({ name: 'g', ...common(registry, []) }).set(-3e-7);
    new Gauge({
      name: 'collected',
      ...common(registry, []),
      collect() {
        this.set(7);
      },
    });
    const histogram = new Histogram({ name: 'h', ...common(registry), buckets: [0.5, 1] });
    histogram.observe({ a: 'x', b: 'y' }, 0.7);
    new Summary({ name: 's', ...common(registry), percentiles: [0.5] }).observe({ a: 'x', b: 'y' }, 4);
    registry.setDefaultLabels({ region: 'eu' });
    const sorted = (text: string) =>
      text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) =>
          line.replace(
            /{(.*)}/,
            (_, labels: string) =>
              `{${labels
                .split(/,(?=[a-z]+=)/)
                .sort()
                .join(',')}}`,
          ),
        );
    expect(sorted(await renderMetrics(registry))).toEqual(sorted(await registry.metrics()));
  });

  test('writes numbers that are not finite as Prometheus does', async () => {
    const registry = new Registry();
    const gauge = new Gauge({ name: 'g', ...common(registry, ['a']) });
    for (const value of [Number.NaN, Infinity, -Infinity]) gauge.set({ a: String(value) }, value);
    expect(await linesOf(registry, 'g')).toEqual(['g{a="NaN"} NaN', 'g{a="Infinity"} +Inf', 'g{a="-Infinity"} -Inf']);
  });

  test('shows exemplars to whoever asks for OpenMetrics', async () => {
    const registry = new Registry();
    const counter = new Counter({ name: 'runs_total', ...common(registry, ['kind']) });
    const histogram = new Histogram({ name: 'h', ...common(registry, []), buckets: [1, 10] });
    counter.inc({ kind: 'x' });
    setExemplar(counter, { kind: 'x' }, { labels: { run_id: 'r1' }, value: 1, at: 1_700_000_000_500 });
    for (const value of [0.5, 5, 50]) {
      histogram.observe(value);
      setExemplar(histogram, {}, { labels: { run_id: `r${value}` }, value, at: 1_700_000_000_000 });
    }
    setExemplar(counter, { kind: 'x' }, { labels: { run_id: 'long'.repeat(40) }, value: 1, at: 1 });
    const text = await renderMetrics(registry, 'openmetrics');
    expect(text.split('\n')).toEqual([
      '# HELP runs x',
      '# TYPE runs counter',
      'runs_total{kind="x"} 1 # {run_id="r1"} 1 1700000000.5',
      '# HELP h x',
      '# TYPE h histogram',
      'h_bucket{le="1"} 1 # {run_id="r0.5"} 0.5 1700000000',
      'h_bucket{le="10"} 2 # {run_id="r5"} 5 1700000000',
      'h_bucket{le="+Inf"} 3 # {run_id="r50"} 50 1700000000',
      'h_sum 55.5',
      'h_count 3',
      '# EOF',
      '',
    ]);
    expect(await renderMetrics(registry)).not.toContain('run_id');
  });
});

describe('a limited metric keeps nothing for ever', () => {
  const liveBytes = (): number => {
    setFlagsFromString('--expose-gc');
    (runInNewContext('gc') as () => void)();
    return process.memoryUsage().heapUsed;
  };

  test('of series that come and go', () => {
    const gauge = limitSeries(new Gauge({ name: 'g', ...common(new Registry()) }));
    const round = (from: number): void => {
      for (let i = from; i < from + 100_000; i++) {
        gauge.set({ a: 'x', b: `run ${i}` }, i);
        gauge.remove({ a: 'x', b: `run ${i}` });
      }
    };
    round(0);
    const before = liveBytes();
    round(100_000);
    // a cell each would be over 10 MB
    expect(liveBytes() - before).toBeLessThan(5e6);
    gauge.set({ a: 'x', b: 'run 5' }, 1);
    expect(Object.keys((gauge as unknown as { hashMap: object }).hashMap)).toHaveLength(1);
  });

  test.each([null, true, { toString: () => 'object' }, ['x']])(
    'of a label that is %j, which counts as prom-client has it',
    async (b) => {
      const [limited, bare] = [new Registry(), new Registry()];
      for (const registry of [limited, bare]) {
        const counter = new Counter({ name: 'c_total', ...common(registry) });
        if (registry === limited) limitSeries(counter);
        for (let i = 0; i < 3; i++) counter.inc({ a: 'x', b: b as never });
      }
      expect(await limited.metrics()).toBe(await bare.metrics());
    },
  );
});

describe('limits hold for all ways to count', () => {
  test('a histogram by labels(), its timer, and after remove', async () => {
    const registry = new Registry();
    const histogram = limitSeries(new Histogram({ name: 'h', ...common(registry), buckets: [1] }), { maxSeries: 2 });
    for (let i = 0; i < 5; i++) histogram.labels('x', String(i)).observe(0.5);
    histogram.labels({ a: 'x', b: '9' }).observe(0.5);
    histogram.startTimer({ a: 'y' })({ b: 'z' });
    const counts = () => linesOf(registry, 'h_count');
    expect(await counts()).toEqual([
      'h_count{a="x",b="0"} 1',
      'h_count{a="x",b="1"} 1',
      'h_count{a="__overflow__",b="__overflow__"} 5',
    ]);
    histogram.remove({ a: 'x', b: '0' });
    histogram.remove({ a: '__overflow__', b: '__overflow__' });
    histogram.labels('new', 'one').observe(2);
    expect(await counts()).toEqual(['h_count{a="x",b="1"} 1', 'h_count{a="new",b="one"} 1']);
    expect(() => histogram.labels('x', 'y').observe('slow' as never)).toThrow('not a valid number');
  });

  test('prom-client’s own exemplars', async () => {
    const registry = new Registry();
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never);
    const counter = limitSeries(new Counter({ name: 'c_total', ...common(registry, ['a']), enableExemplars: true }), {
      maxSeries: 2,
    });
    const histogram = limitSeries(
      new Histogram({ name: 'h', ...common(registry, []), buckets: [1], enableExemplars: true }),
    );
    for (const a of ['x', 'y', 'z', 'x']) counter.inc({ labels: { a }, value: 2, exemplarLabels: { trace: a } });
    for (const value of [0.5, 3]) histogram.observe({ value, exemplarLabels: { trace: `t${value}` } });
    const text = (await renderMetrics(registry, 'openmetrics')).replace(/ \d{10}\.?\d*$/gm, ' AT');
    expect(text.split('\n').filter((line) => !line.startsWith('#'))).toEqual([
      'c_total{a="x"} 4 # {trace="x"} 2 AT',
      'c_total{a="y"} 2 # {trace="y"} 2 AT',
      'c_total{a="__overflow__"} 2 # {trace="z"} 2 AT',
      'h_bucket{le="1"} 1 # {trace="t0.5"} 0.5 AT',
      'h_bucket{le="+Inf"} 2 # {trace="t3"} 3 AT',
      'h_sum 3.5',
      'h_count 2',
      '',
    ]);
  });
});

describe('rendering', () => {
  test('metrics that are made up when they are asked, and those that were cleared and made anew', async () => {
    const registry = new Registry();
    const made = new Gauge({ name: 'made', help: 'x', registers: [registry] });
    Object.assign(made, { get: async () => ({ values: [{ value: 7, labels: {} }] }) });
    class Twice extends Gauge {
      override async get() {
        const all = await super.get();
        return { ...all, values: all.values.map((one) => ({ ...one, value: one.value * 2 })) };
      }
    }
    new Twice({ name: 'twice', help: 'x', registers: [registry] }).set(4);
    new Gauge({
      name: 'late',
      help: 'x',
      registers: [registry],
      async collect() {
        await Promise.resolve();
        this.set(3);
      },
    });
    expect((await renderMetrics(registry)).split('\n').filter((line) => /^[a-z]/.test(line))).toEqual([
      'made 7',
      'twice 8',
      'late 3',
    ]);
    registry.clear();
    limitSeries(new Counter({ name: 'made', help: 'x', registers: [registry] })).inc(2);
    expect(await linesOf(registry, 'made')).toEqual(['made 2']);
  });

  test('a registry that prom-client has written as OpenMetrics', async () => {
    const registry = new Registry();
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never);
    new Counter({ name: 'c_total', ...common(registry, ['a']) }).inc({ a: 'x' });
    const lines = async () => (await renderMetrics(registry, 'openmetrics')).split('\n').slice(1);
    const before = await lines();
    await registry.metrics();
    expect(await lines()).toEqual(before);
    expect(before).toContain('c_total{a="x"} 1');
  });
});

test('a series whose labels are no texts expires as others do', async () => {
  let now = 0;
  const registry = new Registry();
  const counter = limitSeries(new Counter({ name: 'c_total', ...common(registry) }), {
    expireAfterMs: 100,
    now: () => now,
  });
  counter.inc({ a: 'x' });
  counter.inc({ a: 'x', b: true as never });
  await registry.metrics();
  now = 60;
  counter.inc({ a: 'x' });
  for (now of [90, 150, 155]) await registry.metrics();
  expect(await linesOf(registry, 'c_total')).toEqual(['c_total{a="x"} 2']);
});
