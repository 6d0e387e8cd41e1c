import type { Span } from './ast.ts';
import { lineColumn } from './error.ts';
import { quote } from './quote.ts';

/** Annotations kept of one query; more of them would say nothing new. */
const ANNOTATIONS_MAX = 1_000;

/** What a query has to say beside its result, in upstream's words. Equal ones are kept once. */
export class Annotations {
  private readonly warningTexts = new Set<string>();
  private readonly infoTexts = new Set<string>();
  private readonly said: Annotation[] = [];

  constructor(readonly source: string) {}

  warn(text: string, at: Span): void {
    this.add(this.warningTexts, 'warning', text, at);
  }

  info(text: string, at: Span): void {
    this.add(this.infoTexts, 'info', text, at);
  }

  get warnings(): string[] {
    return [...this.warningTexts];
  }

  get infos(): string[] {
    return [...this.infoTexts];
  }

  /** Those inside of a part of the query, for `repeat`. */
  within({ from, to }: Span): readonly Annotation[] {
    return this.said.filter((annotation) => annotation.at >= from && annotation.at < to);
  }

  /** Says annotations of one part of the query again for an equal part that begins `distance` characters later. */
  repeat(annotations: readonly Annotation[], distance: number): void {
    for (const { kind, text, at } of annotations) {
      const into = kind === 'warning' ? this.warningTexts : this.infoTexts;
      this.add(into, kind, text, { from: at + distance, to: at + distance });
    }
  }

  private add(into: Set<string>, kind: Annotation['kind'], text: string, { from }: Span): void {
    if (into.size >= ANNOTATIONS_MAX) return;
    const shown = `PromQL ${kind}: ${text} (${lineColumn(this.source, from)})`;
    if (into.has(shown)) return;
    into.add(shown);
    this.said.push({ kind, text, at: from });
  }
}

export interface Annotation {
  readonly kind: 'warning' | 'info';
  readonly text: string;
  /** Character offset into the query. */
  readonly at: number;
}

export function invalidQuantile(q: number): string {
  return `quantile value should be between 0 and 1, got ${goFloat(q)}`;
}

export function invalidRatio(ratio: number, capped: number): string {
  return `ratio value should be between -1 and 1, got ${goFloat(ratio)}, capping to ${goFloat(capped)}`;
}

export function possibleNonCounter(metricName: string): string {
  return `metric might not be a counter, name does not end in _total/_sum/_count/_bucket: ${quote(metricName)}`;
}

export function badBucketLabel(value: string, metricName: string): string {
  return `bucket label "le" is missing or has a malformed value of ${quote(value)}${forMetric(metricName)}`;
}

export function forcedMonotonicity(metricName: string): string {
  const docs = 'https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile';
  return `input to histogram_quantile needed to be fixed for monotonicity (see ${docs})${forMetric(metricName)}`;
}

export const SORT_IN_RANGE_QUERY = 'sort is ineffective for range queries since results are always ordered by labels';

function forMetric(metricName: string): string {
  return metricName === '' ? '' : ` for metric name ${quote(metricName)}`;
}

/** Go's `%g` for the numbers that annotations print. */
function goFloat(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);
}
