import { appendFileSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { HttpClient, makeDirectory, readText } from '@avalanche/web';
import type { JobUsage } from './usage.ts';

/** A report takes no longer than this; the job's end waits for the last one. */
const ANSWER_MS = 3_000;
/** Older reports that are delivered beside our own, so that a long outage holds nobody up. */
const OLD_MAX = 200;

type Fields = Readonly<Record<string, unknown>>;

/**
 * Tells the server of a run. What must not be lost, its start and its end, is first written to a file of the spool; the
 * file goes when the server has taken it. Files that earlier runs left there are delivered too.
 */
export class Reporter {
  private readonly file: string;
  private readonly client = new HttpClient();
  private sending: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly server: URL,
    private readonly spool: string,
    private readonly run: Fields & { readonly run_id: string },
  ) {
    this.file = join(spool, `${encodeURIComponent(run.run_id)}.${process.pid}.jsonl`);
  }

  start(): void {
    const report = { ...this.run, event: 'start' };
    this.keep(report);
    this.sending = this.send([report]).then(() => this.deliverOld());
  }

  /** Lost where the server is away: the next one comes soon. */
  heartbeat(used: JobUsage): void {
    this.sending = this.sending.then(() => this.send([{ ...this.run, event: 'heartbeat', ...used }]));
  }

  /** Settles when it was delivered, or has to wait for another time. */
  async done(fields: Fields): Promise<void> {
    const report = { ...this.run, event: 'done', ...fields };
    const isKept = this.keep(report);
    // it says all that the start said: it need not wait for what is still being sent
    const wasTaken = await Promise.race([
      this.send([report]),
      new Promise<false>((resolve) => setTimeout(resolve, ANSWER_MS, false)),
    ]);
    if (wasTaken) rmSync(this.file, { force: true });
    else if (!isKept) process.stderr.write('avalanche track: this run could be neither reported nor kept for later\n');
  }

  /** Whether it could be written. */
  private keep(report: Fields): boolean {
    try {
      makeDirectory(this.spool);
      appendFileSync(this.file, `${JSON.stringify(report)}\n`, { mode: 0o600 });
      return true;
    } catch {
      return false;
    }
  }

  /** Whether the server has taken them, or says that they make no sense and never will. */
  private async send(reports: readonly Fields[]): Promise<boolean> {
    try {
      const url = new URL('api/v1/runs', this.server.href.endsWith('/') ? this.server : `${this.server.href}/`);
      const response = await this.client.request(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(reports),
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      const text = await readText(response);
      if (response.status === 400) process.stderr.write(`avalanche track: the report was refused: ${text}\n`);
      return response.status === 200 || response.status === 400;
    } catch {
      return false;
    }
  }

  private async deliverOld(): Promise<void> {
    for (const name of this.oldFiles().slice(0, OLD_MAX)) {
      const path = join(this.spool, name);
      const reports = reportsOf(path);
      if (reports.length > 0 && !(await this.send(reports))) return;
      rmSync(path, { force: true });
    }
  }

  /** Files of runs whose tracker is gone, the oldest first. */
  private oldFiles(): string[] {
    try {
      return readdirSync(this.spool)
        .filter((name) => /\.\d+\.jsonl$/.test(name) && !isAlive(Number(/\.(\d+)\.jsonl$/.exec(name)?.[1])))
        .sort();
    } catch {
      return [];
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** A line that a crash has torn is left out. */
function reportsOf(path: string): Fields[] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .flatMap((line) => {
        try {
          return [JSON.parse(line) as Fields];
        } catch {
          return [];
        }
      });
  } catch {
    return [];
  }
}
