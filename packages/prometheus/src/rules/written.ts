import { HistogramError, type Labels, type Logger } from '@avalanche/model';
import {
  APPENDED,
  type Appender,
  DUPLICATE_TIMESTAMP,
  OUT_OF_BOUNDS,
  OUT_OF_ORDER,
  type Outcome,
  UNKNOWN_SERIES,
} from '@avalanche/tsdb';
import type { VectorSample } from './rule.ts';

/** A series that a rule writes. */
export interface WrittenSeries {
  readonly labels: Labels;
  ref: number;
}

/** Series by the key of their labels. */
export type WrittenMap = ReadonlyMap<string, WrittenSeries>;

const REFUSED: Readonly<Record<number, string>> = {
  [OUT_OF_ORDER]: 'out of order sample',
  [OUT_OF_BOUNDS]: 'out of bounds',
  [DUPLICATE_TIMESTAMP]: 'duplicate sample for timestamp',
};

export interface WriteResult {
  /** The series that the storage took samples of. */
  readonly series: WrittenMap;
  /** Why some were not taken; '' where all were. */
  readonly refused: string;
}

/**
 * Writes the samples of one evaluation of a rule, and ends the series that it wrote last time and not now.
 * @throws the log's error, after which nothing was written
 */
export function writeSamples(
  appender: Appender,
  samples: readonly VectorSample[],
  before: WrittenMap,
  time: number,
  logger: Logger,
): WriteResult {
  const series = new Map<string, WrittenSeries>();
  const refusals = new Map<string, number>();
  for (const sample of samples) {
    const { labels } = sample;
    const known = before.get(labels.key) ?? { labels, ref: appender.seriesRef(labels) };
    const refusal = appendOne(appender, known, time, sample);
    if (refusal === '') series.set(labels.key, known);
    else refusals.set(refusal, (refusals.get(refusal) ?? 0) + 1);
  }
  for (const [key, { ref }] of before) if (!series.has(key)) appender.appendStale(ref, time);
  appender.commit();
  for (const [reason, dropped] of refusals) logger.warn('Rule evaluation result discarded', { reason, dropped });
  return { series, refused: [...refusals.keys()].join('; ') };
}

/** Why the sample was refused, or ''. */
function appendOne(appender: Appender, series: WrittenSeries, time: number, sample: VectorSample): string {
  try {
    let outcome = append(appender, series.ref, time, sample);
    if (outcome === UNKNOWN_SERIES) {
      series.ref = appender.seriesRef(series.labels);
      outcome = append(appender, series.ref, time, sample);
    }
    if (outcome === APPENDED) return '';
    return REFUSED[outcome] ?? 'not stored';
  } catch (error) {
    if (error instanceof HistogramError) return error.message;
    throw error;
  }
}

/** @throws HistogramError */
function append(appender: Appender, ref: number, time: number, { value, histogram }: VectorSample): Outcome {
  return histogram ? appender.appendHistogram(ref, time, histogram) : appender.append(ref, time, value);
}
