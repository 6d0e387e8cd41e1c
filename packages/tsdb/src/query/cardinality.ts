import { METRIC_NAME, Slices } from '@avalanche/model';
import type { Head } from '../head/head.ts';

export interface Ranked {
  readonly name: string;
  readonly value: number;
}

/** What makes the head large: the largest first, so many of each as asked for (upstream's index.PostingsStats). */
export interface Cardinality {
  readonly labelPairs: number;
  readonly seriesByMetric: readonly Ranked[];
  readonly valuesByLabel: readonly Ranked[];
  /** Bytes of all values of a label name. */
  readonly valueBytesByLabel: readonly Ranked[];
  /** `name=value`. */
  readonly seriesByPair: readonly Ranked[];
}

/** Walks the index of the head, however many series it has, without holding the event loop. */
export async function cardinality({ postings }: Head, limit: number): Promise<Cardinality> {
  const slices = new Slices();
  const seriesByMetric = new Largest(limit);
  const valuesByLabel = new Largest(limit);
  const valueBytesByLabel = new Largest(limit);
  const seriesByPair = new Largest(limit);
  let labelPairs = 0;
  for (const name of postings.labelNames()) {
    let values = 0;
    let bytes = 0;
    for (const value of postings.values(name)) {
      if (slices.isOver()) await slices.next();
      const series = postings.postings(name, value).length;
      values++;
      bytes += Buffer.byteLength(value);
      if (name === METRIC_NAME) seriesByMetric.offer(value, series);
      if (seriesByPair.wants(series)) seriesByPair.offer(`${name}=${value}`, series);
    }
    labelPairs += values;
    valuesByLabel.offer(name, values);
    valueBytesByLabel.offer(name, bytes);
  }
  return {
    labelPairs,
    seriesByMetric: seriesByMetric.ranked(),
    valuesByLabel: valuesByLabel.ranked(),
    valueBytesByLabel: valueBytesByLabel.ranked(),
    seriesByPair: seriesByPair.ranked(),
  };
}

/** The entries with the largest values of many. */
class Largest {
  private entries: Ranked[] = [];
  /** What an entry must have to be among them. */
  private least = Number.NEGATIVE_INFINITY;

  constructor(private readonly limit: number) {}

  wants(value: number): boolean {
    return value > this.least;
  }

  offer(name: string, value: number): void {
    if (!this.wants(value)) return;
    this.entries.push({ name, value });
    if (this.entries.length < 2 * this.limit) return;
    this.entries = this.ranked();
    this.least = this.entries[this.limit - 1].value;
  }

  ranked(): Ranked[] {
    return this.entries.sort((a, b) => b.value - a.value).slice(0, this.limit);
  }
}
