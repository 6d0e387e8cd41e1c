import type { Labels } from '../prometheus/query.ts';

/** Answers of what our Alertmanager tells beyond upstream's API v2; a real one answers 404. */

export interface NotifiedAlert {
  readonly fingerprint: string;
  readonly status: 'firing' | 'resolved';
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly startsAt: string;
  /** Where it still fired, empty. */
  readonly endsAt: string;
  readonly generatorURL: string;
}

/** One notification: what was told to whom, why, and what the receiver's server said. */
export interface NotificationRecord {
  readonly id: string;
  readonly at: string;
  readonly receiver: string;
  readonly integration: string;
  readonly index: number;
  readonly groupKey: string;
  readonly groupLabels: Labels;
  readonly reason: string;
  readonly status: 'sent' | 'failed';
  readonly reply: string;
  readonly category?: string;
  readonly attempts: number;
  readonly durationSeconds: number;
  readonly firing: number;
  readonly resolved: number;
  readonly alerts: readonly NotifiedAlert[];
  readonly otherFingerprints: readonly string[];
}

export interface NotificationPage {
  readonly notifications: readonly NotificationRecord[];
  /** The `before` of the page that follows. */
  readonly next: string | null;
}

export interface IntegrationExplanation {
  readonly integration: string;
  readonly sendResolved: boolean;
  readonly notConfigured: string | null;
  readonly lastTold: { readonly at: string; readonly firing: boolean; readonly resolved: boolean } | null;
  readonly repeatsAt: string | null;
}

export interface RouteExplanation {
  readonly path: readonly string[];
  readonly receiver: string;
  readonly groupKey: string;
  readonly groupLabels: Labels;
  readonly groupWait: string;
  readonly groupInterval: string;
  readonly repeatInterval: string;
  readonly lastTurn: string | null;
  readonly nextTurn: string | null;
  readonly mutedBy: readonly string[];
  readonly integrations: readonly IntegrationExplanation[];
}

export interface AlertExplanation {
  readonly fingerprint: string;
  readonly labels: Labels;
  readonly startsAt: string;
  readonly endsAt: string;
  readonly generatorURL: string;
  readonly resolved: boolean;
  readonly verdict: string;
  readonly silencedBy: readonly {
    readonly id: string;
    readonly comment: string;
    readonly createdBy: string;
    readonly endsAt: string;
  }[];
  readonly inhibitedBy: {
    readonly fingerprint: string;
    readonly labels: Labels;
    readonly rule: {
      readonly name: string;
      readonly source: string;
      readonly target: string;
      readonly equal: readonly string[];
    };
  } | null;
  readonly routes: readonly RouteExplanation[];
  readonly notifications: readonly NotificationRecord[];
}

export interface Share {
  readonly matching: number;
  readonly of: number;
}

/** What a silence would keep quiet. */
export interface SilenceReach {
  readonly now: Share;
  readonly last24h: Share;
  readonly routes: Share;
  readonly receivers: readonly string[];
  readonly mutesEverything: boolean;
}

/** How the test of one integration went. */
export interface TestResult {
  readonly receiver: string;
  readonly integration: string;
  readonly status: 'sent' | 'failed' | 'not-configured';
  readonly reply: string;
  readonly durationSeconds: number;
  /** `>` what was said and `<` what was answered. */
  readonly talk: readonly string[];
}

export interface TemplateTrial {
  readonly text: string;
  readonly kind: 'text' | 'html';
  /** Id of a notification of the log; without, the newest one. */
  readonly notification?: string;
}
