import { Labels, METRIC_NAME } from '@avalanche/model';
import { ParseError } from './error.ts';
import { type HistogramLiteral, histogramSequence, parseHistogramLiteral } from './histogram-literal.ts';
import { parseSyntax } from './syntax.ts';

/**
 * Values of a series in the test language: a number or a native histogram, null for a staleness marker, undefined for
 * no sample.
 */
export type SeriesValue = number | HistogramLiteral | null | undefined;

export interface SeriesText {
  readonly labels: Labels;
  readonly values: readonly SeriesValue[];
}

/** Items of one line, at most: what `vxN` may ask for is bounded. */
const VALUES_MAX = 1_000_000;

/**
 * Parses `name{label="value"} 1 2 _ 3x4 1+2x3 stale {{count:1 sum:2 buckets:[1]}}x3`, the series notation of unit tests
 * and of promqltest.
 * @throws Error or ParseError
 */
export function parseSeriesText(text: string): SeriesText {
  const { metric, rest } = splitMetric(text.trim());
  return { labels: parseMetric(metric), values: parseValues(rest) };
}

/** Cuts behind the metric: at the closing brace outside strings, or else at the first blank. */
function splitMetric(text: string): { metric: string; rest: string } {
  const match = /^[^\s{"]*\s*(?:\{(?!\{)(?:[^"'`}]|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)*\})?/.exec(text);
  const end = match?.[0].trimEnd().length ?? 0;
  return { metric: text.slice(0, end), rest: text.slice(end).trim() };
}

/** Parses a metric as a selector with only equality matchers. @throws ParseError */
export function parseMetric(text: string): Labels {
  const compact = text.trim();
  if (/^\{\s*\}$/.test(compact)) return Labels.EMPTY;
  const expr = parseSyntax(compact, {});
  if (expr.kind !== 'vectorSelector') throw new ParseError(compact, 0, 'expected a metric');
  const entries = new Map<string, string>();
  for (const { name, type, value } of expr.matchers) {
    if (type !== '=') throw new ParseError(compact, 0, `expected label="value", got ${name}${type}`);
    entries.set(name, value);
  }
  if (expr.name !== '') entries.set(METRIC_NAME, expr.name);
  return Labels.fromMap(entries);
}

function parseValues(text: string): SeriesValue[] {
  const values: SeriesValue[] = [];
  for (const item of text.match(ITEM) ?? []) {
    if (item.startsWith('{{')) parseHistogramItem(item, values);
    else parseItem(item, values);
  }
  return values;
}

/** Blanks separate items, but not within a histogram. */
const ITEM = /(?:\{\{.*?\}\}|\S)+/g;
const HISTOGRAM_ITEM = /^\{\{(.*?)\}\}(?:(?:([+-])\{\{(.*?)\}\})?x(\d+))?$/;

function parseHistogramItem(item: string, values: SeriesValue[]): void {
  const match = HISTOGRAM_ITEM.exec(item);
  if (!match) throw new Error(`invalid series value ${JSON.stringify(item)}`);
  const [, first, operator, second, times] = match;
  const delta =
    second === undefined
      ? null
      : { literal: parseHistogramLiteral(second), sign: operator === '-' ? (-1 as const) : (1 as const) };
  const sequence = histogramSequence(parseHistogramLiteral(first), delta, Number(times ?? 0));
  repeat(values, Number(times ?? 0) + 1, () => sequence.next().value);
}

const NUMBER = String.raw`[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[iI][nN][fF]|[nN][aA][nN])`;
const REPEATED = new RegExp(`^(${NUMBER})(?:([+-])(${NUMBER.replace('[+-]?', '')}))?x(\\d+)$`);
const SINGLE = new RegExp(`^${NUMBER}$`);

function parseItem(item: string, values: SeriesValue[]): void {
  const gap = /^_(?:x(\d+))?$/.exec(item);
  if (gap) {
    repeat(values, Number(gap[1] ?? 1), () => undefined);
    return;
  }
  if (item === 'stale') {
    values.push(null);
    return;
  }
  if (SINGLE.test(item)) {
    values.push(toNumber(item));
    return;
  }
  const repeated = REPEATED.exec(item);
  if (!repeated) throw new Error(`invalid series value ${JSON.stringify(item)}`);
  const delta = repeated[3] === undefined ? 0 : toNumber(repeated[3]) * (repeated[2] === '-' ? -1 : 1);
  let value = toNumber(repeated[1]);
  repeat(values, Number(repeated[4]) + 1, (i) => {
    if (i > 0) value += delta;
    return value;
  });
}

function repeat(values: SeriesValue[], times: number, value: (i: number) => SeriesValue): void {
  if (values.length + times > VALUES_MAX) throw new Error(`more than ${VALUES_MAX} values in one series`);
  for (let i = 0; i < times; i++) values.push(value(i));
}

function toNumber(text: string): number {
  const lower = text.toLowerCase().replace(/^\+/, '');
  if (lower === 'inf') return Number.POSITIVE_INFINITY;
  if (lower === '-inf') return Number.NEGATIVE_INFINITY;
  return lower.endsWith('nan') ? Number.NaN : Number(lower);
}
