interface QueuedTask {
  readonly queue: string;
  /** Milliseconds, by our clock. */
  readonly sentAt: number;
}

const QUEUED_MAX = 10_000;
/** What was sent this recently may not have been in the queue when its length was read. */
const SETTLE_MS = 5_000;

/**
 * Tasks that were sent and not yet received, as far as clients tell (`task_send_sent_event`). When there are too many the
 * newest are left out, as it is the oldest that matters.
 */
export class QueuedTasks {
  private readonly tasks = new Map<string, QueuedTask>();

  sent(id: string, queue: string, sentAt: number): void {
    if (this.tasks.size < QUEUED_MAX) this.tasks.set(id, { queue, sentAt });
  }

  left(id: string): void {
    this.tasks.delete(id);
  }

  sentAt(id: string): number | undefined {
    return this.tasks.get(id)?.sentAt;
  }

  /** Forgets what must have left queues that are empty, such as purged messages. */
  settle(isEmpty: (queue: string) => boolean, now: number): void {
    for (const [id, { queue, sentAt }] of this.tasks) {
      if (sentAt < now - SETTLE_MS && isEmpty(queue)) this.tasks.delete(id);
    }
  }

  /** When the oldest of each queue was sent, in milliseconds. */
  oldestByQueue(): Map<string, number> {
    const out = new Map<string, number>();
    for (const { queue, sentAt } of this.tasks.values()) {
      const oldest = out.get(queue);
      if (oldest === undefined || sentAt < oldest) out.set(queue, sentAt);
    }
    return out;
  }
}
