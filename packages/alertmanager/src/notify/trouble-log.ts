import type { Logger } from '@avalanche/model';
import type { Outcome } from './integration.ts';

/**
 * Says what is wrong with each integration once, when it begins or changes, and once when it is over, however many
 * groups and attempts meet it. The counts are in the metrics.
 */
export class TroubleLog {
  private readonly troubles = new Map<string, Exclude<Outcome['kind'], 'sent'>>();
  private isLogFailing = false;

  constructor(private readonly logger: Logger) {}

  report(integration: string, outcome: Outcome): void {
    const before = this.troubles.get(integration);
    if (outcome.kind === 'sent') {
      if (before) this.logger.info('Notifications are sent again', { integration });
      this.troubles.delete(integration);
      return;
    }
    if (before === outcome.kind) return;
    this.troubles.set(integration, outcome.kind);
    const { reason } = outcome;
    if (outcome.kind === 'failed') {
      this.logger.warn('Notifying failed; this is said again only when it has worked in between', {
        integration,
        reason,
      });
    } else this.logger.info('A receiver is not configured yet and gets no notifications', { integration, reason });
  }

  /** Of the notification log, with the error by which it was not written. */
  reportLog(error?: unknown): void {
    const isFailing = error !== undefined;
    if (isFailing === this.isLogFailing) return;
    this.isLogFailing = isFailing;
    if (isFailing) {
      const consequence = 'what it does not take is notified again after a restart';
      this.logger.error('The notification log cannot be written', { error, consequence });
    } else this.logger.info('The notification log is written again');
  }

  /** Whether `integration` waits for its secret. */
  isNotConfigured(integration: string): boolean {
    return this.troubles.get(integration) === 'not-configured';
  }
}
