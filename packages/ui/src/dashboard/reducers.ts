type Reduce = (values: Float64Array) => number;

function fold(values: Float64Array, start: number, step: (acc: number, value: number) => number): number {
  let acc = start;
  let seen = false;
  for (const value of values) {
    if (Number.isNaN(value)) continue;
    acc = step(acc, value);
    seen = true;
  }
  return seen ? acc : Number.NaN;
}

function count(values: Float64Array): number {
  let n = 0;
  for (const value of values) if (!Number.isNaN(value)) n++;
  return n;
}

function firstNumber(values: Float64Array): number {
  for (const value of values) if (!Number.isNaN(value)) return value;
  return Number.NaN;
}

function lastNumber(values: Float64Array): number {
  for (let i = values.length - 1; i >= 0; i--) if (!Number.isNaN(values[i])) return values[i]!;
  return Number.NaN;
}

const sum: Reduce = (values) => fold(values, 0, (acc, value) => acc + value);
const min: Reduce = (values) => fold(values, Number.POSITIVE_INFINITY, Math.min);
const max: Reduce = (values) => fold(values, Number.NEGATIVE_INFINITY, Math.max);
const mean: Reduce = (values) => sum(values) / count(values);

function variance(values: Float64Array): number {
  const middle = mean(values);
  return fold(values, 0, (acc, value) => acc + (value - middle) ** 2) / count(values);
}

function quantile(values: Float64Array, q: number): number {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort();
  if (sorted.length === 0) return Number.NaN;
  const at = q * (sorted.length - 1);
  const below = Math.floor(at);
  return sorted[below]! + (at - below) * ((sorted[below + 1] ?? sorted[below]!) - sorted[below]!);
}

/** Total increase, a drop counting as a reset to zero. */
function delta(values: Float64Array): number {
  let total = 0;
  let before = Number.NaN;
  for (const value of values) {
    if (Number.isNaN(value)) continue;
    if (!Number.isNaN(before)) total += value >= before ? value - before : value;
    before = value;
  }
  return total;
}

const REDUCERS: Readonly<Record<string, readonly [label: string, reduce: Reduce]>> = {
  last: ['Last', (values) => values[values.length - 1] ?? Number.NaN],
  lastNotNull: ['Last', lastNumber],
  first: ['First', (values) => values[0] ?? Number.NaN],
  firstNotNull: ['First', firstNumber],
  min: ['Min', min],
  max: ['Max', max],
  mean: ['Mean', mean],
  sum: ['Total', sum],
  count: ['Count', count],
  range: ['Range', (values) => max(values) - min(values)],
  diff: ['Difference', (values) => lastNumber(values) - firstNumber(values)],
  diffperc: ['Difference', (values) => (lastNumber(values) - firstNumber(values)) / firstNumber(values)],
  delta: ['Delta', delta],
  variance: ['Variance', variance],
  stdDev: ['Std. dev.', (values) => Math.sqrt(variance(values))],
  median: ['Median', (values) => quantile(values, 0.5)],
  distinctCount: ['Distinct', (values) => new Set(values).size],
  changeCount: [
    'Changes',
    (values) => values.reduce((n, value, i) => n + (i > 0 && value !== values[i - 1] ? 1 : 0), 0),
  ],
  allIsZero: ['All zero', (values) => (values.every((value) => value === 0) ? 1 : 0)],
  allIsNull: ['All null', (values) => (count(values) === 0 ? 1 : 0)],
};
const PERCENTILE = /^p(\d{1,2}(?:\.\d+)?)$/;

/** One number for a column, by Grafana's reducer id; an id that we do not know is the last number. NaN where empty. */
export function reduce(values: Float64Array, id: string): number {
  const percentile = PERCENTILE.exec(id);
  if (percentile) return quantile(values, Number(percentile[1]) / 100);
  return (REDUCERS[id] ?? REDUCERS.lastNotNull!)[1](values);
}

export function reducerLabel(id: string): string {
  return REDUCERS[id]?.[0] ?? id;
}
