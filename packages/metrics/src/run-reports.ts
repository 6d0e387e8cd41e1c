/** What waits for the server; the oldest is let go. */
const WAITING_MAX = 5_000;
const BATCH_MAX = 500;
const ANSWER_MS = 5_000;
const RETRY_MS = 1_000;
const RETRY_MS_MAX = 60_000;

export type RunReport = Readonly<Record<string, unknown>>;

/**
 * Tells the run registry (`POST /api/v1/runs` of the pushgateway role) of runs, in the background: an application does
 * not wait for it and does not fail with it. While the server is away, reports wait in memory.
 */
export class RunReports {
  private waiting: RunReport[] = [];
  private sending: Promise<void> | undefined;
  private retryMs = RETRY_MS;
  private batchMax = BATCH_MAX;
  /** Ends the wait for another try. */
  private retryNow: () => void = () => {};

  /** @param url of the server, such as `http://127.0.0.1:9091` */
  constructor(private readonly url: string) {}

  add(report: RunReport): void {
    this.waiting.push(report);
    if (this.waiting.length > WAITING_MAX) this.waiting.shift();
    this.sending ??= this.sendAll().finally(() => {
      this.sending = undefined;
    });
  }

  /** Settles when nothing waits, or after `timeoutMs`. For the end of a process. */
  async flush(timeoutMs = ANSWER_MS): Promise<void> {
    this.retryNow();
    let timer: NodeJS.Timeout | undefined;
    // it keeps the process alive, as nothing else may do so while the server is away
    const timeout = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs);
    });
    await Promise.race([this.sending ?? Promise.resolve(), timeout]);
    clearTimeout(timer);
  }

  private async sendAll(): Promise<void> {
    await Promise.resolve(); // what is reported in the same moment goes together
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, this.batchMax);
      const answer = await this.send(batch);
      // one that is too long alone will never be taken
      if (answer === 'taken' || (answer === 'too long' && batch.length === 1)) {
        this.retryMs = RETRY_MS;
        this.batchMax = BATCH_MAX;
        continue;
      }
      this.waiting = [...batch, ...this.waiting].slice(-WAITING_MAX);
      if (answer === 'too long') this.batchMax = Math.ceil(batch.length / 2);
      else await this.pause();
    }
  }

  private async pause(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.retryNow = resolve;
      setTimeout(resolve, this.retryMs).unref();
    });
    this.retryMs = Math.min(RETRY_MS_MAX, this.retryMs * 2);
  }

  /** `taken`: the server has them, or will never take them. */
  private async send(reports: readonly RunReport[]): Promise<'taken' | 'too long' | 'away'> {
    try {
      // it is in the application's own metrics: the registry keeps it, and does not count it again
      const body = JSON.stringify(reports.map((report) => ({ ...report, counted: true })));
      const response = await fetch(`${this.url.replace(/\/$/, '')}/api/v1/runs`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      await response.text();
      if (response.status === 413) return 'too long';
      return response.ok || response.status === 400 ? 'taken' : 'away';
    } catch {
      return 'away';
    }
  }
}
