import { FamilyWriter } from '@avalanche/exposition';
import type { Logger } from '@avalanche/model';

/** One source of metric families. It must not throw for a thing that is merely absent on this machine. */
export interface Collector {
  readonly name: string;
  /** @throws where it cannot read what it needs; only this collector counts as failed then */
  collect(families: FamilyWriter): Promise<void> | void;
}

export interface Collected {
  readonly families: FamilyWriter;
  readonly results: readonly { readonly name: string; readonly seconds: number; readonly ok: boolean }[];
}

/**
 * Runs collectors side by side, each with a deadline. One that throws or hangs counts as failed and gives nothing; the
 * others are not held up. One that still hangs from an earlier scrape is not started again.
 */
export class CollectorRunner {
  private readonly hanging = new Set<string>();

  constructor(
    private readonly collectors: readonly Collector[],
    private readonly timeoutMs: number,
    private readonly logger: Logger,
  ) {}

  get names(): string[] {
    return this.collectors.map((collector) => collector.name);
  }

  /** @param only names to run; all where it is empty */
  async collect(only: ReadonlySet<string> = new Set()): Promise<Collected> {
    const families = new FamilyWriter();
    const chosen = this.collectors.filter(({ name }) => only.size === 0 || only.has(name));
    const results = await Promise.all(chosen.map((collector) => this.run(collector, families)));
    return { families, results };
  }

  private async run(collector: Collector, into: FamilyWriter) {
    const { name } = collector;
    const begin = performance.now();
    const own = new FamilyWriter();
    let ok = false;
    try {
      if (this.hanging.has(name)) throw new Error('still busy with an earlier scrape');
      await this.withDeadline(name, Promise.resolve(collector.collect(own)));
      into.add(own);
      ok = true;
    } catch (error) {
      this.logger.warn('Collector failed', { collector: name, error });
    }
    return { name, seconds: (performance.now() - begin) / 1000, ok };
  }

  private async withDeadline(name: string, work: Promise<void>): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        this.hanging.add(name);
        reject(new Error(`no result within ${this.timeoutMs} ms`));
      }, this.timeoutMs);
    });
    const settled = work.finally(() => this.hanging.delete(name));
    settled.catch(() => {}); // a late failure has been told as a timeout
    try {
      await Promise.race([settled, deadline]);
    } finally {
      clearTimeout(timer);
    }
  }
}
