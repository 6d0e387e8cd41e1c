import type { Labels } from '@avalanche/model';
import type { AlertState } from './alerting.ts';

/** One change of the state of an alert, and what made it. */
export interface StateChange {
  /** Milliseconds. */
  readonly time: number;
  readonly labels: Labels;
  readonly from: AlertState;
  readonly to: AlertState;
  /** What the expression came to; null where it came to nothing. */
  readonly value: number | null;
  readonly reason: string;
}

/** Changes that are kept of one rule; the oldest go first. */
const CHANGES_MAX = 100;

/** The last changes of the alerts of one rule, so that one can say why an alert is in its state. */
export class AlertHistory {
  private entries: StateChange[] = [];

  /** Oldest first. */
  get changes(): readonly StateChange[] {
    return this.entries;
  }

  add(change: StateChange): void {
    this.entries.push(change);
    if (this.entries.length > CHANGES_MAX) this.entries.shift();
  }

  takeOver(before: AlertHistory): void {
    this.entries = [...before.entries];
  }
}
