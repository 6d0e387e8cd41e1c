import { rmSync } from 'node:fs';
import { ANSWER_MS, type Report, ReportServer, Spool } from './spool.ts';
import type { JobUsage } from './usage.ts';

/**
 * Tells the server of a run. What must not be lost, its start and its end, is first written to a file of the spool; the
 * file goes when the server has taken it. Files that earlier runs left there are delivered too.
 */
export class Reporter {
  private readonly server: ReportServer;
  private readonly spool: Spool;
  private readonly file: string;
  private sending: Promise<unknown> = Promise.resolve();
  private isBeating = false;

  constructor(
    server: URL,
    spoolDirectory: string,
    private readonly run: Report & { readonly run_id: string },
  ) {
    this.server = new ReportServer(server);
    this.spool = new Spool(spoolDirectory, server.host);
    this.file = this.spool.fileOf(run.run_id);
  }

  start(): void {
    const report = { ...this.run, event: 'start' };
    this.spool.keep(this.file, report);
    this.sending = this.server.take([report]).then(() => this.spool.deliver(this.server));
  }

  /** Lost where the server is away: the next one comes soon. */
  heartbeat(used: JobUsage): void {
    if (this.isBeating) return;
    this.isBeating = true;
    this.sending = this.sending
      .then(() => this.server.take([{ ...this.run, event: 'heartbeat', ...used }]))
      .finally(() => {
        this.isBeating = false;
      });
  }

  /** Settles when it was delivered, or has to wait for another time. */
  async done(fields: Report): Promise<void> {
    const report = { ...this.run, event: 'done', ...fields };
    const isKept = this.spool.keep(this.file, report);
    // it says all that the start said: it need not wait for what is still being sent
    const tooLong = new Promise<false>((resolve) => setTimeout(resolve, ANSWER_MS, false));
    const wasTaken = await Promise.race([this.server.take([report]), tooLong]);
    if (wasTaken) rmSync(this.file, { force: true });
    else if (!isKept) process.stderr.write('avalanche track: this run could be neither reported nor kept for later\n');
  }
}
