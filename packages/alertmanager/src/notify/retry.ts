import type { Clock } from '@avalanche/model';
import type { Outcome } from './integration.ts';

const FIRST_WAIT_MS = 500;
const FACTOR = 1.5;
const WAIT_MS_MAX = 60_000;
/** Waits vary by this share either way, so that groups that failed together do not come back together. */
const JITTER = 0.5;

/** How long to wait after the `attempt`th failure (from 1); `random` is in [0, 1). What the receiver asked for counts if longer. */
export function backoffMs(attempt: number, random: number, retryAfterMs = 0): number {
  const wait = Math.min(WAIT_MS_MAX, FIRST_WAIT_MS * FACTOR ** (attempt - 1));
  return Math.max(retryAfterMs, wait * (1 - JITTER + 2 * JITTER * random));
}

export interface RetryOptions {
  readonly clock: Clock;
  /** Ends waiting and sending: the group's next turn has come, or we stop. */
  readonly signal: AbortSignal;
  readonly random?: () => number;
  /** Told of every failed attempt. */
  readonly onFailure?: (outcome: Outcome & { readonly kind: 'failed' }, attempts: number) => void;
}

/** Tries until it is sent, has failed for good, or `signal` says that time is up. */
export async function notifyWithRetry(attempt: () => Promise<Outcome>, options: RetryOptions): Promise<Outcome> {
  const { clock, signal, random = Math.random, onFailure } = options;
  for (let attempts = 1; ; attempts++) {
    const outcome = await attempt();
    if (outcome.kind !== 'failed') return outcome;
    onFailure?.(outcome, attempts);
    if (!outcome.retry || signal.aborted) return outcome;
    await wait(clock, backoffMs(attempts, random(), outcome.retryAfterMs), signal);
    if (signal.aborted) {
      const reason = `${outcome.reason} (gave up after ${attempts} attempts)`;
      return {
        ...outcome,
        reason,
        category: outcome.category === 'other' ? 'contextDeadlineExceeded' : outcome.category,
      };
    }
  }
}

function wait(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(ms, done);
    signal.addEventListener('abort', done, { once: true });
  });
}
