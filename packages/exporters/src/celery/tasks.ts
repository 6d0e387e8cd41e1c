/** An event of a Celery worker or client (its `type` and the fields that its kind has). */
export interface CeleryEvent {
  readonly type: string;
  readonly hostname: string;
  /** Seconds since the epoch. */
  readonly timestamp: number;
  readonly uuid?: string;
  readonly name?: string;
  readonly queue?: string;
  readonly eta?: string | null;
  readonly runtime?: number;
  readonly exception?: string;
  /** Of a heartbeat: tasks being worked on. */
  readonly active?: number;
}

/** What is known of one task, from its events so far. */
export interface TaskRecord {
  name: string;
  /** The host part of `worker@host`. */
  host: string;
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

/** Tasks by id: name and queue come only with the first events of a task, so they must be remembered. */
export class TaskMemory {
  private readonly tasks = new Map<string, TaskRecord>();

  constructor(private readonly defaultQueue: string) {}

  /** Takes in an event and returns what is now known of its task. */
  apply(event: CeleryEvent): TaskRecord {
    const uuid = event.uuid ?? '';
    const task = this.tasks.get(uuid) ?? { name: '', host: '', queue: '', state: 'PENDING', dueAt: Number.NaN };
    this.tasks.delete(uuid);
    this.tasks.set(uuid, task);
    if (this.tasks.size > TASKS_MAX) this.tasks.delete(this.tasks.keys().next().value as string);
    const state = STATES[event.type] ?? event.type;
    const late = task.host !== '' && isOutOfOrder(task.state, state);
    if (event.name) task.name = event.name;
    if (event.queue) task.queue = event.queue;
    if (event.type === 'task-sent') task.dueAt = event.timestamp;
    const eta = event.eta ? etaSeconds(event.eta) : Number.NaN;
    if (!Number.isNaN(task.dueAt) && eta > task.dueAt) task.dueAt = eta;
    if (!(late && state === 'RECEIVED')) task.host = hostOf(event.hostname);
    if (!late) task.state = state;
    if (task.queue === '') return { ...task, queue: this.defaultQueue };
    return task;
  }
}

function isOutOfOrder(before: string, now: string): boolean {
  if (before === 'RETRY' || now === 'RETRY') return false;
  return (RANK[now] ?? 2) > (RANK[before] ?? 2);
}

export function hostOf(worker: string): string {
  const at = worker.indexOf('@');
  return at < 0 ? worker : worker.slice(at + 1);
}

/** `ValueError` of `ValueError('boom')`. */
export function exceptionName(text: string | undefined): string {
  return /^(\w+)\(/.exec(text ?? '')?.[1] ?? 'UnknownException';
}

/** An ISO time with microseconds, which Date would cut off, as seconds. */
function etaSeconds(text: string): number {
  const fraction = /\.(\d+)/.exec(text)?.[1];
  const whole = Date.parse(/[Z+]|-\d\d:\d\d$/.test(text.slice(10)) ? text : `${text}Z`);
  return fraction === undefined ? whole / 1000 : Math.floor(whole / 1000) + Number(`0.${fraction}`);
}
