import type { FloatHistogram } from '@avalanche/model';

/** The latest sample of a series, as federation gives it out. */
export interface FederatedSample {
  readonly name: string;
  /** Without the name; with the server's own labels. */
  readonly labels: readonly (readonly [string, string])[];
  /** Says nothing beside a histogram. */
  readonly value: number;
  readonly histogram: FloatHistogram | undefined;
  /** Milliseconds since the epoch. */
  readonly time: number;
}

/** Collects samples in one format, family by family. */
export interface FederationWriter {
  /** About how much is collected, in bytes. */
  readonly size: number;
  add(sample: FederatedSample): void;
  /** What was collected since the last call, whole families and parts of one. */
  take(): Buffer;
}

/** The buckets of a histogram with custom buckets, cumulative, without the last one. */
export function classicBuckets({
  customValues,
  positive,
}: FloatHistogram): (readonly [bound: number, count: number])[] {
  let count = 0;
  let at = 0;
  return Array.from(customValues, (bound, i) => {
    while (at < positive.indexes.length && positive.indexes[at] < i) at++;
    if (positive.indexes[at] === i) count += positive.counts[at];
    return [bound, count] as const;
  });
}
