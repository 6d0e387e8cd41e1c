import { FamilyWriter } from '@avalanche/exposition';
import type { Logger } from '@avalanche/model';
import { NO_DEADLINE, type Scrape } from './scrape.ts';

/** One source of metric families. */
export interface Collector {
  readonly name: string;
  /** Milliseconds until it counts as failed; the runner's where it is not given. */
  readonly timeoutMs?: number;
  /**
   * @throws NoDataError where what it reads is not on this machine, and anything else where it cannot be read. Only this
   *   collector counts as failed then; what it has written stays, as in node_exporter.
   */
  collect(families: FamilyWriter, scrape: Scrape): Promise<void> | void;
}

/** Nothing failed, but there is nothing to tell: the collector's success is 0, and the log says nothing. */
export class NoDataError extends Error {
  override readonly name = 'NoDataError';
}

export interface CollectorResult {
  readonly name: string;
  readonly seconds: number;
  readonly ok: boolean;
}

export interface Collected {
  readonly families: FamilyWriter;
  readonly results: readonly CollectorResult[];
}

/** After this long, collectors that never wait for anything let others have the event loop. */
const SLICE_MS = 5;

/**
 * Runs collectors side by side, each with a deadline. One that throws or hangs counts as failed; the others are not held up.
 * One that still hangs from an earlier scrape is not started again. A failure is logged when it begins, when it changes, and
 * when it ends, not at every scrape.
 */
export class CollectorRunner {
  private readonly hanging = new Set<string>();
  /** What each collector failed of last time. */
  private readonly failures = new Map<string, string>();

  constructor(
    private readonly collectors: readonly Collector[],
    private readonly timeoutMs: number,
    private readonly logger: Logger,
  ) {}

  get names(): string[] {
    return this.collectors.map((collector) => collector.name);
  }

  /** @param only names to run; all where it is not given */
  async collect(only?: ReadonlySet<string>, scrape: Scrape = NO_DEADLINE): Promise<Collected> {
    const running: Promise<CollectorResult>[] = [];
    const written: FamilyWriter[] = [];
    let sliceBegin = performance.now();
    for (const collector of this.collectors) {
      if (only && !only.has(collector.name)) continue;
      const own = new FamilyWriter();
      written.push(own);
      running.push(this.run(collector, own, scrape));
      if (performance.now() - sliceBegin < SLICE_MS) continue;
      await nextTurn();
      sliceBegin = performance.now();
    }
    const results = await Promise.all(running);
    const families = new FamilyWriter();
    const problems = written.flatMap((own) => families.add(own));
    this.tell('', problems.length > 0 ? new Error(problems.join('; ')) : null);
    return { families, results };
  }

  private async run(collector: Collector, own: FamilyWriter, scrape: Scrape): Promise<CollectorResult> {
    const { name } = collector;
    const begin = performance.now();
    let failure: Error | null = null;
    try {
      if (this.hanging.has(name)) throw new Error(HANGS);
      const work = collector.collect(own, scrape);
      if (work) await this.withDeadline(collector, work, scrape);
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
    }
    this.tell(name, failure);
    return { name, seconds: (performance.now() - begin) / 1000, ok: failure === null };
  }

  private async withDeadline({ name, timeoutMs }: Collector, work: Promise<void>, scrape: Scrape): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const left = Math.max(0, Math.min(timeoutMs ?? this.timeoutMs, scrape.deadline - performance.now()));
    const deadline = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        this.hanging.add(name);
        reject(new Error(HANGS));
      }, left);
    });
    const settled = work.finally(() => this.hanging.delete(name));
    settled.catch(() => {}); // a late failure has been told as a hang
    try {
      await Promise.race([settled, deadline]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** @param collector its name, or '' for what does not go together */
  private tell(collector: string, error: Error | null): void {
    const before = this.failures.get(collector);
    if (error === null) {
      if (before === undefined) return;
      this.failures.delete(collector);
      this.logger.info(collector === '' ? 'All families go together again' : 'Collector works again', { collector });
      return;
    }
    if (error instanceof NoDataError) {
      this.logger.debug('Collector has no data', { collector, reason: error.message });
      return;
    }
    if (error.message === before) return;
    this.failures.set(collector, error.message);
    this.logger.warn(collector === '' ? 'Some samples were left out' : 'Collector failed', { collector, error });
  }
}

const HANGS = 'no result in time; it is not started again until it has come back';

/** Lets the event loop do what else there is to do. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
