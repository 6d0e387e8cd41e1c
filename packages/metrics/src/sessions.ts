/**
 * Counts distinct clients of the last few minutes. A client is whatever the middleware calls one (by default address
 * and user agent); the keys live only here and never become labels.
 */
export class SessionWindow {
  /** Key to the time of its last request, oldest first: a key that is seen again moves to the end. */
  private readonly lastSeenMs = new Map<string, number>();

  constructor(
    private readonly now: () => number,
    private readonly windowMs = 300_000,
    /** With this many clients the oldest is forgotten, so that a flood of invented clients costs bounded memory. */
    private readonly clientsMax = 10_000,
  ) {}

  seen(client: string): void {
    this.lastSeenMs.delete(client);
    this.lastSeenMs.set(client, this.now());
    if (this.lastSeenMs.size > this.clientsMax) this.dropOldest();
  }

  count(): number {
    const horizon = this.now() - this.windowMs;
    for (const [client, at] of this.lastSeenMs) {
      if (at > horizon) break;
      this.lastSeenMs.delete(client);
    }
    return this.lastSeenMs.size;
  }

  private dropOldest(): void {
    const oldest = this.lastSeenMs.keys().next();
    if (!oldest.done) this.lastSeenMs.delete(oldest.value);
  }
}
