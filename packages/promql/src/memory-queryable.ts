import {
  detectReset,
  FloatHistogram,
  type Labels,
  type Matcher,
  type SampleColumns,
  sameBounds,
} from '@avalanche/model';
import type { QueriedSeries, Querier, Queryable } from './queryable.ts';

/** One sample: a float, a native histogram, or null for a staleness marker. */
export type StoredValue = number | FloatHistogram | null;

/** Samples in ascending time. */
interface StoredSeries {
  readonly labels: Labels;
  readonly t: number[];
  readonly values: StoredValue[];
  /** Start timestamps; 0 where there is none. */
  readonly starts: number[];
}

/** A small Queryable in memory: the store of the test language, and of unit tests of rules. */
export class MemoryQueryable implements Queryable {
  private readonly series = new Map<string, StoredSeries>();

  clear(): void {
    this.series.clear();
  }

  /** Appends one sample. Samples that are not newer than the last are dropped. */
  append(labels: Labels, timeMs: number, value: StoredValue, startMs = 0): void {
    let stored = this.series.get(labels.key);
    if (!stored) {
      stored = { labels, t: [], values: [], starts: [] };
      this.series.set(labels.key, stored);
    }
    if (stored.t.length > 0 && timeMs <= stored.t[stored.t.length - 1]) return;
    const hinted = value instanceof FloatHistogram ? asRead(value, stored.values.at(-1)) : value;
    stored.t.push(timeMs);
    stored.values.push(hinted);
    stored.starts.push(startMs);
  }

  querier(minTime: number, maxTime: number): Querier {
    return {
      select: async (matchers) => this.select(matchers, minTime, maxTime),
      close() {},
    };
  }

  private select(matchers: readonly Matcher[], minTime: number, maxTime: number): QueriedSeries[] {
    return [...this.series.values()]
      .filter(({ labels }) => matchers.every((matcher) => matcher.matches(labels.get(matcher.name))))
      .filter(({ t }) => t.length > 0 && t[0] <= maxTime && t[t.length - 1] >= minTime)
      .sort((a, b) => a.labels.compare(b.labels))
      .map((stored) => {
        const readStored: QueriedSeries['read'] = (min, max, into) => read(stored, min, max, into);
        return { labels: stored.labels, read: readStored, readLatest: readStored };
      });
  }
}

function read({ t, values, starts }: StoredSeries, minTime: number, maxTime: number, into: SampleColumns): number {
  const before = into.length;
  for (let i = 0; i < t.length && t[i] <= maxTime; i++) {
    if (t[i] < minTime) continue;
    const value = values[i];
    if (value === null) into.pushStale(t[i]);
    else if (value instanceof FloatHistogram) into.pushHistogram(t[i], value);
    else into.push(t[i], value);
    if (starts[i] !== 0) into.setStart(starts[i]);
  }
  return into.length - before;
}

/**
 * A histogram with the counter reset hint that the TSDB gives it: within a chunk counters are known to have gone on,
 * and a chunk ends where that cannot be said. A gauge stays a gauge.
 */
function asRead(histogram: FloatHistogram, previous: StoredValue | undefined): FloatHistogram {
  if (histogram.counterResetHint === 'gauge') return histogram;
  const goesOn =
    previous instanceof FloatHistogram &&
    previous.counterResetHint !== 'gauge' &&
    histogram.counterResetHint !== 'reset' &&
    histogram.schema === previous.schema &&
    histogram.zeroThreshold === previous.zeroThreshold &&
    sameBounds(histogram.customValues, previous.customValues) &&
    !detectReset(histogram.withHint('unknown'), previous);
  return histogram.withHint(goesOn ? 'not_reset' : 'unknown');
}
