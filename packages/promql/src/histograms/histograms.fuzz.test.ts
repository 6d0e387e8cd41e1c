import { formatHistogram, Labels } from '@avalanche/model';
import { expect, test } from 'vitest';
import { Engine } from '../engine.ts';
import { PromQLError } from '../error.ts';
import { MemoryQueryable } from '../memory-queryable.ts';
import { parseSeriesText } from '../series-text.ts';

const SEED = Number(process.env.FUZZ_SEED ?? 11);
const ROUNDS = Number(process.env.FUZZ_ROUNDS ?? 60);
const SAMPLES = 30;
const STEPS = { startMs: 90_000, stepMs: 45_000, count: 25 };

type Random = (below: number) => number;

function generator(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** A sample of any kind; what a series mostly is depends on its number. */
function sample(random: Random, series: number, i: number): string {
  const kind = random(10) < 7 ? series % 4 : random(6);
  const counts = Array.from({ length: 1 + random(4) }, () => random(5) + (random(5) ? i : 0)).join(' ');
  const hint = random(8) ? '' : ' counter_reset_hint:gauge';
  switch (kind) {
    case 0:
      return `{{schema:${random(3)} count:${20 + 4 * i} sum:${i} offset:${random(3) - 1} buckets:[${counts}]${hint}}}`;
    case 1:
      return `{{schema:-53 count:${20 + 4 * i} sum:${i} custom_values:[1 ${2 + random(2)} 5] buckets:[${counts}]${hint}}}`;
    case 2:
      return `{{schema:0 count:${9 + i} sum:NaN z_bucket:${i} z_bucket_w:${random(2) ? 0.001 : 0.3} n_buckets:[${counts}]}}`;
    case 3:
      return String(random(4) ? i : random(3));
    default:
      return kind === 4 ? 'stale' : '_';
  }
}

function randomStore(random: Random): MemoryQueryable {
  const store = new MemoryQueryable();
  for (let series = 0; series < 6; series++) {
    const text = Array.from({ length: SAMPLES }, (_, i) => sample(random, series, i)).join(' ');
    const labels = Labels.from({ __name__: 'm', series: String(series), parity: series % 2 ? 'odd' : 'even' });
    parseSeriesText(`m ${text}`).values.forEach((value, i) => {
      if (value === undefined) return;
      const start = random(3) ? 0 : i * 60_000 - random(70_000);
      store.append(labels, i * 60_000, value === null || typeof value === 'number' ? value : value.histogram, start);
    });
  }
  return store;
}

const RANGE_FUNCTIONS =
  'rate increase delta irate idelta resets changes avg_over_time sum_over_time count_over_time present_over_time min_over_time max_over_time stddev_over_time last_over_time first_over_time ts_of_last_over_time ts_of_max_over_time mad_over_time deriv absent_over_time'.split(
    ' ',
  );
/** None of those whose choice depends on the order of the series. */
const AGGREGATIONS = 'sum avg min max count group stdvar quantile(0.3; count_values("v";'.split(' ');
const FUNCTIONS = 'abs absent ceil hour histogram_count histogram_sum histogram_avg histogram_stddev timestamp -'.split(
  ' ',
);
const OPERATORS = ['+', '-', '*', '/', '==', '!= bool', '> bool', '</', '>/', 'and', 'or', 'unless', '^'];

function vector(random: Random, depth: number): string {
  const one = (choices: readonly string[]): string => choices[random(choices.length)];
  const deeper = (): string => vector(random, depth - 1);
  if (depth <= 0) return one(['m', 'm{parity="odd"}', 'm{series="0"}', 'm offset 1m', 'm{series!="3"} @ 600']);
  switch (random(7)) {
    case 0:
      return `${one(RANGE_FUNCTIONS)}(m[${one(['1m', '3m', '7m', '10m'])}])`;
    case 1:
      return `${one(RANGE_FUNCTIONS)}((${deeper()})[5m:${one(['30s', '1m', '2m'])}])`;
    case 2: {
      const [name, param = ''] = one(AGGREGATIONS).replace(';', ', ').split('(');
      return `${name} ${one(['', 'by (parity) ', 'without (series) '])}(${param}${deeper()})`;
    }
    case 3:
      return `(${deeper()} ${one(OPERATORS)} ${deeper()})`;
    case 4:
      return `(${deeper()} ${one(['*', '/', '</', '>/', '+', '==', '> bool'])} ${random(5)})`;
    case 5:
      return `histogram_${one(['quantile(0.4', 'quantile(0.9', 'fraction(-1, 2'])}, ${deeper()})`;
    default:
      return `${one(FUNCTIONS)}(${deeper()})`;
  }
}

/** All points of a range query or of instant queries at its steps, as text; or the error. */
async function pointsOf(query: () => Promise<string[]>): Promise<string[]> {
  try {
    return (await query()).sort();
  } catch (error) {
    if (!(error instanceof PromQLError)) throw error;
    return [`error: ${error.message}`];
  }
}

function shown(labels: Labels, timeMs: number, value: number, histogram: Parameters<typeof formatHistogram>[0] | null) {
  const text = histogram ? `${histogram.counterResetHint} ${rounded(histogram)}` : value.toPrecision(9);
  return `${labels} ${timeMs} ${text}`;
}

/** Sums of more than two numbers depend on the order in their last digit. */
function rounded(histogram: Parameters<typeof formatHistogram>[0]): string {
  return formatHistogram(histogram).replace(/\d+\.\d+(?:e[+-]\d+)?/g, (number) => Number(number).toPrecision(9));
}

test(`range queries over floats and histograms give what instant queries give (seed ${SEED})`, async () => {
  const random = generator(SEED);
  const engine = new Engine({ experimental: true, startTimestamps: true });
  let histograms = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const store = randomStore(random);
    const text = vector(random, 1 + random(3));
    const { startMs, stepMs, count } = STEPS;
    const window = { startMs, stepMs, endMs: startMs + (count - 1) * stepMs };
    const ranged = await pointsOf(async () => {
      const { series } = await engine.range(store, text, window);
      return series.flatMap(({ labels, t, v, length, histograms: h }) =>
        Array.from({ length }, (_, i) => shown(labels, t[i], v[i], h?.[i] ?? null)),
      );
    });
    if (ranged[0]?.startsWith('error')) continue;
    const single = await pointsOf(async () => {
      const points: string[] = [];
      for (let s = 0; s < count; s++) {
        const result = await engine.instant(store, text, startMs + s * stepMs);
        if (result.type !== 'vector') throw new Error(`a ${result.type}`);
        for (const { labels, value, histogram } of result.samples) {
          points.push(shown(labels, result.timeMs, value, histogram));
        }
      }
      return points;
    });
    if (single[0]?.startsWith('error')) continue;
    histograms += ranged.filter((point) => point.includes('{count:')).length;
    expect({ text, points: ranged }).toEqual({ text, points: single });
  }
  expect(histograms).toBeGreaterThan(0);
}, 60_000);
