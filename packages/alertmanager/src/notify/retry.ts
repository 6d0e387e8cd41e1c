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
  /** No attempt begins after it. */
  readonly ending: AbortSignal;
  readonly random?: () => number;
  /** Told of every failed attempt that is repeated. */
  readonly onFailure?: (outcome: Outcome & { readonly kind: 'failed' }, attempts: number) => void;
}

/** Why `signal` was aborted: a turn's time was up (any other reason), or nobody waits for it any more. */
export const STOPPED = Symbol('stopped');

/**
 * Tries until it is sent, has failed for good, or `signal` says that time is up; then also an attempt that still hangs is
 * left alone, so that no receiver holds up the next turn or the end of the process.
 */
export async function notifyWithRetry(attempt: () => Promise<Outcome>, options: RetryOptions): Promise<Outcome> {
  const { clock, signal, ending, random = Math.random, onFailure } = options;
  let reason = 'no answer';
  for (let attempts = 1; !signal.aborted && !ending.aborted; attempts++) {
    const outcome = await unlessAborted(attempt(), signal);
    if (outcome === undefined) break;
    if (outcome.kind !== 'failed' || !outcome.retry) return outcome;
    reason = outcome.reason;
    if (signal.aborted || ending.aborted) break;
    onFailure?.(outcome, attempts);
    await wait(clock, backoffMs(attempts, random(), outcome.retryAfterMs), [signal, ending]);
  }
  const category = ending.aborted || signal.reason === STOPPED ? 'contextCanceled' : 'contextDeadlineExceeded';
  return { kind: 'failed', reason: `${reason} (gave up)`, retry: false, category };
}

/** undefined when `signal` comes first. */
function unlessAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value | undefined> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => resolve(undefined);
    signal.addEventListener('abort', giveUp, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}

/**
 * Waits until the time is over or a signal comes. No AbortSignal.any: it leaves something behind in each signal that it
 * was made of, and `ending` lives as long as its group.
 */
function wait(clock: Clock, ms: number, signals: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      cancel();
      for (const signal of signals) signal.removeEventListener('abort', end);
      resolve();
    };
    const cancel = clock.after(ms, end);
    for (const signal of signals) signal.addEventListener('abort', end);
  });
}
