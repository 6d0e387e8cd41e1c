import { type FloatHistogram, Labels, METRIC_NAME } from '@avalanche/model';
import { formatPlain } from '@avalanche/promql';
import type { MetricType, SeriesMetadata } from '@avalanche/tsdb';
import type { PrometheusConfig } from '../config/schema.ts';
import { customHistogram, nativeHistogram } from './histograms.ts';
import {
  type Attributes,
  CUMULATIVE,
  type Metric,
  type OtlpExemplar,
  type Point,
  type ResourceMetrics,
} from './model.ts';
import { type LabelRules, labelName, metricName, type NameRules, nameRulesOf, unitName } from './names.ts';

export type OtlpConfig = PrometheusConfig['otlp'];

/** One sample for the storage; `value` is null where the series has ended. */
export interface OtlpSample {
  readonly labels: Labels;
  /** Milliseconds since the epoch; 0 is none. */
  readonly start: number;
  readonly time: number;
  readonly value: number | null;
  /** Instead of the value, where the series has not ended. */
  readonly histogram: FloatHistogram | null;
  readonly exemplars: readonly { readonly labels: Labels; readonly value: number; readonly time: number }[];
  readonly metadata: SeriesMetadata;
}

/** Where samples go. @throws Error that ends the request, with nothing of it written */
export type OtlpSink = (sample: OtlpSample) => void;

export interface TranslatorOptions {
  readonly config: OtlpConfig;
  /** Half of it is how far samples of `target_info` are apart. */
  readonly lookbackMs: number;
  /** `type-and-unit-labels` */
  readonly typeAndUnitLabels: boolean;
}

/** A metric that cannot be stored, or something that is odd about one: the others are. */
export type OtlpWarning = 'empty_data_points' | 'label_name_collision' | 'histogram_zero_count_non_zero_sum';

const IDENTIFYING = ['service.namespace', 'service.name', 'service.instance.id'];
const EXEMPLAR_CHARACTERS_MAX = 128;
const NO_METADATA: SeriesMetadata = { type: 'unknown', unit: '', help: '' };

/** What the points of a resource have in common. */
interface ResourceLabels {
  readonly job: string;
  readonly instance: string;
  readonly promoted: ReadonlyMap<string, string>;
}

/**
 * Makes samples of OTLP's metrics (upstream storage/remote/otlptranslator): names, labels and `target_info` as its
 * configuration says. Errors are collected; whoever calls writes nothing where there are any.
 */
export class Translator {
  readonly errors: string[] = [];
  readonly warnings: (readonly [OtlpWarning, string])[] = [];
  private readonly names: NameRules;
  private readonly labelRules: LabelRules;
  private readonly labelNames = new Map<string, string>();
  private readonly seenTargetInfo = new Set<string>();
  private resource: ResourceLabels = { job: '', instance: '', promoted: new Map() };
  private scope: ReadonlyMap<string, string> = new Map();

  constructor(
    private readonly options: TranslatorOptions,
    private readonly sink: OtlpSink,
  ) {
    const { config } = options;
    this.names = nameRulesOf(config.translation_strategy || 'UnderscoreEscapingWithSuffixes');
    this.labelRules = {
      allowUtf8: this.names.allowUtf8,
      sanitizeUnderscore: config.label_name_underscore_sanitization,
      keepUnderscores: config.label_name_preserve_multiple_underscores,
    };
  }

  /** Metric by metric, so that others can run in between. */
  *translate(resources: readonly ResourceMetrics[]): Generator<void> {
    for (const resource of resources) {
      if (!this.attempt(() => this.enterResource(resource.attributes))) continue;
      let earliest = Number.POSITIVE_INFINITY;
      let latest = Number.NEGATIVE_INFINITY;
      for (const scope of resource.scopes) {
        const entered = this.attempt(() => {
          this.scope = this.scopeLabels(scope);
        });
        if (!entered) continue;
        for (const metric of scope.metrics) {
          for (const { time } of metric.points) {
            earliest = Math.min(earliest, time);
            latest = Math.max(latest, time);
          }
          this.attempt(() => this.addMetric(metric));
          yield;
        }
      }
      if (earliest <= latest) this.attempt(() => this.addTargetInfo(resource.attributes, earliest, latest));
    }
  }

  private attempt(work: () => void): boolean {
    try {
      work();
      return true;
    } catch (error) {
      this.errors.push((error as Error).message);
      return false;
    }
  }

  private label(name: string): string {
    let known = this.labelNames.get(name);
    if (known === undefined) {
      known = labelName(name, this.labelRules);
      this.labelNames.set(name, known);
    }
    return known;
  }

  private enterResource(attributes: Attributes): void {
    const name = attributes.get('service.name');
    const namespace = attributes.get('service.namespace');
    const job = name === undefined ? '' : namespace === undefined ? name : `${namespace}/${name}`;
    const promoted = new Map<string, string>();
    for (const [key, value] of attributes) if (this.isPromoted(key)) promoted.set(this.label(key), value);
    this.resource = { job, instance: attributes.get('service.instance.id') ?? '', promoted };
  }

  private isPromoted(key: string): boolean {
    const { config } = this.options;
    if (config.promote_all_resource_attributes) return !config.ignore_resource_attributes.includes(key);
    return config.promote_resource_attributes.includes(key);
  }

  private scopeLabels(scope: ResourceMetrics['scopes'][number]): ReadonlyMap<string, string> {
    const labels = new Map<string, string>();
    if (!this.options.config.promote_scope_metadata || scope.name === '') return labels;
    for (const [key, value] of scope.attributes) labels.set(this.label(`otel_scope_${key}`), value);
    labels.set('otel_scope_name', scope.name);
    labels.set('otel_scope_version', scope.version);
    return labels.set('otel_scope_schema_url', scope.schemaUrl);
  }

  private addMetric(metric: Metric): void {
    const { name, kind, temporality } = metric;
    if (kind === null) {
      const reason = `could not get aggregation temporality for ${name} as it has unsupported metric type Empty`;
      throw new Error(reason);
    }
    const hasTemporality = kind === 'sum' || kind === 'histogram' || kind === 'exponential';
    if (hasTemporality && temporality !== CUMULATIVE) {
      throw new Error(`invalid temporality and type combination for metric ${JSON.stringify(name)}`);
    }
    const family = metricName(metric, this.names);
    if (metric.points.length === 0) {
      this.warnings.push(['empty_data_points', `empty data points. ${name} is dropped`]);
      return;
    }
    const metadata = { type: typeOf(metric), unit: unitName(metric.unit), help: metric.description };
    for (const point of metric.points) {
      const labels = this.pointLabels(point.attributes, metadata);
      const native = this.nativeOf(metric, point);
      if (native) this.addNative(labels, family, point, native, metadata);
      else if (kind === 'histogram') this.addHistogram(family, point, labels, metadata);
      else if (kind === 'summary') this.addSummary(family, point, labels, metadata);
      else {
        const exemplars = kind === 'sum' ? point.exemplars.map(exemplarOf) : [];
        this.add(labels, family, point, point.value, metadata, exemplars);
      }
    }
  }

  private add(
    labels: Map<string, string>,
    name: string,
    { start, time, isStale }: Point,
    value: number,
    metadata: SeriesMetadata,
    exemplars: OtlpSample['exemplars'] = [],
  ): void {
    const all = Labels.fromMap(new Map(labels).set(METRIC_NAME, name));
    this.sink({ labels: all, start, time, value: isStale ? null : value, histogram: null, exemplars, metadata });
  }

  /** Where a point becomes one sample. */
  private nativeOf({ name, kind }: Metric, point: Point): FloatHistogram | undefined {
    const toCustom = kind === 'histogram' && this.options.config.convert_histograms_to_nhcb;
    if (!toCustom && !point.exponential) return undefined;
    if (!point.isStale && point.count === 0 && (point.sum ?? 0) !== 0) {
      const what = toCustom ? 'histogram' : 'exponential histogram';
      const text = `${what} data point has zero count, but non-zero sum: ${(point.sum ?? 0).toFixed(6)}`;
      this.warnings.push(['histogram_zero_count_non_zero_sum', `${name}: ${text}`]);
    }
    return toCustom || !point.exponential ? customHistogram(point) : nativeHistogram(point, point.exponential);
  }

  private addNative(
    labels: Map<string, string>,
    name: string,
    { start, time, isStale, exemplars }: Point,
    histogram: FloatHistogram,
    metadata: SeriesMetadata,
  ): void {
    const all = Labels.fromMap(new Map(labels).set(METRIC_NAME, name));
    const value = isStale ? null : 0;
    this.sink({ labels: all, start, time, value, histogram, exemplars: exemplars.map(exemplarOf), metadata });
  }

  private addHistogram(name: string, point: Point, labels: Map<string, string>, metadata: SeriesMetadata): void {
    const { sum, count, bounds, bucketCounts } = point;
    if (sum !== null) this.add(labels, `${name}_sum`, point, sum, metadata);
    this.add(labels, `${name}_count`, point, count, metadata);
    const exemplars = point.exemplars.map(exemplarOf);
    let taken = 0;
    /** Buckets and exemplars both ascend. */
    const exemplarsUpTo = (bound: number) => {
      const from = taken;
      while (taken < exemplars.length && !(exemplars[taken].value > bound)) taken++;
      return exemplars.slice(from, taken);
    };
    const bucket = (le: string, value: number, bound: number) =>
      this.add(new Map(labels).set('le', le), `${name}_bucket`, point, value, metadata, exemplarsUpTo(bound));
    let cumulative = 0;
    for (let i = 0; i < bounds.length && i < bucketCounts.length; i++) {
      cumulative += bucketCounts[i];
      bucket(formatPlain(bounds[i]), cumulative, bounds[i]);
    }
    bucket('+Inf', count, Number.POSITIVE_INFINITY);
  }

  private addSummary(name: string, point: Point, labels: Map<string, string>, metadata: SeriesMetadata): void {
    this.add(labels, `${name}_sum`, point, point.sum ?? 0, metadata);
    this.add(labels, `${name}_count`, point, point.count, metadata);
    for (const [quantile, value] of point.quantiles) {
      this.add(new Map(labels).set('quantile', formatPlain(quantile)), name, point, value, metadata);
    }
  }

  /** Of the point, what is promoted of its resource, job and instance, and of its scope. */
  private pointLabels(attributes: Attributes, metadata: SeriesMetadata): Map<string, string> {
    const labels = this.attributeLabels(attributes, [METRIC_NAME], 'data point');
    for (const [name, value] of this.resource.promoted) if (!labels.get(name)) labels.set(name, value);
    this.identify(labels);
    for (const [name, value] of this.scope) labels.set(name, value);
    if (this.options.typeAndUnitLabels) {
      if (metadata.type !== 'unknown') labels.set('__type__', metadata.type);
      if (metadata.unit !== '') labels.set('__unit__', metadata.unit);
    }
    return labels;
  }

  private identify(labels: Map<string, string>): void {
    const { job, instance } = this.resource;
    if (job !== '') labels.set('job', job);
    if (instance !== '') labels.set('instance', instance);
  }

  /** Values of attributes whose names become the same are joined, in the order of their names. */
  private attributeLabels(attributes: Attributes, ignored: readonly string[], source: string): Map<string, string> {
    const labels = new Map<string, string>();
    const keys = [...attributes.keys()].filter((key) => !ignored.includes(key)).sort();
    for (const key of keys) {
      const value = attributes.get(key) as string;
      if (this.names.allowUtf8) {
        labels.set(key, value);
        continue;
      }
      const name = this.label(key);
      const before = labels.get(name);
      if (before) this.tellCollision(keys, name, source);
      labels.set(name, before ? `${before};${value}` : value);
    }
    return labels;
  }

  private tellCollision(keys: readonly string[], name: string, source: string): void {
    const colliding = keys.filter((key) => this.label(key) === name).map((key) => JSON.stringify(key));
    const text = `OTLP ${source} attributes ${colliding.join(', ')} collide as label ${JSON.stringify(name)} after name sanitization, values are concatenated with ';'`;
    if (this.warnings.every(([, told]) => told !== text)) this.warnings.push(['label_name_collision', text]);
  }

  /** What is known of a resource beside what identifies it, as a series of ones over the time of its points. */
  private addTargetInfo(attributes: Attributes, earliest: number, latest: number): void {
    if ([...attributes.keys()].every((key) => IDENTIFYING.includes(key))) return;
    const ignored = this.options.config.keep_identifying_resource_attributes ? [] : IDENTIFYING;
    const pairs = this.attributeLabels(attributes, ignored, 'resource');
    this.identify(pairs);
    const labels = Labels.fromMap(pairs.set(METRIC_NAME, 'target_info'));
    if (!labels.has('job') && !labels.has('instance')) return;
    const step = Math.max(1, Math.floor(this.options.lookbackMs / 2));
    const metadata: SeriesMetadata = { ...NO_METADATA, type: 'gauge', help: 'Target metadata' };
    const add = (time: number) => {
      const key = `${time} ${labels.key}`;
      if (this.seenTargetInfo.has(key)) return;
      this.seenTargetInfo.add(key);
      this.sink({ labels, start: 0, time, value: 1, histogram: null, exemplars: [], metadata });
    };
    const from = Math.max(earliest, latest - TARGET_INFO_MAX * step);
    for (let time = from; time < latest; time += step) add(time);
    add(latest);
  }
}

/** Samples of `target_info` that one resource of one request may make: a time of zero would make millions. */
const TARGET_INFO_MAX = 1000;

function typeOf({ kind, isMonotonic }: Metric): MetricType {
  if (kind === 'sum') return isMonotonic ? 'counter' : 'gauge';
  if (kind === 'exponential') return 'histogram';
  return kind === 'histogram' || kind === 'summary' ? kind : 'gauge';
}

/** The ids of trace and span; its own attributes too, where all together are not too long. */
function exemplarOf({ time, value, traceId, spanId, attributes }: OtlpExemplar): OtlpSample['exemplars'][number] {
  const labels = new Map<string, string>();
  if (traceId !== '') labels.set('trace_id', traceId);
  if (spanId !== '') labels.set('span_id', spanId);
  const characters = [...labels, ...attributes].reduce((sum, [name, text]) => sum + [...name, ...text].length, 0);
  if (characters <= EXEMPLAR_CHARACTERS_MAX) for (const [name, text] of attributes) labels.set(name, text);
  return { labels: Labels.fromMap(labels), value, time };
}
