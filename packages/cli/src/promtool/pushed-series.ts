import { dividerOf, type FamilyMetric, type MetricFamily } from '@avalanche/exposition';
import { compareStrings, formatG, Labels, METRIC_NAME } from '@avalanche/model';
import type { PushedSeries } from '@avalanche/prometheus';

/**
 * The series of families as upstream's `push metrics` makes them: a metric's own `job` becomes `exported_job`, a
 * histogram without a bucket of `+Inf` gets one, what has no time is of now.
 * @param extra labels for all of them; a metric's own count before these
 */
export function pushedSeries(
  families: readonly MetricFamily[],
  extra: Readonly<Record<string, string>>,
  nowMs: number,
): PushedSeries[] {
  const inOrder = [...families].sort((a, b) => compareStrings(a.name, b.name));
  return inOrder.flatMap((family) => family.metrics.flatMap((metric) => seriesOf(family, metric, extra, nowMs)));
}

function seriesOf(
  family: MetricFamily,
  metric: FamilyMetric,
  extra: Readonly<Record<string, string>>,
  nowMs: number,
): PushedSeries[] {
  const own = metric.labels.map(([name, value]) => [name === 'job' ? 'exported_job' : name, value] as const);
  const time = metric.timeMs || nowMs;
  const { name, type, help } = family;
  const make = (suffix: string, value: number, more: Readonly<Record<string, string>> = {}): PushedSeries => ({
    labels: Labels.from({ ...extra, ...Object.fromEntries(own), ...more, [METRIC_NAME]: `${name}${suffix}` }),
    value,
    time,
    family: { name, type: METADATA_TYPES[type ?? 'UNTYPED'], help: help ?? '' },
  });
  const divider = dividerOf(family);
  if (divider === null) return [make('', metric.value)];
  const parts = metric.parts.map(([bound, value]) =>
    make(divider === 'le' ? '_bucket' : '', value, { [divider]: formatG(bound) }),
  );
  if (divider === 'le' && !metric.parts.some(([bound]) => bound === Number.POSITIVE_INFINITY)) {
    parts.push(make('_bucket', metric.count, { le: '+Inf' }));
  }
  return [...parts, make('_sum', metric.sum), make('_count', metric.count)];
}

const METADATA_TYPES = {
  COUNTER: 'counter',
  GAUGE: 'gauge',
  SUMMARY: 'summary',
  UNTYPED: 'unknown',
  HISTOGRAM: 'histogram',
  GAUGE_HISTOGRAM: 'gaugehistogram',
} as const;
