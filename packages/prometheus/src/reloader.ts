import type { Clock, Logger } from '@avalanche/model';
import type { Dialect } from '@avalanche/promql';
import { type LoadedConfig, loadConfig } from './config/load.ts';
import { type LoadedRuleFile, loadRuleFiles } from './rules/manager.ts';
import type { ReloadMetrics } from './self-metrics.ts';

/** Everything that a start or reload reads, before anything changes. */
export interface LoadedFiles {
  readonly config: LoadedConfig;
  readonly ruleFiles: readonly LoadedRuleFile[];
}

/** Reads the configuration and its rule files. @throws FileError */
export async function loadFiles(file: string, dialect: Dialect): Promise<LoadedFiles> {
  const config = await loadConfig(file);
  return { config, ruleFiles: await loadRuleFiles(config, dialect) };
}

interface ReloaderOptions {
  readonly file: string;
  /** What queries of rules may use. */
  readonly dialect: Dialect;
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
  async apply(files: LoadedFiles): Promise<void> {
    await this.options.apply(files);
    this.current = files.config;
    this.status.success = true;
    this.status.time = new Date(this.options.clock.now());
    this.options.metrics.reloaded(true);
  }

  /** What SIGHUP and `/-/reload` do. @throws FileError, after which the configuration from before goes on */
  reload(): Promise<void> {
    const done = this.turn.then(() => this.reloadOnce());
    this.turn = done.catch(() => {});
    return done;
  }

  /** Refuses further reloads, and settles when the one under way has ended. */
  async stop(): Promise<void> {
    this.stopping = true;
    await this.turn;
  }

  private async reloadOnce(): Promise<void> {
    const { file, dialect, logger, metrics } = this.options;
    if (this.stopping) throw new Error('the server is stopping');
    try {
      await this.apply(await loadFiles(file, dialect));
      logger.info('Completed loading of configuration file', { filename: file });
    } catch (error) {
      this.status.success = false;
      metrics.reloaded(false);
      logger.error('Reloading the configuration failed; the one from before goes on', { error });
      throw error;
    }
  }
}
