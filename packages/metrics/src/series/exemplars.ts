import type { Counter, Histogram, Metric } from 'prom-client';
import {
  type HistogramEntry,
  hashOf,
  internalsOf,
  isHistogramEntry,
  type LabelSet,
  type ValueEntry,
} from './internals.ts';

/** One event that a sample counted, such as a run by its id. */
export interface SampleExemplar {
  readonly labels: LabelSet;
  readonly value: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** OpenMetrics allows so many characters in the labels of an exemplar. */
const CHARACTERS_MAX = 128;

/** By series, and in a histogram by the bucket's bound. */
const exemplars = new WeakMap<object, Map<number, SampleExemplar>>();
const ONLY = 0;

/**
 * Says which event a counter or histogram has just counted. OpenMetrics scrapes show the last one of each series or
 * bucket. Nothing is kept where the labels are longer than OpenMetrics allows.
 */
export function setExemplar(metric: Counter | Histogram, labels: LabelSet, exemplar: SampleExemplar): void {
  const { hashMap, sortedLabelNames, upperBounds = [] } = internalsOf(metric as Metric);
  const entry = hashMap?.[hashOf(labels, sortedLabelNames)];
  const length = Object.entries(exemplar.labels).reduce(
    (sum, [name, value]) => sum + name.length + String(value).length,
    0,
  );
  if (entry === undefined || length > CHARACTERS_MAX) return;
  const place = isHistogramEntry(entry) ? (upperBounds.find((bound) => exemplar.value <= bound) ?? Infinity) : ONLY;
  let known = exemplars.get(entry);
  if (known === undefined) {
    known = new Map();
    exemplars.set(entry, known);
  }
  known.set(place, exemplar);
}

/** @param bound of a histogram's bucket */
export function exemplarOf(entry: ValueEntry | HistogramEntry, bound = ONLY): SampleExemplar | undefined {
  return exemplars.get(entry)?.get(bound) ?? clientExemplar(entry, bound);
}

/** The one that prom-client was given (`enableExemplars`). */
function clientExemplar(entry: ValueEntry | HistogramEntry, bound: number): SampleExemplar | undefined {
  const given = isHistogramEntry(entry)
    ? entry.bucketExemplars?.[bound === Infinity ? -1 : bound]
    : bound === ONLY && entry.exemplar;
  return given ? { labels: given.labelSet, value: given.value, at: given.timestamp * 1000 } : undefined;
}
