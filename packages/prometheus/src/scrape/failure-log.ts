import { closeSync, openSync, writeSync } from 'node:fs';
import type { Logger } from '@avalanche/model';

/** `scrape_failure_log_file`: a line of JSON for each scrape that failed. Jobs may share a file. */
export class FailureLogs {
  private readonly files = new Map<string, number>();

  constructor(private readonly logger: Logger) {}

  /** Opens the files that jobs name, anew also those that are open: they may have been moved away. @throws Error */
  open(paths: Iterable<string>): void {
    const before = [...this.files];
    const opened = new Map<string, number>();
    try {
      for (const path of paths) if (path !== '' && !opened.has(path)) opened.set(path, openSync(path, 'a'));
    } catch (error) {
      for (const fd of opened.values()) closeSync(fd);
      throw new Error(`can't create json log file: ${(error as Error).message}`, { cause: error });
    }
    this.files.clear();
    for (const [path, fd] of opened) this.files.set(path, fd);
    for (const [, fd] of before) closeSync(fd);
  }

  close(): void {
    this.open([]);
  }

  /** Never throws: a scrape has nothing to do with whether its failure can be logged. */
  write(
    path: string,
    { job, target, reason }: { readonly job: string; readonly target: string; readonly reason: string },
  ) {
    const fd = this.files.get(path);
    if (fd === undefined) return;
    const time = new Date().toISOString();
    const fields = { time, level: 'ERROR', source: 'loop.ts', msg: reason, job_name: job, target };
    try {
      writeSync(fd, `${JSON.stringify(fields)}\n`);
    } catch (error) {
      this.logger.error("can't log failed scrape", { error });
    }
  }
}
