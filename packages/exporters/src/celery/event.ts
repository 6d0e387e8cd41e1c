/** An event of a Celery worker or client (its `type` and the fields that its kind has). */
export interface CeleryEvent {
  readonly type: string;
  /** `name@host` of the worker or client. */
  readonly hostname: string;
  /** Seconds since the epoch, by the clock of whoever sent it. */
  readonly timestamp: number;
  /** The process of whoever sent it. */
  readonly pid?: number;
  readonly uuid?: string;
  readonly name?: string;
  readonly queue?: string;
  readonly eta?: string | null;
  readonly runtime?: number;
  readonly exception?: string;
  /** Of a heartbeat: tasks being worked on. */
  readonly active?: number;
}

const TEXTS = ['type', 'hostname', 'uuid', 'name', 'queue', 'eta', 'exception'] as const;
const NUMBERS = ['timestamp', 'pid', 'runtime', 'active'] as const;

/** Anybody may publish what looks like an event. @throws Error where `value` is none, naming the field */
export function checkEvent(value: unknown): CeleryEvent {
  const event = (value ?? {}) as Partial<Record<keyof CeleryEvent, unknown>>;
  for (const field of ['type', 'hostname', 'timestamp'] as const) {
    if (event[field] === undefined || event[field] === null) throw new Error(`not an event: it has no ${field}`);
  }
  const wrong =
    TEXTS.find((field) => typeof (event[field] ?? '') !== 'string') ??
    NUMBERS.find((field) => typeof (event[field] ?? 0) !== 'number');
  if (wrong) throw new Error(`not an event: ${wrong} is a ${typeof event[wrong]}`);
  return value as CeleryEvent;
}

export function hostOf(worker: string): string {
  const at = worker.indexOf('@');
  return at < 0 ? worker : worker.slice(at + 1);
}

/** `ValueError` of `ValueError('boom')`. */
export function exceptionName(text: unknown): string {
  return /^(\w+)\(/.exec(typeof text === 'string' ? text : '')?.[1] ?? 'UnknownException';
}

/** An ISO time with microseconds, which Date would cut off, as seconds; one without a zone is UTC. */
export function etaSeconds(text: string): number {
  const fraction = /\.(\d+)/.exec(text)?.[1];
  const whole = Date.parse(/[Z+]|-\d\d:\d\d$/.test(text.slice(10)) ? text : `${text}Z`);
  return fraction === undefined ? whole / 1000 : Math.floor(whole / 1000) + Number(`0.${fraction}`);
}
