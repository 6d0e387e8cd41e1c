import { closeSync, openSync, writeSync } from 'node:fs';
import type { Logger } from '@avalanche/model';
import type { QueryReport } from '@avalanche/promql';
import { StartupError } from '@avalanche/web';
import { statsJson } from './stats.ts';

/** Tracing is not built in; upstream writes these then. */
const NO_SPAN = { spanID: '0000000000000000', traceID: '00000000000000000000000000000000' };

/** `global.query_log_file`: one line of JSON a query, as upstream 3.x writes it. */
export class QueryLog {
  /** Lines that could not be written. */
  failures = 0;
  private fd = -1;

  constructor(private readonly logger: Logger) {}

  get enabled(): boolean {
    return this.fd >= 0;
  }

  /**
   * Begins to write to another file, or to the same one anew after it was moved away; '' ends it.
   * @throws StartupError where the file cannot be opened; then the one from before goes on
   */
  setFile(path: string): void {
    const before = this.fd;
    this.fd = path === '' ? -1 : openLog(path);
    if (before >= 0) closeSync(before);
  }

  close(): void {
    this.setFile('');
  }

  /** Never throws: a query does not fail because it cannot be logged. */
  write(report: QueryReport): void {
    if (this.fd < 0) return;
    try {
      writeSync(this.fd, line(report));
    } catch (error) {
      this.failures++;
      this.logger.error("can't log query", { error });
    }
  }
}

function openLog(path: string): number {
  try {
    return openSync(path, 'a');
  } catch (error) {
    const reason = `can't create json log file: ${(error as Error).message}`;
    throw new StartupError('prometheus', reason, 'see global.query_log_file', { cause: error });
  }
}

function line({ text, startMs, endMs, stepMs, stats, error, origin }: QueryReport): string {
  const date = (ms: number) => new Date(ms).toISOString();
  const fields = {
    time: date(Date.now()),
    level: 'INFO',
    source: 'engine.ts',
    msg: 'promql query logged',
    params: { end: date(endMs), query: text, start: date(startMs), step: Math.trunc(stepMs / 1000) },
    ...(error === null ? {} : { error: error instanceof Error ? error.message : String(error) }),
    stats: statsJson(stats),
    ...NO_SPAN,
    ...origin,
  };
  return `${JSON.stringify(fields)}\n`;
}
