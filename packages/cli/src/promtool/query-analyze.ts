import { formatGoDuration, parseGoDuration } from '@avalanche/model';
import { httpConfigFlag } from '../tools/http-config.ts';
import type { SeriesJson } from '../tools/prometheus-client.ts';
import type { ToolCommand } from '../tools/tool-command.ts';
import { client } from './query.ts';
import { metricText } from './query-output.ts';
import { parseTime } from './times.ts';

const HEADER = `Bucket stats for each histogram series over time
------------------------------------------------
First the min, avg, and max number of populated buckets, followed by the total
number of buckets (only if different from the max number of populated buckets
which is typical for classic but not native histograms).

`;
const FOOTER = `
Aggregated bucket stats
-----------------------
Each line shows min/avg/max over the series above.
`;

export const queryAnalyzeCommand: ToolCommand = {
  path: ['query', 'analyze'],
  summary: 'Run queries against your Prometheus to analyze the usage pattern of certain metrics.',
  flags: {
    ...httpConfigFlag,
    format: { kind: 'string', short: 'o', help: 'Without effect here.', default: 'promql', ignored: true },
    server: { kind: 'string', help: 'Prometheus server to query.' },
    type: { kind: 'string', help: 'Type of metric: histogram.' },
    duration: { kind: 'string', help: 'Time frame to analyze.', default: '1h' },
    time: { kind: 'string', help: 'Query time (RFC3339 or Unix timestamp), defaults to now.' },
    match: { kind: 'list', help: 'Series selector. Can be specified multiple times.', placeholder: 'SELECTOR' },
  },
  requiredFlags: ['server', 'type', 'match'],
  args: [],
  async run(input, { output, now }) {
    const { flags } = input;
    const type = flags.string('type');
    if (type !== 'histogram') throw new Error(`analyze type is ${type}, must be 'histogram'`);
    const durationMs = input.parsed('duration', parseGoDuration);
    const timeMs = flags.given('time') ? parseTime(flags.string('time')) : now();
    const server = client(input);
    output.out(HEADER);
    const totals = { Native: new Totals(), Classic: new Totals() };
    for (const match of flags.list('match')) {
      const { resultType, result } = await server.query(`${match}[${formatGoDuration(durationMs)}]`, timeMs);
      if (resultType !== 'matrix') throw new Error('query of buckets resulted in non-Matrix');
      for (const { kind, name, population } of populationsOf(result)) {
        output.out(`- ${name} (${kind.toLowerCase()}): ${populationText(population)}\n`);
        totals[kind].add(population);
      }
    }
    output.out(FOOTER);
    for (const [kind, total] of Object.entries(totals)) if (total.count > 0) output.out(`\n${kind} ${total}\n`);
    return 0;
  },
};

/** How many buckets of one histogram have observations, over time; `total` counts every bucket that there is. */
interface Population {
  readonly min: number;
  readonly avg: number;
  readonly max: number;
  readonly total: number;
}

interface Named {
  readonly kind: 'Native' | 'Classic';
  readonly name: string;
  readonly population: Population;
}

function populationsOf(matrix: readonly SeriesJson[]): Named[] {
  const classic = new Map<string, SeriesJson[]>();
  const found: Named[] = [];
  for (const series of matrix) {
    const { metric, values = [], histograms = [] } = series;
    const { __name__: name = '', le, ...labels } = metric;
    if (values.length === 0) {
      if (histograms.length < 2) continue;
      found.push({ kind: 'Native', name: metricText(metric), population: nativePopulation(histograms) });
    } else if (le !== undefined && name.endsWith('_bucket')) {
      const key = `${name}${metricText(labels)}`;
      classic.set(key, [...(classic.get(key) ?? []), series]);
    }
  }
  for (const [name, buckets] of classic) {
    if ((buckets[0].values?.length ?? 0) < 2) continue;
    found.push({ kind: 'Classic', name, population: classicPopulation(buckets) });
  }
  return found;
}

function nativePopulation(histograms: NonNullable<SeriesJson['histograms']>): Population {
  const bounds = new Set<string>();
  const counts = histograms.map(([, { buckets = [] }]) => {
    for (const bucket of buckets) bounds.add(bucket.slice(0, 3).join(' '));
    return buckets.length;
  });
  return population(counts, bounds.size);
}

/** @throws Error where the buckets have no samples at the same times */
function classicPopulation(series: readonly SeriesJson[]): Population {
  const buckets = [...series].sort((a, b) => bound(a) - bound(b)).map(({ values = [] }) => values);
  const counts = buckets[0].map((_, step) => {
    let populated = 0;
    for (let i = 0; i < buckets.length && step < buckets[i].length; i++) {
      const [time, value] = buckets[i][step];
      if (i > 0 && buckets[i - 1][step][0] !== time) throw new Error('matrix result is not time aligned');
      if (Math.trunc(Number(value) - (i > 0 ? Number(buckets[i - 1][step][1]) : 0)) !== 0) populated++;
    }
    return populated;
  });
  return population(counts, buckets.length);
}

function bound({ metric }: SeriesJson): number {
  return metric.le === '+Inf' ? Number.POSITIVE_INFINITY : Number(metric.le);
}

function population(counts: readonly number[], total: number): Population {
  const sum = counts.reduce((a, b) => a + b, 0);
  return { min: Math.min(...counts), avg: sum / counts.length, max: Math.max(...counts), total };
}

function populationText({ min, avg, max, total }: Population): string {
  return `${min}/${avg.toFixed(3)}/${max}${max === total ? '' : `/${total}`}`;
}

/** What the histograms of one kind have together. */
class Totals {
  private readonly populations: Population[] = [];

  get count(): number {
    return this.populations.length;
  }

  add(population: Population): void {
    this.populations.push({ ...population, avg: Math.trunc(population.avg) });
  }

  toString(): string {
    const total = this.line('total');
    const lines = [
      `histogram series (${this.count} in total):`,
      `- min populated: ${this.line('min')}`,
      `- avg populated: ${this.line('avg')}`,
      `- max populated: ${this.line('max')}`,
      ...(total === this.line('max') ? [] : [`- total: ${total}`]),
    ];
    return lines.join('\n');
  }

  private line(key: keyof Population): string {
    const { min, avg, max } = population(
      this.populations.map((one) => one[key]),
      0,
    );
    return `${min}/${avg.toFixed(3)}/${max}`;
  }
}
