/** Why a scrape failed, worded as `lastError` shows it. */
export class ScrapeError extends Error {
  override readonly name: string = 'ScrapeError';
}

/** A body of `body_size_limit` bytes or more. */
export class BodyTooLarge extends ScrapeError {
  override readonly name = 'BodyTooLarge';

  constructor() {
    super('body size limit exceeded');
  }
}
