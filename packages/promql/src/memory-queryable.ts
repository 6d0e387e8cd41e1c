import { type Labels, type Matcher, type SampleColumns, STALE_HIGH, STALE_LOW } from '@avalanche/model';
import type { QueriedSeries, Querier, Queryable } from './queryable.ts';

/** Samples in ascending time; `stale` says which are staleness markers. */
interface StoredSeries {
  readonly labels: Labels;
  readonly t: number[];
  readonly v: number[];
  readonly stale: boolean[];
}

/** A small Queryable in memory: the store of the test language, and of unit tests of rules. */
export class MemoryQueryable implements Queryable {
  private readonly series = new Map<string, StoredSeries>();

  clear(): void {
    this.series.clear();
  }

  /** Appends one sample; `null` is a staleness marker. Samples that are not newer than the last are dropped. */
  append(labels: Labels, timeMs: number, value: number | null): void {
    let stored = this.series.get(labels.key);
    if (!stored) {
      stored = { labels, t: [], v: [], stale: [] };
      this.series.set(labels.key, stored);
    }
    if (stored.t.length > 0 && timeMs <= stored.t[stored.t.length - 1]) return;
    stored.t.push(timeMs);
    stored.v.push(value ?? Number.NaN);
    stored.stale.push(value === null);
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
      .map((stored) => ({ labels: stored.labels, read: (min, max, into) => read(stored, min, max, into) }));
  }
}

function read({ t, v, stale }: StoredSeries, minTime: number, maxTime: number, into: SampleColumns): number {
  const before = into.length;
  for (let i = 0; i < t.length && t[i] <= maxTime; i++) {
    if (t[i] < minTime) continue;
    if (stale[i]) into.pushBits(t[i], STALE_LOW, STALE_HIGH);
    else into.push(t[i], v[i]);
  }
  return into.length - before;
}
