import {
  type FloatHistogram,
  formatDuration,
  formatHistogramLiteral,
  formatValue,
  type Labels,
} from '@avalanche/model';
import { HistogramLiteral } from '../histogram-literal.ts';
import type { InstantResult, MatrixSeries, RangeResult, VectorSample } from '../result.ts';
import type { SeriesValue } from '../series-text.ts';
import { almostEqual, almostEqualHistograms } from './almost.ts';
import type { EvalStatement, RangeTime } from './script.ts';
import type { SeriesLine } from './series-line.ts';

/** How a result differs from what a script expects. */
export interface Difference {
  /** In one line. */
  readonly reason: string;
  /** What differs, part by part; the first few where there are many. */
  readonly rows: readonly DifferenceRow[];
}

export interface DifferenceRow {
  readonly series: string;
  /** The time of a point, from the epoch; '' where the whole series is meant. */
  readonly at: string;
  readonly expected: string;
  readonly got: string;
}

/** Rows told of one eval, and values told in one row. */
const ROWS_MAX = 20;
const VALUES_MAX = 10;

/** A point that is there: null is a staleness marker, which equals only itself. */
type Point = Exclude<SeriesValue, undefined>;

function pointOf(value: number, histogram: FloatHistogram | null | undefined): Point {
  return histogram ? new HistogramLiteral(histogram, true) : value;
}

function equalPoints(wanted: Point, got: Point): boolean {
  if (typeof wanted === 'number' && typeof got === 'number') return almostEqual(wanted, got);
  if (wanted === null || got === null) return wanted === got;
  if (typeof wanted === 'number' || typeof got === 'number') return false;
  return almostEqualHistograms(wanted, got.histogram);
}

function showPoint(point: Point | undefined): string {
  if (point === undefined) return 'no point';
  if (point === null) return 'stale';
  return typeof point === 'number' ? formatValue(point) : formatHistogramLiteral(point.histogram);
}

/** Points of one series by their step. */
interface Named {
  readonly labels: Labels;
  readonly points: ReadonlyMap<number, Point>;
}

/** Says how the result of an instant query differs from what is expected, or null. */
export function compareInstant(statement: EvalStatement, result: InstantResult): Difference | null {
  const { string, scalar, rangeVector } = statement;
  switch (result.type) {
    case 'string':
      return compareOne('string', JSON.stringify(string ?? ''), JSON.stringify(result.value));
    case 'scalar': {
      if (scalar === null) return mistyped('a vector or a range vector', result);
      return equalPoints(scalar, result.value)
        ? null
        : compareOne('scalar', formatValue(scalar), formatValue(result.value));
    }
    case 'vector':
      return scalar === null && string === null ? compareVector(statement, result.samples) : mistyped(null, result);
    case 'matrix':
      if (scalar !== null || string !== null || isOrdered(statement)) return mistyped(null, result);
      return compareMatrix(statement.series, result.series, rangeVector ?? { startMs: 0, stepMs: 1 });
    default:
      return result satisfies never;
  }
}

/** Says how the result of a range query differs, or null. */
export function compareRange(statement: EvalStatement, result: RangeResult): Difference | null {
  if (statement.scalar !== null || isOrdered(statement)) return mistyped(null, result);
  return compareMatrix(statement.series, result.series, statement.time as RangeTime);
}

export function isOrdered({ expectations }: EvalStatement): boolean {
  return expectations.some(({ type }) => type === 'ordered');
}

const WHATEVER_ELSE = 'something else';

function mistyped(wanted: string | null, result: InstantResult): Difference {
  return { reason: `expected ${wanted ?? WHATEVER_ELSE}, got a ${result.type}`, rows: [] };
}

function compareOne(series: string, expected: string, got: string): Difference | null {
  return expected === got ? null : { reason: `another ${series}`, rows: [{ series, at: '', expected, got }] };
}

function compareVector(statement: EvalStatement, samples: readonly VectorSample[]): Difference | null {
  const wanted = expectedSeries(statement.series);
  const got = samples.map(
    ({ labels, value, histogram }): Named => ({ labels, points: new Map([[0, pointOf(value, histogram)]]) }),
  );
  return compareSeries(wanted, got, () => '') ?? (isOrdered(statement) ? compareOrder(wanted, got) : null);
}

function compareOrder(wanted: readonly Named[], got: readonly Named[]): Difference | null {
  const rows = wanted.flatMap(({ labels }, i): DifferenceRow[] =>
    labels.equals(got[i].labels)
      ? []
      : [{ series: `place ${i + 1}`, at: '', expected: `${labels}`, got: `${got[i].labels}` }],
  );
  return rows.length > 0 ? { reason: 'another order', rows: rows.slice(0, ROWS_MAX) } : null;
}

function compareMatrix(
  lines: readonly SeriesLine[],
  series: readonly MatrixSeries[],
  { startMs, stepMs }: Pick<RangeTime, 'startMs' | 'stepMs'>,
): Difference | null {
  const unsorted = series.findIndex(({ labels }, i) => i > 0 && series[i - 1].labels.compare(labels) > 0);
  if (unsorted >= 0) return { reason: `series are not sorted by labels: ${series[unsorted].labels}`, rows: [] };
  const got = series.map(({ labels, t, v, length, histograms }): Named => {
    const points = new Map<number, Point>();
    for (let i = 0; i < length; i++) points.set((t[i] - startMs) / stepMs, pointOf(v[i], histograms?.[i]));
    return { labels, points };
  });
  return compareSeries(expectedSeries(lines), got, (step) => formatDuration(Math.round(startMs + step * stepMs)));
}

/** Of two lines for one series the last counts. */
function expectedSeries(lines: readonly SeriesLine[]): Named[] {
  const bySeries = new Map<string, Named>();
  for (const { labels, values } of lines) {
    const points = new Map<number, Point>();
    values.forEach((value, step) => {
      if (value !== undefined) points.set(step, value);
    });
    bySeries.set(labels.key, { labels, points });
  }
  return [...bySeries.values()];
}

function compareSeries(
  wanted: readonly Named[],
  got: readonly Named[],
  timeOf: (step: number) => string,
): Difference | null {
  const rest = new Map(got.map((series) => [series.labels.key, series]));
  const rows: DifferenceRow[] = [];
  let differing = 0;
  for (const series of wanted) {
    const found = rest.get(series.labels.key);
    rest.delete(series.labels.key);
    const difference = found
      ? comparePoints(series, found.points, timeOf)
      : [{ series: `${series.labels}`, at: '', expected: showPoints(series), got: 'no such series' }];
    if (difference.length > 0) differing++;
    rows.push(...difference);
  }
  for (const series of rest.values()) {
    rows.push({ series: `${series.labels}`, at: '', expected: 'no such series', got: showPoints(series) });
  }
  if (rows.length === 0) return null;
  const left = rows.length > ROWS_MAX ? `, the first ${ROWS_MAX} of ${rows.length} differences` : '';
  return { reason: `${differing + rest.size} series differ${left}`, rows: rows.slice(0, ROWS_MAX) };
}

function comparePoints(
  { labels, points: wanted }: Named,
  got: ReadonlyMap<number, Point>,
  timeOf: (step: number) => string,
): DifferenceRow[] {
  const rows: DifferenceRow[] = [];
  for (const step of [...new Set([...wanted.keys(), ...got.keys()])].sort((a, b) => a - b)) {
    const [a, b] = [wanted.get(step), got.get(step)];
    if (a !== undefined && b !== undefined && equalPoints(a, b)) continue;
    rows.push({ series: `${labels}`, at: timeOf(step), expected: showPoint(a), got: showPoint(b) });
  }
  return rows;
}

function showPoints({ points }: Named): string {
  const values = [...points.values()].slice(0, VALUES_MAX).map(showPoint);
  return `${values.join(' ') || 'no point'}${points.size > VALUES_MAX ? ' …' : ''}`;
}
