import type { QueuedTasks } from './queued-tasks.ts';

/**
 * Since when the oldest message of each queue waits. A message does not say when it was sent: that is known from its
 * `task-sent` event, and else it is when we first saw it at the end of its queue.
 */
export class QueueAges {
  private oldest = new Map<string, { readonly id: string; readonly since: number }>();

  constructor(private readonly queued: QueuedTasks) {}

  /** @param ids the task at the end of each queue that has one */
  seen(ids: ReadonlyMap<string, string>, now: number): void {
    const next = new Map<string, { readonly id: string; readonly since: number }>();
    for (const [queue, id] of ids) {
      const before = this.oldest.get(queue);
      const since = this.queued.sentAt(id) ?? (before?.id === id ? before.since : now);
      next.set(queue, { id, since });
    }
    this.oldest = next;
  }

  /** Since when, in milliseconds, the oldest message of each queue waits; queues of which that is not known are left out. */
  since(): Map<string, number> {
    const out = this.queued.oldestByQueue();
    for (const [queue, { since }] of this.oldest) out.set(queue, since);
    return out;
  }
}
