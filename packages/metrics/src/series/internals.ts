import type { Metric, Registry } from 'prom-client';

export type LabelSet = Readonly<Record<string, string | number>>;

/** A series of a counter or gauge, where prom-client keeps it. */
export interface ValueEntry {
  value: number;
  readonly labels: LabelSet;
  readonly exemplar?: ClientExemplar | null;
}

/** An exemplar that prom-client was given. */
export interface ClientExemplar {
  readonly labelSet: LabelSet;
  readonly value: number;
  /** Seconds. */
  readonly timestamp: number;
}

/** A series of a histogram. `bucketValues` has how many values fell into each bucket alone. */
export interface HistogramEntry {
  readonly labels: LabelSet;
  readonly bucketValues: Record<number, number>;
  /** By the bucket's bound, -1 for the last. */
  readonly bucketExemplars?: Readonly<Record<number, ClientExemplar | null>>;
  sum: number;
  count: number;
}

/** What prom-client 15 has inside, which its types do not show; what is not as expected is left to its own methods. */
export interface MetricInternals {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary';
  readonly aggregator?: string;
  readonly enableExemplars?: boolean;
  readonly labelNames: readonly string[];
  readonly sortedLabelNames: readonly string[];
  readonly upperBounds?: readonly number[];
  hashMap?: Record<string, ValueEntry | HistogramEntry>;
  collect?: () => void | Promise<void>;
  get(): Promise<{
    readonly values: readonly { readonly value: number; readonly labels: LabelSet; readonly metricName?: string }[];
  }>;
}

export function internalsOf(metric: Metric): MetricInternals {
  return metric as unknown as MetricInternals;
}

/** Whether a metric is one of prom-client's, and no other one that is made up when it is asked. */
export function isClientMetric(metric: MetricInternals): boolean {
  return !Object.hasOwn(metric, 'get') && CLASSES.has(metric.constructor.name);
}

const CLASSES = new Set(['Counter', 'Gauge', 'Histogram']);

/** Every metric of a registry. */
export function metricsOf(registry: Registry): MetricInternals[] {
  return registry.getMetricsAsArray() as unknown as MetricInternals[];
}

/** The key of a series in `hashMap`. */
export function hashOf(labels: LabelSet, sortedNames: readonly string[]): string {
  let hash = '';
  for (const name of sortedNames) if (labels[name] !== undefined) hash += `${name}:${labels[name]},`;
  return hash;
}

export function isHistogramEntry(entry: ValueEntry | HistogramEntry): entry is HistogramEntry {
  return 'bucketValues' in entry;
}

/** The value of a gauge's or counter's series now; undefined where there is none. */
export function currentValue(metric: Metric<string>, labels: LabelSet): number | undefined {
  const { hashMap, sortedLabelNames } = internalsOf(metric as Metric);
  const entry = hashMap?.[hashOf(labels, sortedLabelNames)];
  return entry === undefined || isHistogramEntry(entry) ? undefined : entry.value;
}
