import type { Clock, Logger } from '@avalanche/model';
import type { Dialect } from '@avalanche/promql';
import { configChecksum } from './config/checksum.ts';
import { type LoadedConfig, type LoadOptions, loadConfig } from './config/load.ts';
import { loadRuleFiles } from './rules/manager.ts';
import type { LoadedRuleFile } from './rules/rule-file.ts';
import type { ReloadMetrics } from './self-metrics.ts';

/** Everything that a start or reload reads, before anything changes. */
export interface LoadedFiles {
  readonly config: LoadedConfig;
  readonly ruleFiles: readonly LoadedRuleFile[];
}

/** Reads the configuration and its rule files. @throws FileError */
export async function loadFiles(file: string, dialect: Dialect, options: LoadOptions = {}): Promise<LoadedFiles> {
  const config = await loadConfig(file, options);
  return { config, ruleFiles: await loadRuleFiles(config, dialect) };
}

interface ReloaderOptions {
  readonly file: string;
  /** Reads all files anew. @throws FileError */
  readonly load: () => Promise<LoadedFiles>;
  /** How often the files are looked at for changes, in milliseconds; never where it is not given. */
  readonly autoReloadMs?: number | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: ReloadMetrics;
  /** Moves what runs to a configuration that has been read and checked whole. */
  readonly apply: (files: LoadedFiles) => Promise<void>;
}

/** Keeps the running configuration and how its last load went; a file that cannot be read changes nothing else. */
export class Reloader {
  readonly status: { success: boolean; time: Date };
  /** One reload after the other: two at once would both replace what runs, and leave some of it running for ever. */
  private turn: Promise<void> = Promise.resolve();
  private stopping = false;
  private timer: NodeJS.Timeout | undefined = undefined;
  /** Of the files when they were last looked at. */
  private checksum = '';
  /** What runs. */
  private applied: LoadedFiles | undefined = undefined;

  constructor(
    private readonly options: ReloaderOptions,
    private current: LoadedConfig,
  ) {
    this.status = { success: true, time: new Date(options.clock.now()) };
  }

  get config(): LoadedConfig {
    return this.current;
  }

  /** Applies files that have been read: at the start. */
  async start(files: LoadedFiles): Promise<void> {
    await this.apply(files);
    const { autoReloadMs } = this.options;
    if (!autoReloadMs) return;
    this.checksum = await configChecksum(files.config);
    this.timer = setInterval(() => void this.reloadIfChanged(), autoReloadMs).unref();
  }

  /** What SIGHUP and `/-/reload` do. @throws FileError, after which the configuration from before goes on */
  reload(): Promise<void> {
    const done = this.turn.then(() => this.reloadOnce());
    this.turn = done.catch(() => {});
    return done;
  }

  /** Reloads where a file has changed since the last look. A change that is refused is told once, not at each look. */
  async reloadIfChanged(): Promise<void> {
    const checksum = await configChecksum(this.current);
    if (checksum === this.checksum || this.stopping) return;
    this.checksum = checksum;
    this.options.logger.info('Configuration file change detected, reloading the configuration.');
    await this.reload().then(
      async () => {
        // It may name other files than before.
        this.checksum = await configChecksum(this.current);
      },
      () => {},
    );
  }

  /** Refuses further reloads, and settles when the one under way has ended. */
  async stop(): Promise<void> {
    this.stopping = true;
    clearInterval(this.timer);
    await this.turn;
  }

  private async apply(files: LoadedFiles): Promise<void> {
    await this.options.apply(files);
    this.current = files.config;
    this.applied = files;
    this.status.success = true;
    this.status.time = new Date(this.options.clock.now());
    this.options.metrics.reloaded(true);
  }

  private async reloadOnce(): Promise<void> {
    const { file, load, logger, metrics } = this.options;
    if (this.stopping) throw new Error('the server is stopping');
    try {
      const files = await load();
      await this.apply(files).catch(async (error: unknown) => {
        await this.takeBack();
        throw error;
      });
      logger.info('Completed loading of configuration file', { filename: file });
    } catch (error) {
      this.status.success = false;
      metrics.reloaded(false);
      logger.error('Reloading the configuration failed; the one from before goes on', { error });
      throw error;
    }
  }

  /** Moves the parts that a failed reload has changed already back to what ran before. */
  private async takeBack(): Promise<void> {
    const { apply, logger } = this.options;
    if (!this.applied) return;
    await apply(this.applied).catch((error: unknown) => {
      logger.error('The configuration from before could not be applied again as a whole', { error });
    });
  }
}
