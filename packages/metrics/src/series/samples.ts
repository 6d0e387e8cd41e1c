import { exemplarOf, type SampleExemplar } from './exemplars.ts';
import {
  type HistogramEntry,
  isClientMetric,
  isHistogramEntry,
  type LabelSet,
  type MetricInternals,
  type ValueEntry,
} from './internals.ts';
import type { Turns } from './turns.ts';

/** Series that are visited before the event loop is looked at. */
const SERIES_AT_ONCE = 500;

/** Told of each sample: what stands before its value in the text, and the value. */
export type SampleVisitor = (series: string, value: number, exemplar: SampleExemplar | undefined) => void;

/** The texts of an entry's series, which stay the same as long as it lives. */
const texts = new WeakMap<object, { readonly name: string; readonly series: readonly string[] }>();

/**
 * Visits the samples of a metric as the text format has them. A series that was visited before costs no formatting of its
 * labels.
 * @param common labels of all series, from the registry
 */
export async function visitSamples(
  metric: MetricInternals,
  common: LabelSet,
  visit: SampleVisitor,
  turns: Turns,
): Promise<void> {
  if (metric.hashMap === undefined || !isClientMetric(metric)) {
    for (const { metricName = metric.name, labels, value } of (await metric.get()).values) {
      visit(metricName + labelText({ ...common, ...labels }), value, undefined);
    }
    return;
  }
  await metric.collect?.call(metric);
  const hasCommon = Object.keys(common).length > 0;
  let visited = 0;
  for (const entry of Object.values(metric.hashMap)) {
    if (++visited % SERIES_AT_ONCE === 0) await turns.pause();
    const known = hasCommon ? undefined : texts.get(entry);
    // prom-client takes the ending from the names of counters when it writes OpenMetrics
    const series = known?.name === metric.name ? known.series : seriesTexts(metric, entry, common);
    if (!hasCommon && known?.series !== series) texts.set(entry, { name: metric.name, series });
    if (isHistogramEntry(entry)) visitHistogram(metric, entry, series, visit);
    else visit(series[0], entry.value, exemplarOf(entry));
  }
}

function visitHistogram(
  { upperBounds = [] }: MetricInternals,
  entry: HistogramEntry,
  series: readonly string[],
  visit: SampleVisitor,
): void {
  let count = 0;
  const bounds = upperBounds.length;
  for (let i = 0; i < bounds; i++) {
    count += entry.bucketValues[upperBounds[i]];
    visit(series[i], count, exemplarOf(entry, upperBounds[i]));
  }
  visit(series[bounds], entry.count, exemplarOf(entry, Infinity));
  visit(series[bounds + 1], entry.sum, undefined);
  visit(series[bounds + 2], entry.count, undefined);
}

function seriesTexts(metric: MetricInternals, entry: ValueEntry | HistogramEntry, common: LabelSet): string[] {
  const labels = { ...common, ...entry.labels };
  const { name, upperBounds = [] } = metric;
  if (!isHistogramEntry(entry)) return [name + labelText(labels)];
  const buckets = [...upperBounds.map(String), '+Inf'].map((le) => `${name}_bucket${labelText({ ...labels, le })}`);
  return [...buckets, `${name}_sum${labelText(labels)}`, `${name}_count${labelText(labels)}`];
}

function labelText(labels: LabelSet): string {
  let text = '';
  for (const name in labels) {
    if (labels[name] !== undefined) text += `${text === '' ? '{' : ','}${name}="${escaped(String(labels[name]))}"`;
  }
  return text === '' ? '' : `${text}}`;
}

function escaped(value: string): string {
  return /[\\"\n]/.test(value) ? value.replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`)) : value;
}

/** A number as the text formats have it. */
export function valueText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}
