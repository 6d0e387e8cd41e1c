import type { Redis } from 'ioredis';
import type { BullJobs } from './bull-jobs.ts';
import type { BullClient } from './bull-workers.ts';

/** A queue's counts at one moment. */
export interface BullQueueState {
  /** Jobs by state; a job is in one of them. */
  readonly counts: Readonly<Record<string, number>>;
  /** Jobs that wait for a worker: waiting, paused and prioritized. */
  readonly waiting: number;
  readonly active: readonly { readonly id: string; readonly name: string; readonly startedAt: number }[];
  /** Whether a worker still holds one of the active jobs. */
  readonly locked: boolean;
  /** Since when the oldest waiting job waits, in milliseconds; null where none does. */
  readonly oldestAt: number | null;
}

export class BullQueue {
  readonly jobs: BullJobs;
  /** Id of the last event that was read. */
  lastEventId: string;
  state: BullQueueState | null = null;
  clients: readonly BullClient[] = [];

  constructor(
    readonly prefix: string,
    readonly name: string,
    since: string,
    jobs: BullJobs,
  ) {
    this.lastEventId = since;
    this.jobs = jobs;
  }

  get key(): string {
    return `${this.prefix}:${this.name}`;
  }
}

/** Jobs of one queue that are looked at one by one, the oldest ones. */
const ACTIVE_READ_MAX = 1_000;
const PRIORITIZED_READ_MAX = 20;
const PIPELINE_MAX = 1_000;

/** States by the command that counts them. */
const LISTS = ['wait', 'paused', 'active'] as const;
const SETS = ['delayed', 'prioritized', 'waiting-children', 'completed', 'failed'] as const;
const FIRST_COMMANDS = LISTS.length + SETS.length + 3;

/** Reads how each queue is. @throws Error where Redis does not answer */
export async function readBullQueues(redis: Redis, queues: readonly BullQueue[]): Promise<void> {
  const first = await pipelined(redis, queues.flatMap(countCommands));
  const looks = queues.map((queue, i) => {
    const results = first.slice(i * FIRST_COMMANDS, (i + 1) * FIRST_COMMANDS);
    return { queue, counts: countsOf(results), ...idsOf(results) };
  });
  const commands = looks.flatMap(({ queue: { key }, active, waiting }) => [
    ...active.flatMap((id) => [
      ['hmget', `${key}:${id}`, 'name', 'processedOn'],
      ['exists', `${key}:${id}:lock`],
    ]),
    ...waiting.map((id) => ['hmget', `${key}:${id}`, 'timestamp', 'delay']),
  ]);
  const second = (await pipelined(redis, commands)).values();
  for (const { queue, counts, active, waiting } of looks) {
    queue.state = stateOf(counts, active, waiting, () => second.next().value);
  }
}

function countCommands({ key }: BullQueue): string[][] {
  return [
    ...LISTS.map((list) => ['llen', `${key}:${list}`]),
    ...SETS.map((set) => ['zcard', `${key}:${set}`]),
    // Jobs are pushed to the left and taken from the right, so the oldest are at the right.
    ['lindex', `${key}:wait`, '-1'],
    ['lrange', `${key}:active`, String(-ACTIVE_READ_MAX), '-1'],
    ['zrange', `${key}:prioritized`, '0', String(PRIORITIZED_READ_MAX - 1)],
  ];
}

function countsOf(results: readonly unknown[]): Record<string, number> {
  const counts: Record<string, number> = {};
  [...LISTS, ...SETS].forEach((state, i) => {
    counts[state === 'wait' ? 'waiting' : state] = Number(results[i] ?? 0);
  });
  // Up to its fourth version BullMQ wakes workers by an entry that is no job.
  if (isMarker(results[LISTS.length + SETS.length])) counts.waiting--;
  return counts;
}

function isMarker(id: unknown): boolean {
  return typeof id === 'string' && id.startsWith('0:');
}

function idsOf(results: readonly unknown[]): {
  readonly active: readonly string[];
  readonly waiting: readonly string[];
} {
  const [oldest, active, prioritized] = results.slice(LISTS.length + SETS.length);
  const waiting = [oldest, ...list(prioritized)];
  return {
    active: list(active),
    waiting: waiting.filter((id): id is string => typeof id === 'string' && !isMarker(id)),
  };
}

function list(value: unknown): readonly string[] {
  return Array.isArray(value) ? (value as string[]) : [];
}

function stateOf(
  counts: Record<string, number>,
  activeIds: readonly string[],
  waitingIds: readonly string[],
  next: () => unknown,
): BullQueueState {
  let locked = false;
  const active = activeIds.map((id) => {
    const [name, processedOn] = list(next());
    if (Number(next()) === 1) locked = true;
    return { id, name: name ?? 'None', startedAt: Number(processedOn ?? Date.now()) };
  });
  let oldestAt = Number.POSITIVE_INFINITY;
  for (const _id of waitingIds) {
    const [timestamp, delay] = list(next());
    if (timestamp) oldestAt = Math.min(oldestAt, Number(timestamp) + Number(delay ?? 0));
  }
  const waiting = counts.waiting + counts.paused + counts.prioritized;
  return { counts, waiting, active, locked, oldestAt: waiting > 0 && Number.isFinite(oldestAt) ? oldestAt : null };
}

/** What each command gave, or null where it failed, as with a key of another type. */
async function pipelined(redis: Redis, commands: readonly string[][]): Promise<unknown[]> {
  const out: unknown[] = [];
  for (let i = 0; i < commands.length; i += PIPELINE_MAX) {
    const results = await redis.pipeline(commands.slice(i, i + PIPELINE_MAX)).exec();
    for (const [error, result] of results ?? []) {
      if (error && !/^WRONGTYPE/.test(error.message)) throw error;
      out.push(error ? null : result);
    }
  }
  return out;
}
