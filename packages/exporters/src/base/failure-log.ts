import type { Logger } from '@avalanche/model';

/** Tells of a failure when it begins, when it changes, and when it ends, instead of at every scrape. */
export class FailureLog {
  private readonly failures = new Map<string, string>();

  constructor(private readonly logger: Logger) {}

  /** @param key what failed; @param failure why, or null where it works */
  tell(key: string, failure: string | null, fields: Readonly<Record<string, unknown>> = {}): void {
    const before = this.failures.get(key);
    if (failure === null) {
      if (this.failures.delete(key)) this.logger.info(`${key} works again`, fields);
      return;
    }
    if (failure === before) return;
    this.failures.set(key, failure);
    this.logger.warn(`${key} failed`, { ...fields, error: failure });
  }
}
