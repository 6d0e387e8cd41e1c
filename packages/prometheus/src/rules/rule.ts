import type { Labels } from '@avalanche/model';
import type { VectorSample } from '@avalanche/promql';

export type { VectorSample } from '@avalanche/promql';

/**
 * Evaluates an expression at a time (milliseconds); a scalar result is one sample without labels. `origin` says in the
 * query log who asks.
 */
export type QueryVector = (
  expression: string,
  time: number,
  signal?: AbortSignal,
  origin?: Readonly<Record<string, unknown>>,
) => Promise<readonly VectorSample[]>;

export type RuleHealth = 'unknown' | 'ok' | 'err';

/** What every rule shows of its last evaluation. */
export interface RuleStatus {
  health: RuleHealth;
  lastError: string;
  /** When the last error happened, in milliseconds; 0 where there was none. It stays when the rule is well again. */
  lastErrorTime: number;
  /** Milliseconds; 0 before the first evaluation. */
  lastEvaluation: number;
  evaluationSeconds: number;
  /** Samples that the expression came to. */
  lastResultSize: number;
}

export function newStatus(): RuleStatus {
  return {
    health: 'unknown',
    lastError: '',
    lastErrorTime: 0,
    lastEvaluation: 0,
    evaluationSeconds: 0,
    lastResultSize: 0,
  };
}

/** A rule: one evaluation turns a time into the samples that it writes. */
export interface Rule {
  readonly name: string;
  readonly expression: string;
  /** Labels that the rule lays over its result. */
  readonly labels: Readonly<Record<string, string>>;
  readonly status: RuleStatus;
  /** @throws where the query fails or its result cannot be used */
  evaluate(time: number, query: QueryVector, limit: number): Promise<readonly VectorSample[]>;
}

/** @throws Error where two samples of a rule came to the same labels; `kind` is what upstream's message calls them */
export function checkUnique(samples: readonly { readonly labels: Labels }[], kind: 'rule' | 'alert'): void {
  const seen = new Set<string>();
  for (const { labels } of samples) {
    if (seen.has(labels.key))
      throw new Error(`vector contains metrics with the same labelset after applying ${kind} labels`);
    seen.add(labels.key);
  }
}
