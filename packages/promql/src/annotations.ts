import { formatG } from '@avalanche/model';
import { type Expr, type Span, unparen } from './ast.ts';
import { lineColumn } from './error.ts';
import { quote } from './quote.ts';

/** Annotations kept of one query; more of them would say nothing new. */
const ANNOTATIONS_MAX = 1_000;

/**
 * What a query has to say beside its result, in upstream's words. What is said at several places, as of an expression that
 * stands there twice, is told once, of the last.
 */
export class Annotations {
  /** null where nothing was said, as of most queries. */
  private notes: Notes | null = null;

  constructor(readonly source: string) {}

  warn(text: string, at: Span): void {
    this.add({ kind: 'warning', text, at: at.from });
  }

  info(text: string, at: Span): void {
    this.add({ kind: 'info', text, at: at.from });
  }

  /** Tells of buckets of a classic histogram that had to be corrected; all corrections of a metric are told as one. */
  corrected(
    metricName: string,
    at: Span,
    correction: Pick<Correction, 'minBound' | 'maxBound' | 'maxDiff'>,
    timeMs: number,
  ): void {
    const text = forcedMonotonicity(metricName);
    const { corrections } = this.kept();
    const before = corrections.get(text);
    corrections.set(text, {
      minBound: Math.min(correction.minBound, before?.minBound ?? Number.POSITIVE_INFINITY),
      maxBound: Math.max(correction.maxBound, before?.maxBound ?? Number.NEGATIVE_INFINITY),
      maxDiff: Math.max(correction.maxDiff, before?.maxDiff ?? 0),
      minTimeMs: Math.min(timeMs, before?.minTimeMs ?? timeMs),
      maxTimeMs: Math.max(timeMs, before?.maxTimeMs ?? timeMs),
      samples: (before?.samples ?? 0) + 1,
    });
    if (!before) this.info(text, at);
  }

  /** A sample says that it started before the sample before it; told once for all of a metric. */
  startTimeOverlap(metricName: string, at: Span): void {
    const what = 'sample has start time that overlaps with previous sample timestamp';
    const text = `${what} for metric ${quote(metricName)}`;
    const { overlaps } = this.kept();
    overlaps.set(text, (overlaps.get(text) ?? 0) + 1);
    this.warn(text, at);
  }

  get warnings(): string[] {
    return this.shown('warning');
  }

  get infos(): string[] {
    return this.shown('info');
  }

  /** Those inside of a part of the query, for `repeat`. */
  within({ from, to }: Span): readonly Annotation[] {
    return this.notes === null ? [] : [...this.notes.said.values()].filter(({ at }) => at >= from && at < to);
  }

  /** Says annotations of one part of the query again for an equal part that begins `distance` characters later. */
  repeat(annotations: readonly Annotation[], distance: number): void {
    for (const { kind, text, at } of annotations) this.add({ kind, text, at: at + distance });
  }

  private add(annotation: Annotation): void {
    const { kind, text, at } = annotation;
    const notes = this.kept();
    const texts = notes[kind];
    if (texts.get(text) === at || (texts.size >= ANNOTATIONS_MAX && !texts.has(text))) return;
    texts.set(text, at);
    notes.said.set(`${kind} ${at} ${text}`, annotation);
  }

  private kept(): Notes {
    this.notes ??= {
      warning: new Map(),
      info: new Map(),
      said: new Map(),
      corrections: new Map(),
      overlaps: new Map(),
    };
    return this.notes;
  }

  private shown(kind: Annotation['kind']): string[] {
    const { notes } = this;
    if (notes === null) return [];
    return [...notes[kind]].map(([text, at]) => {
      const correction = notes.corrections.get(text);
      const overlaps = notes.overlaps.get(text) ?? 0;
      const details = correction ? `, ${correctionText(correction)}` : overlaps > 1 ? ` (${overlaps} occurrences)` : '';
      return `PromQL ${kind}: ${text}${details} (${lineColumn(this.source, at)})`;
    });
  }
}

interface Notes {
  /** Where each warning and each info stands, by its text. */
  readonly warning: Map<string, number>;
  readonly info: Map<string, number>;
  readonly said: Map<string, Annotation>;
  readonly corrections: Map<string, Correction>;
  /** How often each start time overlap was met, by what is said of it. */
  readonly overlaps: Map<string, number>;
}

/** How the counts of a classic histogram's buckets, which must not fall, were corrected. */
interface Correction {
  /** Bounds of the lowest and the highest bucket that was corrected. */
  readonly minBound: number;
  readonly maxBound: number;
  /** The largest correction. */
  readonly maxDiff: number;
  readonly minTimeMs: number;
  readonly maxTimeMs: number;
  readonly samples: number;
}

function correctionText({ minBound, maxBound, maxDiff, minTimeMs, maxTimeMs, samples }: Correction): string {
  const buckets = `from buckets ${formatG(minBound)} to ${formatG(maxBound)}`;
  const times = `from ${rfc3339(minTimeMs)} to ${rfc3339(maxTimeMs)}`;
  return `${buckets}, with a max diff of ${twoDigits(maxDiff)}, over ${samples} samples ${times}`;
}

/** Go's `%.2g`. */
function twoDigits(value: number): string {
  const [mantissa, exponent] = value.toExponential(1).split('e');
  if (Number(exponent) >= -4 && Number(exponent) < 2) return String(Number(value.toPrecision(2)));
  return `${Number(mantissa)}e${exponent[0]}${exponent.slice(1).padStart(2, '0')}`;
}

function rfc3339(timeMs: number): string {
  return `${new Date(Math.trunc(timeMs / 1000) * 1000).toISOString().slice(0, 19)}Z`;
}

/**
 * Where an annotation about an argument stands: inside its parentheses. Upstream has replaced a subquery by its result by
 * then, which stands nowhere, and so at the beginning.
 */
export function argumentSpan(argument: Expr): Span {
  const inner = unparen(argument);
  return inner.kind === 'subquery' ? { from: 0, to: 0 } : inner;
}

export interface Annotation {
  readonly kind: 'warning' | 'info';
  readonly text: string;
  /** Character offset into the query. */
  readonly at: number;
}

export function invalidQuantile(q: number): string {
  return `quantile value should be between 0 and 1, got ${formatG(q)}`;
}

export function invalidRatio(ratio: number, capped: number): string {
  return `ratio value should be between -1 and 1, got ${formatG(ratio)}, capping to ${formatG(capped)}`;
}

export function possibleNonCounter(metricName: string): string {
  return `metric might not be a counter, name does not end in _total/_sum/_count/_bucket: ${quote(metricName)}`;
}

/** With types as labels, the type says whether a metric is a counter, not its name. */
export function possibleNonCounterType(metricName: string, type: string): string {
  const got = `got ${quote(type)}: ${quote(metricName)}`;
  return `metric might not be a counter, __type__ label is not set to "counter" or "histogram", ${got}`;
}

export function badBucketLabel(value: string, metricName: string): string {
  return `bucket label "le" is missing or has a malformed value of ${quote(value)}${forMetric(metricName)}`;
}

function forcedMonotonicity(metricName: string): string {
  const docs = 'https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile';
  return `input to histogram_quantile needed to be fixed for monotonicity (see ${docs})${forMetric(metricName)}`;
}

export const SORT_IN_RANGE_QUERY = 'sort is ineffective for range queries since results are always ordered by labels';

function forMetric(metricName: string): string {
  return metricName === '' ? '' : ` for metric name ${quote(metricName)}`;
}
