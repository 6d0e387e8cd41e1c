import type { Notification } from '../template/data.ts';

/** Why an attempt failed, for the metric's `reason` (upstream notify.Reason). */
export type FailureCategory =
  | 'authError'
  | 'clientError'
  | 'contextCanceled'
  | 'contextDeadlineExceeded'
  | 'other'
  | 'rateLimited'
  | 'serverError';

/** What became of one attempt to notify. */
export type Outcome =
  /** `reply` is what the receiver's server answered, one line, for the notification history. */
  | { readonly kind: 'sent'; readonly reply?: string }
  | {
      readonly kind: 'failed';
      readonly reason: string;
      readonly retry: boolean;
      /** What the receiver asks us to wait (milliseconds), from Retry-After. */
      readonly retryAfterMs?: number;
      readonly category: FailureCategory;
    }
  /** A secret's file is not there (yet): not an error, said once. */
  | { readonly kind: 'not-configured'; readonly reason: string };

/** The kinds of integrations; a receiver lists those of kind `slack` under `slack_configs`. */
export const INTEGRATION_KINDS = [
  'discord',
  'email',
  'incidentio',
  'jira',
  'mattermost',
  'msteams',
  'msteamsv2',
  'opsgenie',
  'pagerduty',
  'pushover',
  'rocketchat',
  'slack',
  'sns',
  'telegram',
  'victorops',
  'webex',
  'webhook',
  'wechat',
] as const;

export type IntegrationKind = (typeof INTEGRATION_KINDS)[number];

/**
 * What an integration keeps about a group between notifications, such as the message that it may edit later; it lives in
 * the notification log and begins empty with a group's first notification (upstream nflog.Store).
 */
export type ReceiverData = Record<string, string | number>;

/** What surrounds one attempt. */
export interface Attempt {
  /** Ends it. */
  readonly signal: AbortSignal;
  /** May be changed; kept when the notification was sent. */
  readonly data: ReceiverData;
  /** Told of each line of the talk with the server (`> POST /hook`, `< 250 OK`), secrets masked. For test notifications. */
  readonly talk?: (line: string) => void;
}

/** The `reason` of a notification that somebody asked for to try a receiver. */
export const TEST_REASON = 'test';

/** One way of a receiver to reach people: the second Slack entry of receiver `ops` is `ops/slack/1`. */
export interface Integration {
  readonly receiver: string;
  readonly kind: IntegrationKind;
  readonly index: number;
  readonly sendResolved: boolean;
  /** Why it cannot be used yet, or undefined where it can. */
  missing(): Promise<string | undefined>;
  /** Loads what the first attempt would wait for; asked as soon as there is something to tell, which waits for `group_wait`. */
  prepare?(): void;
  /** Ends the connections that it keeps, those under way when they have come to their end. */
  close?(): void;
  /** One attempt; never throws for what the receiver does. */
  notify(notification: Notification, attempt: Attempt): Promise<Outcome>;
}

export function integrationId({ receiver, kind, index }: Integration): string {
  return `${receiver}/${kind}/${index}`;
}
