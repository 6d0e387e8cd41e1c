import type { Labels } from './query.ts';

/** Answers of `/api/v1/rules` and `/api/v1/alerts`. */
export interface RuleGroup {
  readonly name: string;
  readonly file: string;
  readonly interval: number;
  readonly evaluationTime?: number;
  readonly lastEvaluation?: string;
  readonly rules: readonly Rule[];
}

interface RuleBase {
  readonly name: string;
  readonly query: string;
  readonly labels?: Labels;
  readonly health: 'ok' | 'err' | 'unknown';
  readonly lastError?: string;
  readonly evaluationTime?: number;
  readonly lastEvaluation?: string;
}

export interface AlertingRule extends RuleBase {
  readonly type: 'alerting';
  /** Seconds. */
  readonly duration: number;
  readonly keepFiringFor?: number;
  readonly state: 'firing' | 'pending' | 'inactive' | 'unknown';
  readonly annotations?: Labels;
  readonly alerts?: readonly RuleAlert[];
}

interface RecordingRule extends RuleBase {
  readonly type: 'recording';
}

export type Rule = AlertingRule | RecordingRule;

export interface RuleAlert {
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly state: 'firing' | 'pending' | 'inactive';
  readonly activeAt?: string;
  readonly value: string;
}

/** One change of an alert's state, of `/api/v1/rules/history`; ours, the original does not tell. */
export interface StateChange {
  readonly time: string;
  readonly labels: Labels;
  readonly from: string;
  readonly to: string;
  readonly value: string | null;
  readonly reason: string;
}

export interface RuleHistory {
  readonly group: string;
  readonly file: string;
  readonly name: string;
  readonly query: string;
  readonly lastError: string;
  readonly lastErrorTime: string;
  readonly lastEvaluation: string;
  readonly lastResultSize: number;
  /** Newest first. */
  readonly changes?: readonly StateChange[];
}
