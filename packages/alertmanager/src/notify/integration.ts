import type { Notification } from '../template/data.ts';

/** What became of one attempt to notify. */
export type Outcome =
  | { readonly kind: 'sent' }
  | {
      readonly kind: 'failed';
      readonly reason: string;
      readonly retry: boolean;
      /** What the receiver asks us to wait (milliseconds), from Retry-After. */
      readonly retryAfterMs?: number;
      /** For the metric's `reason`. */
      readonly category: 'clientError' | 'serverError' | 'contextDeadlineExceeded' | 'contextCanceled' | 'other';
    }
  /** A secret's file is not there (yet): not an error, said once. */
  | { readonly kind: 'not-configured'; readonly reason: string };

/** One way of a receiver to reach people: the second Slack entry of receiver `ops` is `ops/slack/1`. */
export interface Integration {
  readonly receiver: string;
  readonly kind: 'webhook' | 'slack' | 'email';
  readonly index: number;
  readonly sendResolved: boolean;
  /** Why it cannot be used yet, or undefined where it can. */
  missing(): Promise<string | undefined>;
  /** One attempt; never throws for what the receiver does. `signal` ends it. */
  notify(notification: Notification, signal: AbortSignal): Promise<Outcome>;
}

export function integrationId({ receiver, kind, index }: Integration): string {
  return `${receiver}/${kind}/${index}`;
}
