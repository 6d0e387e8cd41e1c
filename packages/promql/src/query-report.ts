import type { QueryRun } from './query-run.ts';
import type { PerStepStats, QueryStats } from './result.ts';

/** What a query was, what it cost, and how it failed if it did: for logs and metrics. */
export interface QueryReport {
  readonly text: string;
  readonly startMs: number;
  readonly endMs: number;
  /** 0 for an instant query. */
  readonly stepMs: number;
  readonly stats: QueryStats;
  /** null where it succeeded. */
  readonly error: unknown;
  /** Who asked, as `QueryOptions.origin` has it. */
  readonly origin: Readonly<Record<string, unknown>>;
}

/** Sees queries begin and end. Called synchronously, so it must be quick; what it throws fails the query. */
export interface QueryObserver {
  /** A query has got its slot. @returns what is called when it gives the slot back */
  started(text: string): () => void;
  /** A query has ended, one that never got a slot included. Parse errors are none of a query yet. */
  ended(report: QueryReport): void;
}

function perStepOf({ steps, counter: { perStep } }: QueryRun): PerStepStats | null {
  return perStep && { startMs: steps.startMs, stepMs: steps.stepMs, totalSamples: perStep };
}

/** The times of one query, from its request on. */
export class QueryTimes {
  private readonly queuedAt = performance.now();
  private startedAt = -1;
  private preparedAt = -1;

  /** Milliseconds since the request. */
  get elapsedMs(): number {
    return performance.now() - this.queuedAt;
  }

  started(): void {
    this.startedAt = performance.now();
  }

  prepared(): void {
    this.preparedAt = performance.now();
  }

  /** What has been spent so far. */
  stats(run: QueryRun | null): QueryStats {
    const now = performance.now();
    const startedAt = this.startedAt < 0 ? now : this.startedAt;
    const preparedAt = this.preparedAt < 0 ? now : this.preparedAt;
    const resultSortMs = run?.sortMs ?? 0;
    return {
      totalMs: now - this.queuedAt,
      queueMs: startedAt - this.queuedAt,
      evalMs: now - startedAt,
      preparationMs: preparedAt - startedAt,
      innerEvalMs: now - preparedAt - resultSortMs,
      resultSortMs,
      totalSamples: run?.counter.total ?? 0,
      samplesRead: run?.samplesRead ?? 0,
      peakSamples: run?.peakSamples ?? 0,
      perStep: run && perStepOf(run),
    };
  }
}
