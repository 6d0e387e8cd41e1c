/** The queries that are under way. What they may still read is freed when the last of them has ended. */
export class Readers {
  private readonly open = new Set<object>();
  private readonly waiting = new Set<{ readonly left: Set<object>; readonly resolve: () => void }>();

  /** @returns what `leave` is called with */
  enter(): object {
    const reader = {};
    this.open.add(reader);
    return reader;
  }

  /** Idempotent. */
  leave(reader: object): void {
    this.open.delete(reader);
    for (const waiter of this.waiting) {
      waiter.left.delete(reader);
      if (waiter.left.size > 0) continue;
      this.waiting.delete(waiter);
      waiter.resolve();
    }
  }

  /** Resolves when every reader that is here now has left. */
  drained(): Promise<void> {
    if (this.open.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.waiting.add({ left: new Set(this.open), resolve });
    });
  }

  /** Waits for nobody any more: the database is being closed. */
  abandon(): void {
    for (const reader of [...this.open]) this.leave(reader);
  }
}
