import { type AnchoredRegex, compileAnchored } from '@avalanche/model';
import type { Registry } from 'prom-client';
import { ApiError } from './errors.ts';
import type { Params } from './params.ts';

/** What prom-client gives for a family. */
interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: unknown;
  readonly values: readonly Value[];
}

interface Value {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number | undefined>>;
  /** Where it is not that of the family: `…_bucket`, `…_sum`, `…_count`. */
  readonly metricName?: string;
}

type Json = Record<string, unknown>;

/** `GET /api/v1/status/self_metrics`: the server's own metrics, as protobuf's JSON has client_model's MetricFamily. */
export async function selfMetricsResponse(registry: Registry, params: Params): Promise<readonly Json[]> {
  const filter = nameFilter(params.get('metric_name_pattern'));
  const families = (await registry.getMetricsAsJSON()) as unknown as readonly Family[];
  return families
    .filter(({ name, values }) => values.length > 0 && (filter === null || filter.accepts(name)))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(familyJson);
}

function nameFilter(pattern: string): AnchoredRegex | null {
  if (pattern === '') return null;
  try {
    return compileAnchored(pattern);
  } catch (error) {
    throw new ApiError('bad_data', `invalid metric_name_pattern: ${(error as Error).message}`);
  }
}

function familyJson({ name, help, type, values }: Family): Json {
  const kind = typeof type === 'string' ? type : 'untyped';
  const isSplit = kind === 'histogram' || kind === 'summary';
  const metric = isSplit ? splitMetrics(name, kind, values) : values.map((value) => plainMetric(kind, value));
  return { name, help, type: kind.toUpperCase(), metric };
}

function plainMetric(kind: string, { labels, value }: Value): Json {
  return { ...labelsJson(labels), [kind]: { value: number(value) } };
}

/** Buckets or quantiles, sums and counts come one by one: they are put together by their labels. */
function splitMetrics(name: string, kind: 'histogram' | 'summary', values: readonly Value[]): readonly Json[] {
  const metrics = new Map<string, { readonly json: Json; readonly body: Json }>();
  for (const { labels, value, metricName } of values) {
    const { le, quantile, ...own } = labels;
    const key = JSON.stringify(own);
    let metric = metrics.get(key);
    if (!metric) {
      const body: Json = {};
      metric = { json: { ...labelsJson(own), [kind]: body }, body };
      metrics.set(key, metric);
    }
    const { body } = metric;
    if (metricName === `${name}_sum`) body.sampleSum = number(value);
    else if (metricName === `${name}_count`) body.sampleCount = String(value);
    else if (kind === 'summary') add(body, 'quantile', { quantile: Number(quantile), value: number(value) });
    else if (le !== '+Inf') add(body, 'bucket', { cumulativeCount: String(value), upperBound: Number(le) });
  }
  return [...metrics.values()].map(({ json }) => json);
}

function add(body: Json, name: string, item: Json): void {
  const list = (body[name] ?? []) as Json[];
  list.push(item);
  body[name] = list;
}

function labelsJson(labels: Value['labels']): Json {
  const pairs = Object.entries(labels).filter(([, value]) => value !== undefined && value !== '');
  if (pairs.length === 0) return {};
  return { label: pairs.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => ({ name, value: String(value) })) };
}

/** What is no finite number is a text. */
function number(value: number): number | string {
  if (Number.isFinite(value)) return value;
  return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity';
}
