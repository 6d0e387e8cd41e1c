import type { FloatHistogram, Labels } from '@avalanche/model';
import { MemoryQueryable, type SeriesValue } from '@avalanche/promql';

/** What an input series of a unit test is made of. */
export interface InputSeries {
  readonly labels: Labels;
  readonly values: readonly SeriesValue[];
}

interface Latest {
  readonly timeMs: number;
  readonly value: number | FloatHistogram | null;
}

/** The samples of one unit test: those of the input come as time goes on, those of rules as they are evaluated. */
export class UnitTestStore {
  readonly queryable = new MemoryQueryable();
  private readonly latest = new Map<string, Latest>();
  private readonly input: readonly InputSeries[];
  /** Index of the next value of the input. */
  private next = 0;

  constructor(
    input: readonly InputSeries[],
    private readonly startMs: number,
    private readonly intervalMs: number,
  ) {
    // Of two lines for one series the last counts.
    this.input = [...new Map(input.map((series) => [series.labels.key, series])).values()];
  }

  /** Lets the input come up to a time, which is included. */
  advance(timeMs: number): void {
    for (; this.startMs + this.next * this.intervalMs <= timeMs; this.next++) {
      const at = this.startMs + this.next * this.intervalMs;
      for (const { labels, values } of this.input) {
        const value = values[this.next];
        if (value === undefined) continue;
        this.append(labels, at, typeof value === 'number' || value === null ? value : value.histogram);
      }
    }
  }

  /** @returns why the sample is not taken, or '' */
  append(labels: Labels, timeMs: number, value: number | FloatHistogram | null): string {
    const last = this.latest.get(labels.key);
    if (last && timeMs < last.timeMs) return 'out of order sample';
    if (last && timeMs === last.timeMs) return Object.is(last.value, value) ? '' : 'duplicate sample for timestamp';
    this.latest.set(labels.key, { timeMs, value });
    this.queryable.append(labels, timeMs, value);
    return '';
  }
}
