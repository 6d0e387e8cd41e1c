import { formatValue, type Labels } from '@avalanche/model';
import type { InstantResult, MatrixSeries, RangeResult } from '../result.ts';
import { parseSeriesText } from '../series-text.ts';
import type { EvalStatement, RangeTime } from './script.ts';

const TOLERANCE = 1e-6;
const MIN_NORMAL = 2.2250738585072014e-308;

/** Upstream's almost.Equal: a relative difference below the tolerance; next to 0 none that matters. */
export function almostEqual(a: number, b: number, tolerance = TOLERANCE): boolean {
  if (a === b || (Number.isNaN(a) && Number.isNaN(b))) return true;
  const sum = Math.abs(a) + Math.abs(b);
  const difference = Math.abs(a - b);
  if (a === 0 || b === 0 || sum < MIN_NORMAL) return difference < tolerance * MIN_NORMAL;
  return difference / Math.min(sum, Number.MAX_VALUE) < tolerance;
}

/** Points of one series by their index in an expected series line. */
type Points = ReadonlyMap<number, number>;

interface Named {
  readonly labels: Labels;
  readonly points: Points;
}

/** Says how the result of an instant query differs from what is expected, or null. */
export function compareInstant(statement: EvalStatement, result: InstantResult): string | null {
  if (statement.expectString !== null) {
    const ok = result.type === 'string' && result.value === statement.expectString;
    return ok ? null : `expected string ${JSON.stringify(statement.expectString)}, got ${show(result)}`;
  }
  if (statement.expectRange) {
    if (result.type !== 'matrix') return `expected a range vector, got a ${result.type}`;
    return compareMatrix(statement.results, result.series, statement.expectRange);
  }
  const scalar = scalarOf(statement.results);
  if (scalar !== null) {
    const ok = result.type === 'scalar' && almostEqual(scalar, result.value);
    return ok ? null : `expected scalar ${scalar}, got ${show(result)}`;
  }
  if (result.type === 'matrix' && statement.results.length === 0)
    return result.series.length ? 'expected nothing' : null;
  if (result.type !== 'vector') return `expected a vector, got ${show(result)}`;
  const got = result.samples.map(({ labels, value }) => ({ labels, points: new Map([[0, value]]) }));
  const wanted = expectedSeries(statement.results);
  const ordered = statement.expectations.some(({ type }) => type === 'ordered');
  const wrongOrder = ordered && wanted.findIndex(({ labels }, i) => !got[i]?.labels.equals(labels));
  if (typeof wrongOrder === 'number' && wrongOrder >= 0) return `wrong order at ${wrongOrder + 1}: got ${show(result)}`;
  return compareSeries(wanted, got);
}

/** Says how the result of a range query differs, or null. */
export function compareRange(statement: EvalStatement, result: RangeResult): string | null {
  const unsorted = result.series.findIndex(({ labels }, i) => i > 0 && result.series[i - 1].labels.compare(labels) > 0);
  if (unsorted >= 0) return `series ${unsorted + 1} is not sorted by labels`;
  return compareMatrix(statement.results, result.series, statement.time as RangeTime);
}

function compareMatrix(lines: readonly string[], series: readonly MatrixSeries[], time: RangeTime): string | null {
  const got = series.map(({ labels, t, v, length }): Named => {
    const points = new Map<number, number>();
    for (let i = 0; i < length; i++) points.set((t[i] - time.startMs) / time.stepMs, v[i]);
    return { labels, points };
  });
  return compareSeries(expectedSeries(lines), got);
}

function expectedSeries(lines: readonly string[]): Named[] {
  return lines.map((line) => {
    const { labels, values } = parseSeriesText(line);
    const points = new Map<number, number>();
    values.forEach((value, i) => {
      if (value !== undefined) points.set(i, value ?? Number.NaN);
    });
    return { labels, points };
  });
}

function compareSeries(wanted: readonly Named[], got: readonly Named[]): string | null {
  const rest = new Map(got.map((series) => [series.labels.key, series]));
  for (const { labels, points } of wanted) {
    const found = rest.get(labels.key);
    if (!found)
      return `expected series ${labels} not found, got ${got.map((series) => `${series.labels}`).join(' ') || 'nothing'}`;
    rest.delete(labels.key);
    const difference = comparePoints(points, found.points);
    if (difference) return `${labels}: ${difference}`;
  }
  const [extra] = rest.values();
  return extra ? `unexpected series ${extra.labels} ${showPoints(extra.points)}` : null;
}

function comparePoints(wanted: Points, got: Points): string | null {
  for (const index of new Set([...wanted.keys(), ...got.keys()])) {
    const [a, b] = [wanted.get(index), got.get(index)];
    if (a !== undefined && b !== undefined && almostEqual(a, b)) continue;
    return `expected ${showPoints(wanted)}, got ${showPoints(got)}`;
  }
  return null;
}

function showPoints(points: Points): string {
  return [...points].map(([index, value]) => `${index}:${formatValue(value)}`).join(' ');
}

/** The number of a body that is one number, else null. */
export function scalarOf(results: readonly string[]): number | null {
  if (results.length !== 1 || !/^[+-]?(?:[\d.]|inf|nan)[^\s{]*$/i.test(results[0])) return null;
  return parseSeriesText(`x ${results[0]}`).values[0] ?? null;
}

function show(result: InstantResult): string {
  switch (result.type) {
    case 'vector':
      return (
        result.samples.map(({ labels, value }) => `${labels} ${formatValue(value)}`).join(' ') || 'an empty vector'
      );
    case 'matrix':
      return `a range vector of ${result.series.length} series`;
    default:
      return `${result.type} ${result.value}`;
  }
}
