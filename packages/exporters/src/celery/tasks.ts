import { type CeleryEvent, etaSeconds, hostOf } from './event.ts';

/** What is known of one task, from its events so far. */
export interface TaskRecord {
  /** `None` while it is not known, as in the original. */
  name: string;
  /** The host part of `worker@host`. */
  host: string;
  /** '' while it is not known: only `task-sent` tells it. */
  queue: string;
  state: string;
  /** When it was sent or becomes due, whichever is later, in seconds; NaN while that is not known. */
  dueAt: number;
}

/** How many tasks are remembered (the original's bound); the ones not touched for longest go first. */
const TASKS_MAX = 10_000;

/** Celery's precedence of states, for events that arrive out of order. */
const RANK: Readonly<Record<string, number>> = {
  SUCCESS: 0,
  FAILURE: 1,
  REVOKED: 3,
  STARTED: 4,
  RECEIVED: 5,
  REJECTED: 6,
  RETRY: 7,
  PENDING: 8,
};
const STATES: Readonly<Record<string, string>> = {
  'task-sent': 'PENDING',
  'task-received': 'RECEIVED',
  'task-started': 'STARTED',
  'task-succeeded': 'SUCCESS',
  'task-failed': 'FAILURE',
  'task-rejected': 'REJECTED',
  'task-revoked': 'REVOKED',
  'task-retried': 'RETRY',
};
const ENDED = new Set(['SUCCESS', 'FAILURE', 'REVOKED', 'REJECTED', 'RETRY']);

/** Tasks by id: name and queue come only with the first events of a task, so they must be remembered. */
export class TaskMemory {
  private readonly tasks = new Map<string, TaskRecord>();

  /** Takes in an event and returns what is now known of its task. */
  apply(event: CeleryEvent): TaskRecord {
    const task = this.touch(String(event.uuid ?? ''));
    const state = STATES[event.type] ?? event.type;
    const late = task.host !== '' && isOutOfOrder(task.state, state);
    if (event.name) task.name = event.name;
    if (event.queue) task.queue = event.queue;
    if (event.type === 'task-sent') task.dueAt = event.timestamp;
    const eta = event.eta ? etaSeconds(event.eta) : Number.NaN;
    if (!Number.isNaN(task.dueAt) && eta > task.dueAt) task.dueAt = eta;
    if (!(late && state === 'RECEIVED')) task.host = hostOf(event.hostname);
    if (!late) task.state = state;
    return task;
  }

  /** What a worker says of a task whose first events we have not heard. Gives what is known of it. */
  learn(uuid: string, name: string): TaskRecord {
    const task = this.touch(uuid);
    if (task.name === UNKNOWN) task.name = name;
    return task;
  }

  /** Whether the last we heard is that this task ended. */
  hasEnded(uuid: string): boolean {
    return ENDED.has(this.tasks.get(uuid)?.state ?? '');
  }

  private touch(uuid: string): TaskRecord {
    const task = this.tasks.get(uuid) ?? { name: UNKNOWN, host: '', queue: '', state: 'PENDING', dueAt: Number.NaN };
    this.tasks.delete(uuid);
    this.tasks.set(uuid, task);
    if (this.tasks.size > TASKS_MAX) this.tasks.delete(this.tasks.keys().next().value as string);
    return task;
  }
}

const UNKNOWN = 'None';

function isOutOfOrder(before: string, now: string): boolean {
  if (before === 'RETRY' || now === 'RETRY') return false;
  return (RANK[now] ?? 2) > (RANK[before] ?? 2);
}
