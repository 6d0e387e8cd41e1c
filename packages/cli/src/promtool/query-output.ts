import { quote } from '@avalanche/model';
import { formatPlain } from '@avalanche/promql';
import { goJson } from '../tools/go-format.ts';
import type { HistogramJson, Metric, QueryResult, SeriesJson } from '../tools/prometheus-client.ts';

/** How answers are printed: `-o promql` or `-o json`. */
export interface AnswerFormat {
  value(result: QueryResult): string;
  series(series: readonly Metric[]): string;
  labelValues(values: readonly string[]): string;
}

/** As upstream's client prints values: `name{label="value"} => 1 @[1700000000]`. */
export const promqlFormat: AnswerFormat = {
  value: (result) => `${valueText(result)}\n`,
  series: (series) => series.map((metric) => `${labelSetText(metric)}\n`).join(''),
  labelValues: (values) => values.map((value) => `${value}\n`).join(''),
};

export const jsonFormat: AnswerFormat = {
  value: (answer) => json(withoutExponents(answer).result),
  series: json,
  labelValues: json,
};

function json(value: unknown): string {
  return `${goJson(value)}\n`;
}

function valueText(answer: QueryResult): string {
  switch (answer.resultType) {
    case 'scalar': {
      const [time, value] = answer.result;
      return `scalar: ${numberText(value)} @[${time}]`;
    }
    case 'string':
      return answer.result[1];
    case 'vector':
      return answer.result
        .map(({ metric, value, histogram }) => {
          const pair = histogram ? pointText(histogram[0], histogramText(histogram[1])) : floatText(value ?? [0, '']);
          return `${metricText(metric)} => ${pair}`;
        })
        .join('\n');
    case 'matrix':
      return [...answer.result]
        .sort((a, b) => compareMetrics(a.metric, b.metric))
        .map(seriesText)
        .join('\n');
    default:
      return answer satisfies never;
  }
}

/** Upstream's client puts what has fewer labels first. */
function compareMetrics(a: Metric, b: Metric): number {
  const fewer = Object.keys(a).length - Object.keys(b).length;
  if (fewer !== 0) return fewer;
  for (const name of [...new Set([...Object.keys(a), ...Object.keys(b)])].sort()) {
    if (!(name in a)) return -1;
    if (!(name in b)) return 1;
    if (a[name] !== b[name]) return a[name] < b[name] ? -1 : 1;
  }
  return 0;
}

function seriesText({ metric, values = [], histograms = [] }: SeriesJson): string {
  const points = [
    ...values.map(floatText),
    ...histograms.map(([time, histogram]) => pointText(time, histogramText(histogram))),
  ];
  return `${metricText(metric)} =>\n${points.join('\n')}`;
}

function floatText([time, value]: readonly [number, string]): string {
  return pointText(time, numberText(value));
}

function pointText(time: number, value: string): string {
  return `${value} @[${time}]`;
}

/** The same answer with every float as upstream's client writes it. */
function withoutExponents(answer: QueryResult): QueryResult {
  const plain = ([time, value]: readonly [number, string]) => [time, numberText(value)] as const;
  switch (answer.resultType) {
    case 'string':
      return answer;
    case 'scalar':
      return { ...answer, result: plain(answer.result) };
    case 'vector':
      return {
        ...answer,
        result: answer.result.map((sample) => (sample.value ? { ...sample, value: plain(sample.value) } : sample)),
      };
    case 'matrix':
      return {
        ...answer,
        result: answer.result.map((series) =>
          series.values ? { ...series, values: series.values.map(plain) } : series,
        ),
      };
    default:
      return answer satisfies never;
  }
}

/** Upstream's client prints no exponents. */
function numberText(text: string): string {
  return /e/.test(text) ? formatPlain(Number(text)) : text;
}

/** `Count: 3.000000, Sum: 4.000000, Buckets: [[-1,1]:2 (1,2]:1]` */
function histogramText({ count, sum, buckets = [] }: HistogramJson): string {
  const fixed = (text: string) => (Number.isFinite(Number(text)) ? Number(text).toFixed(6) : text);
  const ranges = buckets.map(([boundaries, lower, upper, n]) => {
    const [open, close] = [boundaries === 1 || boundaries === 3 ? '[' : '(', boundaries % 3 === 0 ? ']' : ')'];
    return `${open}${lower},${upper}${close}:${n}`;
  });
  return `Count: ${fixed(count)}, Sum: ${fixed(sum)}, Buckets: [${ranges.join(' ')}]`;
}

const BARE_METRIC = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const BARE_LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

function labelText(name: string, value: string): string {
  return `${BARE_LABEL.test(name) ? name : quote(name)}=${quote(value)}`;
}

/** `name{label="value", …}`, labels in alphabetical order; a name that is no identifier stands between the braces. */
export function metricText({ __name__: name = '', ...labels }: Metric): string {
  const texts = Object.entries(labels)
    .map(([label, value]) => labelText(label, value))
    .sort();
  const bare = BARE_METRIC.test(name);
  if (name !== '' && !bare) texts.unshift(quote(name));
  if (texts.length === 0) return bare ? name : '{}';
  return `${bare ? name : ''}{${texts.join(', ')}}`;
}

/** `{__name__="name", label="value", …}` */
function labelSetText(labels: Metric): string {
  const texts = Object.entries(labels).map(([label, value]) => labelText(label, value));
  return `{${texts.sort().join(', ')}}`;
}
