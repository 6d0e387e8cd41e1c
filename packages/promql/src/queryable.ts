import type { Labels, Matcher, SampleColumns } from '@avalanche/model';

/**
 * Where the engine reads from. The engine owns this interface; storage implements it without importing it from here.
 * All times are milliseconds since the epoch, both ends included.
 */
export interface Queryable {
  querier(minTime: number, maxTime: number): Querier;
  /** Storage as it is at this moment: what all selectors of one query read, so that they agree with each other. */
  view?(): QueryableView;
}

export interface QueryableView extends Queryable {
  /** Frees what is held. Idempotent. */
  close(): void;
}

export interface Querier {
  /**
   * The series that satisfy every matcher and may have samples in the querier's range, sorted by `Labels.compare`.
   * A series is listed once. May read from disk; the handles stay valid until `close`.
   */
  select(matchers: readonly Matcher[]): Promise<readonly QueriedSeries[]>;
  /** What went wrong with a part of the storage that the query went on without; told with the result. */
  readonly warnings?: readonly string[];
  /** Frees what `select` holds. Idempotent. */
  close(): void;
}

/** One selected series. It holds no samples: they are decoded on request into a buffer of the caller's. */
export interface QueriedSeries {
  readonly labels: Labels;
  /**
   * Appends this series' float samples with minTime ≤ t ≤ maxTime to `into` in ascending time, staleness markers
   * included with their bits intact (`SampleColumns.isStale`), and returns how many there were. Does not clear `into`.
   */
  read(minTime: number, maxTime: number, into: SampleColumns): number;
  /** As `read`, for who needs only the latest of these samples: the others may be left out. */
  readLatest(minTime: number, maxTime: number, into: SampleColumns): number;
}
