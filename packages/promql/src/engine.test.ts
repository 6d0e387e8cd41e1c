import { Labels, type SampleColumns } from '@avalanche/model';
import { describe, expect, test } from 'vitest';
import { Engine } from './engine.ts';
import { MemoryQueryable } from './memory-queryable.ts';
import type { QueryObserver, QueryReport } from './query-report.ts';
import type { Queryable } from './queryable.ts';

function store(series: number, samples: number): MemoryQueryable {
  const memory = new MemoryQueryable();
  for (let i = 0; i < series; i++) {
    const labels = Labels.from({ __name__: 'm_total', i: String(i).padStart(4, '0') });
    for (let s = 0; s < samples; s++) memory.append(labels, s * 15_000, s * (i + 1));
  }
  return memory;
}

const range = { startMs: 300_000, endMs: 600_000, stepMs: 60_000 };

describe('results', () => {
  const engine = new Engine();
  const memory = store(2, 100);

  test('a range query gives columns sorted by labels', async () => {
    const result = await engine.range(memory, 'rate(m_total[1m])', range);
    expect(result.series.map(({ labels }) => labels.toString())).toEqual(['{i="0000"}', '{i="0001"}']);
    expect([...result.series[1].t.subarray(0, 2)]).toEqual([300_000, 360_000]);
    expect(result.series[1].length).toBe(6);
    expect(result.series[0].v[0]).toBeCloseTo(1 / 15, 12);
    expect(result.stats.totalSamples).toBeGreaterThan(0);
  });

  test('a range vector of series that have nothing in the end lets others have their turn', async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const result = await engine.instant(store(60, 20), '(histogram_count(m_total))[5m:1ms]', 300_000);
    clearInterval(timer);
    expect(result).toMatchObject({ type: 'matrix', series: [] });
    expect(turns).toBeGreaterThan(2);
  });

  test('scalar, string and matrix results', async () => {
    expect(await engine.instant(memory, '1 + 1', 0)).toMatchObject({ type: 'scalar', value: 2 });
    expect(await engine.instant(memory, '"x"', 0)).toMatchObject({ type: 'string', value: 'x' });
    const raw = await engine.instant(memory, 'm_total[1m]', 60_000);
    expect(raw.type === 'matrix' && [...raw.series[0].t]).toEqual([15_000, 30_000, 45_000, 60_000]);
    await expect(engine.range(memory, 'm_total[1m]', range)).rejects.toThrow(
      'invalid expression type "range vector" for range query, must be Scalar or instant Vector',
    );
  });

  test('the increase of what falls all the time is that of each window alone', async () => {
    const gauge = new MemoryQueryable();
    for (let i = 0; i < 3_000; i++) gauge.append(Labels.from({ __name__: 'g_total' }), i * 1000, (i * 7919) % 1009);
    const query = 'increase(g_total[1000s])';
    const { series } = await engine.range(gauge, query, { startMs: 0, endMs: 3_100_000, stepMs: 1000 });
    for (const s of [500, 1_500, 2_900, 3_050]) {
      const alone = await engine.instant(gauge, query, s * 1000);
      const { t, v } = series[0];
      expect(alone.type === 'vector' && alone.samples[0].value / v[t.indexOf(s * 1000)]).toBeCloseTo(1, 12);
    }
  });

  test('a long chain of operators is evaluated', async () => {
    const sum = await engine.instant(memory, `1${'+1'.repeat(999)}`, 0);
    expect(sum).toMatchObject({ type: 'scalar', value: 1_000 });
    const { series } = await engine.range(memory, `m_total${' or m_total'.repeat(999)}`, range);
    expect(series.length).toBeGreaterThan(0);
  });

  test('a series is read once per selector, however many steps there are', async () => {
    let reads = 0;
    const counting: Queryable = {
      querier(min, max) {
        const querier = memory.querier(min, max);
        return {
          close: () => querier.close(),
          select: async (matchers) =>
            (await querier.select(matchers)).map(({ labels, ...rest }) => ({
              labels,
              read: (from, to, into) => {
                reads++;
                return rest.read(from, to, into);
              },
              readLatest: rest.readLatest,
            })),
        };
      },
    };
    await engine.range(counting, 'sum(rate(m_total[5m]))', range);
    expect(reads).toBe(2);
  });
});

describe('limits', () => {
  test('too many samples', async () => {
    const engine = new Engine({ maxSamples: 200 });
    await expect(engine.range(store(100, 10), 'm_total', range)).rejects.toMatchObject({
      errorType: 'execution',
      message: 'query processing would load too many samples into memory in query execution',
    });
    await expect(engine.instant(store(1, 1), 'count_over_time(m_total[10y:1s])', 0)).rejects.toThrow(
      'too many samples',
    );
  });

  test('what a chain of operators has done with is held no longer', async () => {
    const memory = store(10, 100);
    const ofOne = async (query: string) => (await new Engine().range(memory, query, range)).stats.peakSamples;
    expect(await ofOne('m_total + m_total')).toBe(120);
    expect(await ofOne(Array.from({ length: 30 }, (_, i) => `m_total * ${i}`).join(' + '))).toBe(240);
    // One more operand each time: 10, 20, … 100 series, and the last result beside what it is made of.
    const apart = Array.from({ length: 10 }, (_, i) => `label_replace(m_total, "x", "${i}", "", "")`);
    expect(await ofOne(apart.join(' or '))).toBe(60 * (1 + 9 + 10));
    // What stands there twice is held to the end.
    expect(await ofOne('(m_total + 1) + m_total + m_total')).toBe(60 * 3);
  });

  test('tables that are large though there is little in them', async () => {
    const engine = new Engine({ maxSamples: 10_000 });
    const memory = store(3, 1_100);
    const window = { startMs: 0, endMs: 16_500_000, stepMs: 15_000 };
    await expect(engine.range(memory, 'count_values("v", m_total)', window)).rejects.toThrow('too many samples');
    await expect(engine.range(memory, 'topk(1e6, m_total)', window)).resolves.toBeDefined();
  });

  test('timeout and cancellation', async () => {
    const engine = new Engine();
    const memory = store(400, 400);
    const long = 'sum(deriv(m_total[1h:1s]))';
    const window = { startMs: 0, endMs: 6_000_000, stepMs: 15_000 };
    await expect(engine.range(memory, long, window, { timeoutMs: 20 })).rejects.toMatchObject({
      errorType: 'timeout',
      message: 'query timed out in expression evaluation',
    });
    const controller = new AbortController();
    const running = engine.range(memory, long, window, { signal: controller.signal });
    setTimeout(() => controller.abort(), 10);
    await expect(running).rejects.toMatchObject({ errorType: 'canceled' });
  });

  test('the event loop goes on while a query runs', async () => {
    const engine = new Engine({ experimental: true });
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    await engine.range(store(300, 200), 'sum(mad_over_time(m_total[20m]))', {
      startMs: 0,
      endMs: 3_000_000,
      stepMs: 15_000,
    });
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(2);
  });

  test('many buckets are grouped with pauses', async () => {
    const read = (_from: number, _to: number, into: SampleColumns): number => {
      into.push(0, 1);
      return 1;
    };
    const series = Array.from({ length: 80_000 }, (_, i) => {
      return { labels: Labels.from({ __name__: 'b_bucket', i: `${i >> 3}`, le: `${i & 7}` }), read, readLatest: read };
    });
    const storage: Queryable = { querier: () => ({ select: async () => series, close() {} }) };
    const shares: number[] = [];
    for (let i = 0; i < 3; i++) {
      const begin = performance.now();
      let [last, longest] = [begin, 0];
      const timer = setInterval(() => {
        longest = Math.max(longest, performance.now() - last);
        last = performance.now();
      }, 1);
      await new Engine().instant(storage, 'histogram_quantile(0.5, b_bucket)', 1000);
      clearInterval(timer);
      longest = Math.max(longest, performance.now() - last);
      shares.push(longest / (performance.now() - begin));
    }
    expect(Math.min(...shares)).toBeLessThan(0.35);
  });

  test('queries beyond the concurrency wait, and time out while waiting', async () => {
    const engine = new Engine({ maxConcurrency: 1 });
    let open: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const slow: Queryable = { querier: () => ({ select: () => gate.then(() => []), close() {} }) };
    const first = engine.instant(slow, 'a', 0);
    await expect(engine.instant(slow, '1', 0, { timeoutMs: 5 })).rejects.toThrow('query timed out in query queue');
    const second = engine.instant(slow, '1', 0);
    open();
    expect((await first).type).toBe('vector');
    expect((await second).type).toBe('scalar');
  });
});

describe('what a query has opened is closed', () => {
  test('though it fails while an argument is still waiting for storage', async () => {
    let [opened, closed] = [0, 0];
    const storage: Queryable = {
      querier: () => {
        opened++;
        return {
          select: async ([{ value }]) => {
            if (value === 'bad') throw new Error('damaged');
            await new Promise((resolve) => setTimeout(resolve, 2));
            return [];
          },
          close: () => closed++,
        };
      },
    };
    const query = 'clamp(vector(1), scalar(bad), scalar(slow + slow + slow))';
    await expect(new Engine().instant(storage, query, 0)).rejects.toThrow('damaged');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(closed).toBe(opened);
  });

  test('though storage gives no view', async () => {
    let running = 0;
    const observer: QueryObserver = {
      started: () => {
        running++;
        return () => running--;
      },
      ended: () => {},
    };
    const closed: Queryable = {
      querier: () => ({ select: async () => [], close() {} }),
      view: () => {
        throw new Error('closed');
      },
    };
    await expect(new Engine({ observer }).instant(closed, '1', 0)).rejects.toThrow('closed');
    expect(running).toBe(0);
  });
});

describe('an observer', () => {
  test('is told of each query: its slot, its cost, its end', async () => {
    const events: string[] = [];
    const reports: QueryReport[] = [];
    const observer: QueryObserver = {
      started(text) {
        events.push(`started ${text}`);
        return () => events.push(`left ${text}`);
      },
      ended: (report) => reports.push(report),
    };
    const engine = new Engine({ observer, maxConcurrency: 1 });
    const memory = store(3, 40);
    const both = [
      engine.range(memory, 'm_total', range, { origin: { who: 'me' } }),
      engine.instant(memory, 'm_total + on () m_total', 30_000),
    ];
    expect(engine.queries).toBe(2);
    await Promise.allSettled(both);
    expect(engine.queries).toBe(0);
    expect(events).toEqual([
      'started m_total',
      'left m_total',
      'started m_total + on () m_total',
      'left m_total + on () m_total',
    ]);
    expect(reports[0]).toMatchObject({ text: 'm_total', ...range, error: null, origin: { who: 'me' } });
    expect(reports[1]).toMatchObject({ startMs: 30_000, endMs: 30_000, stepMs: 0, origin: {} });
    expect(reports[1].error).toMatchObject({ errorType: 'execution' });
    const { stats } = reports[1];
    expect(stats.queueMs).toBeGreaterThan(0);
    expect(stats.totalMs).toBeCloseTo(stats.queueMs + stats.evalMs, 6);
    expect(stats.evalMs).toBeCloseTo(stats.preparationMs + stats.innerEvalMs + stats.resultSortMs, 6);
  });

  test('sees what never got a slot, but no parse error', async () => {
    const reports: QueryReport[] = [];
    const engine = new Engine({ observer: { started: () => () => {}, ended: (report) => reports.push(report) } });
    await expect(engine.instant(store(1, 1), 'm_total', 0, { timeoutMs: 0 })).rejects.toThrow(
      'query timed out in query execution',
    );
    await expect(engine.instant(store(1, 1), 'm_total{', 0)).rejects.toThrow('parse error');
    await expect(engine.instant(store(1, 1), 'm_total', 0, { signal: AbortSignal.abort() })).rejects.toThrow(
      'query was canceled in query queue',
    );
    expect(reports.map(({ stats }) => stats.peakSamples)).toEqual([0, 0]);
  });
});

test('names are dropped at once unless delayed name removal is on', async () => {
  const memory = store(1, 10);
  const query = 'label_replace(rate(m_total[1m]), "__name__", "r_$1", "__name__", "(.+)")';
  const labels = async (engine: Engine): Promise<string> => {
    const result = await engine.instant(memory, query, 60_000);
    return result.type === 'vector' ? result.samples[0].labels.toString() : result.type;
  };
  expect(await labels(new Engine())).toBe('{i="0000"}');
  expect(await labels(new Engine({ delayedNameRemoval: true }))).toBe('r_m_total{i="0000"}');
});

describe('samples are counted as upstream counts them', () => {
  const memory = store(2, 41);

  /** `total` of a range query with the steps 300 s … 600 s, and of each step. */
  async function counts(query: string) {
    const { stats } = await new Engine({ experimental: true }).range(memory, query, range, { perStepStats: true });
    return [stats.totalSamples, ...(stats.perStep?.totalSamples ?? [])];
  }

  test.each([
    ['1', [0, 0, 0, 0, 0, 0, 0]],
    ['m_total', [12, 2, 2, 2, 2, 2, 2]],
    ['m_total + m_total', [24, 4, 4, 4, 4, 4, 4]],
    ['sum(m_total) / on () group(m_total)', [24, 4, 4, 4, 4, 4, 4]],
    ['m_total offset 10m', [2, 0, 0, 0, 0, 0, 2]],
    ['rate(m_total[1m])', [48, 8, 8, 8, 8, 8, 8]],
    ['rate(m_total[5m])', [240, 40, 40, 40, 40, 40, 40]],
    ['deriv(m_total[5m])', [240, 40, 40, 40, 40, 40, 40]],
    ['m_total @ 300', [12, 2, 2, 2, 2, 2, 2]],
    ['rate(m_total[1m] @ 300) + m_total', [60, 10, 10, 10, 10, 10, 10]],
    ['max_over_time(m_total[2m:30s])', [48, 8, 8, 8, 8, 8, 8]],
    ['timestamp(m_total)', [12, 2, 2, 2, 2, 2, 2]],
    ['topk(1, m_total)', [12, 2, 2, 2, 2, 2, 2]],
  ])('%s', async (query, expected) => {
    expect(await counts(query)).toEqual(expected);
  });

  test('instant queries', async () => {
    const total = async (query: string) => {
      const { stats } = await new Engine().instant(memory, query, 300_000, { perStepStats: true });
      return [stats.totalSamples, ...(stats.perStep?.totalSamples ?? [])];
    };
    expect(await total('m_total')).toEqual([2, 2]);
    expect(await total('m_total[1m]')).toEqual([8, 8]);
    expect(await total('sum_over_time(m_total[1m])')).toEqual([8, 8]);
    expect((await new Engine().instant(memory, 'm_total', 0)).stats.perStep).toBeNull();
  });

  test('samples read are those decoded', async () => {
    const { stats } = await new Engine().range(memory, 'rate(m_total[5m])', range);
    expect(stats.samplesRead).toBe(2 * 40);
    expect(stats.perStep).toBeNull();
  });
});
