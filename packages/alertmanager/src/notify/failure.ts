import type { FailureCategory, Outcome } from './integration.ts';
import { SecretMissing } from './secret-file.ts';

export type { FailureCategory };

/** An attempt that has failed, thrown through what it was in the middle of. */
export class NotifyFailure extends Error {
  override readonly name = 'NotifyFailure';

  constructor(readonly outcome: Outcome & { readonly kind: 'failed' }) {
    super(outcome.reason);
  }

  /** The same, with `prefix` before what is told of it. */
  within(prefix: string): NotifyFailure {
    return new NotifyFailure({ ...this.outcome, reason: `${prefix}${this.outcome.reason}` });
  }
}

/** What an error means: templates and files do not get better by another try. */
export function outcomeOfError(error: unknown): Outcome {
  if (error instanceof NotifyFailure) return error.outcome;
  const reason = (error as Error).message;
  if (error instanceof SecretMissing) return { kind: 'not-configured', reason };
  return { kind: 'failed', reason, retry: false, category: 'other' };
}
