import type { Logger, LogLevel } from '@avalanche/model';

export type LogFormat = 'logfmt' | 'json';

export interface LogOptions {
  readonly level?: LogLevel;
  readonly format?: LogFormat;
  /** Takes each line, its newline included. Default: stderr. */
  readonly write?: (line: string) => void;
}

const RANK: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

/** A logger that prints what upstream's servers print: `time=… level=INFO msg="…" key=value`, or the same as JSON. */
export function createLogger(options: LogOptions = {}, fields: Readonly<Record<string, unknown>> = {}): Logger {
  const threshold = RANK[options.level ?? 'info'];
  const write = options.write ?? ((line: string) => void process.stderr.write(line));
  const render = options.format === 'json' ? renderJson : renderLogfmt;
  const at =
    (level: LogLevel) =>
    (message: string, more: Readonly<Record<string, unknown>> = {}): void => {
      if (RANK[level] < threshold) return;
      write(
        `${render({ time: new Date().toISOString(), level: level.toUpperCase(), msg: message, ...fields, ...more })}\n`,
      );
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (more) => createLogger(options, { ...fields, ...more }),
  };
}

type Line = Readonly<Record<string, unknown>>;

function renderJson(line: Line): string {
  return safeJson(line, (_key, value: unknown) => (value instanceof Error ? value.message : value));
}

function renderLogfmt(line: Line): string {
  return Object.entries(line)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${quoteIfNeeded(value instanceof Error ? value.message : printable(value))}`)
    .join(' ');
}

function printable(value: unknown): string {
  return typeof value === 'object' && value !== null ? safeJson(value) : String(value);
}

/** Logging never throws: a value that JSON cannot hold (a cycle, a bigint) says so in its place. */
function safeJson(value: object, replacer?: (key: string, value: unknown) => unknown): string {
  try {
    return JSON.stringify(value, replacer);
  } catch (error) {
    return JSON.stringify({ ...('msg' in value ? { msg: value.msg } : {}), unprintable: (error as Error).message });
  }
}

function quoteIfNeeded(text: string): string {
  return /^[^\s"=\p{Cc}]+$/u.test(text) ? text : JSON.stringify(text);
}
