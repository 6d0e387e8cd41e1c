import { formatBytes, formatDuration } from '@avalanche/model';
import { DirectoryLocked, NewerFormat, Tsdb, WalCorruption, WalGap } from '@avalanche/tsdb';
import { makeDirectory, StartupError } from '@avalanche/web';
import type { PrometheusConfig } from './config/schema.ts';
import { type PrometheusOptions, ROLE } from './options.ts';

/** Upstream's default of `--storage.tsdb.retention.time`. */
const RETENTION_MS = 15 * 86_400_000;
/** None without the feature that switches them on. */
export function maxExemplarsOf({ scraping }: PrometheusOptions, { storage }: PrometheusConfig): number {
  return scraping?.features?.exemplars ? storage.exemplars.max_exemplars : 0;
}

/** @throws StartupError where the directory cannot be used */
export async function openTsdb(options: PrometheusOptions, config: PrometheusConfig): Promise<Tsdb> {
  const { directory, logger } = options;
  try {
    makeDirectory(directory);
    const outOfOrderWindowMs = config.storage.tsdb.out_of_order_time_window;
    const maxExemplars = maxExemplarsOf(options, config);
    const startTimes = options.scraping?.features?.startTimes ?? false;
    return await Tsdb.open({ ...options.storage, directory, logger, outOfOrderWindowMs, maxExemplars, startTimes });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const told = [DirectoryLocked, NewerFormat, WalCorruption, WalGap].some((kind) => error instanceof kind);
    if (!told && code === undefined) throw error;
    const hint = 'choose another directory with --storage.tsdb.path or --data-dir';
    const reason = told ? (error as Error).message : `cannot write to ${directory}: ${code}`;
    throw new StartupError(ROLE, reason, hint, { cause: error });
  }
}

/** What `storage.tsdb.retention` says of time and size holds; where it says neither, the flags do. */
export function retentionOf({ storage }: PrometheusConfig, options: PrometheusOptions): Tsdb['retention'] {
  const { time = 0, size = 0 } = storage.tsdb.retention ?? {};
  if (time > 0 || size > 0) return { timeMs: time, bytes: size };
  return { timeMs: options.storage?.retentionMs ?? RETENTION_MS, bytes: options.storage?.retentionBytes ?? 0 };
}

/** As `/api/v1/status/runtimeinfo` shows it. */
export function describeRetention({ timeMs, bytes }: Tsdb['retention']): string {
  const parts = [...(timeMs > 0 ? [formatDuration(timeMs)] : []), ...(bytes > 0 ? [formatBytes(bytes)] : [])];
  return parts.join(' or ');
}

/** Which segments of the log the start has read: it goes on in the one after them. */
export function walReplayOf({ wal }: Tsdb): { readonly min: number; readonly max: number; readonly current: number } {
  const min = Math.max(0, wal.firstSegment);
  const max = Math.max(min, wal.currentSegment - 1);
  return { min, max, current: max };
}
