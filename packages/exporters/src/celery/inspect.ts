import { randomUUID } from 'node:crypto';

/** What workers are asked, by the names of Celery's inspect commands. */
export type InspectMethod = 'stats' | 'active_queues' | 'active' | 'reserved';
export const INSPECT_METHODS: readonly InspectMethod[] = ['stats', 'active_queues', 'active', 'reserved'];
/** Commands that are not answered. */
export type ControlMethod = 'heartbeat' | 'enable_events';

/** How long answers to one question are gathered, as in the original. */
export const INSPECT_WAIT_MS = 1_000;

/** One worker's answer. */
export interface InspectReply {
  readonly worker: string;
  readonly method: InspectMethod;
  readonly value: unknown;
}

/**
 * The body of a control message to all workers.
 * @param replyQueue where answers go: by the nameless exchange, which leads to the queue of that name without a binding
 */
export function controlMessage(method: InspectMethod | ControlMethod, replyQueue?: string): object {
  const message = { method, arguments: {}, destination: null, pattern: null, matcher: null };
  if (replyQueue === undefined) return message;
  // The ticket comes back as it is; so each answer says what was asked.
  return {
    ...message,
    arguments: method === 'active' ? { safe: true } : {},
    ticket: `${method}:${randomUUID()}`,
    reply_to: { exchange: '', routing_key: replyQueue },
  };
}

/** The answers in one message: `{"worker@host": …}`. */
export function repliesOf(ticket: unknown, body: unknown): InspectReply[] {
  const name = String(ticket).split(':', 1)[0];
  const method = INSPECT_METHODS.find((known) => known === name);
  if (!method || typeof body !== 'object' || body === null) return [];
  return Object.entries(body).map(([worker, value]) => ({ worker, method, value }));
}

/** A task in a worker's answer to `active`. */
export interface ActiveReport {
  readonly id: string;
  readonly name: string;
  /** Seconds since the epoch by the worker's clock; null where the pool has not begun it. */
  readonly timeStart: number | null;
  /** For the exchanges that Celery declares by itself, the queue. */
  readonly routingKey: string;
}

/** What one worker said in one round. */
export interface WorkerReport {
  readonly queues: readonly string[];
  readonly pid: number | null;
  readonly processIds: readonly number[];
  readonly active: readonly ActiveReport[] | null;
  /** Tasks it has taken from the broker and not begun; null where it did not say. */
  readonly prefetched: number | null;
}

/** Puts the answers of one round together, by worker. */
export function workerReports(replies: readonly InspectReply[]): Map<string, WorkerReport> {
  const byWorker = new Map<string, Partial<Record<InspectMethod, unknown>>>();
  for (const { worker, method, value } of replies) {
    const answers = byWorker.get(worker) ?? {};
    answers[method] = value;
    byWorker.set(worker, answers);
  }
  return new Map([...byWorker].map(([worker, answers]) => [worker, reportOf(answers)]));
}

function reportOf(answers: Partial<Record<InspectMethod, unknown>>): WorkerReport {
  const stats = record(answers.stats);
  const { active, reserved } = answers;
  return {
    queues: list(answers.active_queues).flatMap((queue) => text(record(queue).name)),
    pid: number(stats.pid),
    processIds: list(record(stats.pool).processes).filter((pid): pid is number => typeof pid === 'number'),
    active: Array.isArray(active) ? active.flatMap(activeReport) : null,
    prefetched: Array.isArray(reserved) ? reserved.length : null,
  };
}

function activeReport(value: unknown): ActiveReport[] {
  const { id, name, time_start, delivery_info } = record(value);
  if (typeof id !== 'string' || typeof name !== 'string') return [];
  const routingKey = text(record(delivery_info).routing_key)[0] ?? '';
  return [{ id, name, timeStart: number(time_start), routingKey }];
}

/** An answer may be `{"error": …}` or of another version: what is not as expected is left out. */
function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
function text(value: unknown): string[] {
  return typeof value === 'string' ? [value] : [];
}
function number(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}
