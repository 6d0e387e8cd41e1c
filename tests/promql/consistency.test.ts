// Random queries of the whole language over random data: nothing crashes, and each step of a range query is what an instant
// query says at that time.
import { Labels } from '@avalanche/model';
import { Engine, type InstantResult, MemoryQueryable, PromQLError } from '@avalanche/promql';
import { expect, test } from 'vitest';
import { QueryMaker, Random, type Vocabulary } from '../support/random-query.ts';

const COUNT = Number(process.env.CONSISTENCY_QUERIES ?? 300);
const SEED = Number(process.env.CONSISTENCY_SEED ?? 1);
/** Steps larger and smaller than the sample interval, one alone, before the epoch and beyond the data. */
const WINDOWS = [
  { startMs: 900_000, endMs: 2_400_000, stepMs: 75_000 },
  { startMs: 1_200_000, endMs: 1_290_000, stepMs: 3_000 },
  { startMs: 1_500_000, endMs: 1_500_000, stepMs: 60_000 },
  { startMs: -600_000, endMs: 600_000, stepMs: 40_000 },
  { startMs: 2_400_000, endMs: 6_000_000, stepMs: 610_000 },
];

const WORDS: Vocabulary = {
  gauges: ['g', 'g{job="a"}', 'gaps', '{__name__=~"g|gaps"}', 'strange', 'none'],
  counters: ['c_total', 'resetting_total'],
  buckets: ['h_bucket'],
  times: [1000, 1800],
  modern: true,
};

const SPECIAL = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0, 1e308, 5e-324, null];

/** Samples on and off the times of evaluation, gaps, staleness markers and every special number. */
function randomStore(random: Random): MemoryQueryable {
  const store = new MemoryQueryable();
  const add = (name: string, labels: Record<string, string>, value: (i: number) => number | null | undefined): void => {
    const set = Labels.from({ __name__: name, ...labels });
    for (let i = 0; i < 200; i++) {
      const v = value(i);
      if (v !== undefined) store.append(set, i * 15_000 + random.below(2) * random.below(4000), v);
    }
  };
  for (const job of ['a', 'b']) {
    for (const instance of ['0', '1']) {
      let counter = 0;
      add('c_total', { job, instance }, () => (counter += random.below(9)));
      add('resetting_total', { job, instance }, () => (counter = random.below(20) > 0 ? counter + random.next() : 0));
      add('g', { job, instance }, () => random.next() * 100 - 50);
      add('gaps', { job, instance }, (i) => (i % 50 < 20 ? random.below(9) : i % 50 === 20 ? null : undefined));
      add('strange', { job, instance }, () => (random.below(3) > 0 ? random.of(SPECIAL) : random.below(5)));
      let total = 0;
      const grown = Array.from({ length: 200 }, () => (total += random.below(20)));
      for (const [le, share] of [
        ['0.1', 0.2],
        ['1', 0.9],
        ['+Inf', 1],
      ] as const) {
        add('h_bucket', { job, instance, le }, (i) => grown[i] * share);
      }
    }
  }
  return store;
}

/** `LABELS` → value of an instant vector; an error by its message. */
async function instantValues(result: Promise<InstantResult>): Promise<Map<string, number> | string> {
  try {
    const answer = await result;
    if (answer.type !== 'vector') throw new Error(`a ${answer.type} where a vector is wanted`);
    return new Map(answer.samples.map(({ labels, value }) => [`${labels}`, value]));
  } catch (error) {
    if (error instanceof PromQLError) return error.message;
    throw error;
  }
}

test(`${COUNT} queries from seed ${SEED}: a range query is its instant queries`, { timeout: 120_000 }, async () => {
  const random = new Random(SEED);
  const maker = new QueryMaker(random, WORDS);
  const engine = new Engine({ experimental: true });
  const store = randomStore(random);
  let compared = 0;
  for (let i = 0; i < COUNT; i++) {
    // `@ start()` and `@ end()` mean other times in each instant query.
    const query = maker.vector(1 + (i % 4)).replaceAll(/ @ (start|end)\(\)/g, '');
    // The series of count_values have no order at one step that they also have at many, nor have upstream's.
    if (/(?:topk|bottomk|limitk).*count_values/.test(query)) continue;
    // Instant queries rank and sort, range queries do not, and nor do upstream's.
    if (/(?:topk|bottomk|limitk).*(?:topk|bottomk|sort)/.test(query)) continue;
    const window = WINDOWS[i % 3 > 0 ? 0 : random.below(WINDOWS.length)];
    const series = await engine.range(store, query, window).then(
      (result) => result.series,
      (error: unknown) => {
        if (error instanceof PromQLError) return null;
        throw error;
      },
    );
    const { startMs, endMs, stepMs } = window;
    const last = startMs + Math.floor((endMs - startMs) / stepMs) * stepMs;
    for (const timeMs of new Set([startMs, Math.min(last, startMs + 8 * stepMs), last])) {
      const wanted = await instantValues(engine.instant(store, query, timeMs));
      if (series === null) continue; // an error at one step is one of the whole range
      if (typeof wanted === 'string') throw new Error(`${query} at ${timeMs}: ${wanted}, and not in the range query`);
      const got = new Map<string, number>();
      for (const { labels, t, v, length } of series) {
        const at = t.subarray(0, length).indexOf(timeMs);
        if (at >= 0) got.set(`${labels}`, v[at]);
      }
      expect({ query, timeMs, values: rounded(got) }).toEqual({ query, timeMs, values: rounded(wanted) });
      compared += got.size;
    }
  }
  expect(compared).toBeGreaterThan(COUNT);
});

/** To twelve digits: sums over windows that slide are added in another order. */
function rounded(values: ReadonlyMap<string, number>): readonly (readonly [string, string])[] {
  return [...values].map(([labels, v]) => [labels, (Math.abs(v) < 1e-9 ? 0 : v).toPrecision(11)] as const).sort();
}
