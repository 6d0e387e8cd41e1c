import { FamilyWriter } from '@avalanche/exposition';
import type { Logger } from '@avalanche/model';
import { FailureLog } from '../base/failure-log.ts';
import type { Scrape } from '../base/scrape.ts';
import { publicAddress, type RedisAddress } from './address.ts';
import { Connection, type Credentials } from './connection.ts';
import { RedisFamilies } from './families.ts';
import type { RedisScrapeOptions } from './options.ts';
import { SETTINGS } from './server-answers.ts';
import { type KnownServer, ServerScrape } from './server-scrape.ts';

/** Where nobody says how long a scrape may take: this many times the timeout of one answer. */
const ANSWERS_A_SCRAPE = 4;
const REFUSED_FOR_MS = 3_600_000;

/** One watched server. A scrape opens a connection and closes it: nothing is left behind on the server. */
export class RedisServer implements KnownServer {
  private readonly failures: FailureLog;
  /** Commands that this server does not know or allow, with when they are asked again, as each refusal counts as an error there. */
  private readonly refused = new Map<string, number>();
  private runId = '';
  private asksSettingsByName = false;
  private scrapes = 0;
  private secondsSum = 0;

  constructor(
    private readonly address: RedisAddress,
    private readonly options: RedisScrapeOptions,
    logger: Logger,
  ) {
    this.failures = new FailureLog(logger.child({ server: publicAddress(address) }));
  }

  /** @param credentials who the exporter is this time, as a password file may have been read again */
  async scrape(scrape: Scrape, credentials: Credentials): Promise<FamilyWriter> {
    const begin = performance.now();
    const { connectionTimeoutMs, namespace } = this.options;
    const deadline = Math.min(scrape.deadline, begin + ANSWERS_A_SCRAPE * connectionTimeoutMs);
    const families = new RedisFamilies(new FamilyWriter(), namespace);
    let failure = '';
    let connection: Connection | undefined;
    try {
      connection = await this.connect(deadline, begin, families);
      await new ServerScrape(connection, this.address, this.options, credentials, this).run(deadline, families);
    } catch (error) {
      failure = (error as Error).message || String(error);
    } finally {
      connection?.close();
    }
    this.failures.tell('Scraping', failure === '' ? null : failure);
    this.writeOwn(families, failure, (performance.now() - begin) / 1000);
    return families.writer;
  }

  /** Tells of a part that failed; the others are not held up. */
  tell(part: string, error: Error | null): void {
    this.failures.tell(part, error === null ? null : error.message);
  }

  isRefused(command: string): boolean {
    return performance.now() < (this.refused.get(command) ?? 0);
  }

  /** Remembers a refusal, but not that the server is loading or busy just now. */
  refuse(command: string, { message }: Error): void {
    this.tell(command, new Error(message));
    if (/^(?:ERR|NOPERM)\b/.test(message)) this.refused.set(command, performance.now() + REFUSED_FOR_MS);
  }

  /** A server that was started anew may be another one. */
  meet(runId: string, version: string): void {
    if (runId === this.runId) return;
    this.runId = runId;
    this.asksSettingsByName = Number.parseInt(version, 10) >= 7 && !this.options.includeConfigMetrics;
    this.refused.clear();
  }

  /** What CONFIG GET is asked for: from Redis 7 on, only the settings that are told, which is a tenth of all. */
  get settings(): readonly string[] {
    return this.asksSettingsByName ? SETTINGS : ['*'];
  }

  private async connect(deadline: number, begin: number, families: RedisFamilies): Promise<Connection> {
    try {
      return await Connection.open(this.address, this.options, deadline);
    } finally {
      const seconds = (performance.now() - begin) / 1000;
      families.gauge('exporter_last_scrape_connect_time_seconds', 'Seconds that connecting took last time.', seconds);
    }
  }

  private writeOwn(families: RedisFamilies, failure: string, seconds: number): void {
    this.scrapes++;
    this.secondsSum += seconds;
    const isUp = failure === '';
    families.gauge('up', 'Whether the server could be asked.', isUp ? 1 : 0);
    families.gauge('exporter_last_scrape_error', 'Whether the last scrape failed, and why.', isUp ? 0 : 1, {
      err: failure,
    });
    families.gauge('exporter_last_scrape_duration_seconds', 'Seconds that the last scrape took.', seconds);
    families.role = undefined;
    families.counter('exporter_scrapes_total', 'Scrapes since the start.', this.scrapes);
    const summary = { quantiles: [], sum: this.secondsSum, count: this.scrapes };
    families.summary('exporter_scrape_duration_seconds', 'Seconds that scrapes took.', {}, summary);
  }
}
