import { parseBytes } from '@avalanche/model';
import type { PrometheusOptions } from '@avalanche/prometheus';
import { type FlagSpecs, type Flags, UsageError } from '../flags.ts';
import { durationOf } from './command.ts';

/** How the prometheus role keeps its database: upstream's flags, and how often its log is synced. */
export const storageFlags = (defaultRetention: string): FlagSpecs => ({
  'storage.tsdb.retention.time': {
    kind: 'string',
    help: `How long to retain samples. Default ${defaultRetention} where no size is given either.`,
    default: '',
  },
  'storage.tsdb.retention.size': {
    kind: 'string',
    help: 'Bytes that blocks may take before the oldest are deleted: 512MB, 10GB …',
    default: '',
  },
  'storage.tsdb.min-block-duration': { kind: 'string', help: 'Range of the blocks of the head.', default: '2h' },
  'storage.tsdb.max-block-duration': {
    kind: 'string',
    help: 'Longest range of blocks. Default: a tenth of the retention, at most 31d.',
    default: '',
  },
  'storage.tsdb.no-lockfile': { kind: 'boolean', help: 'Make no lock file in the data directory.', default: 'false' },
  'storage.tsdb.wal-compression': { kind: 'boolean', help: 'Compress the write-ahead log.', default: 'true' },
  'storage.tsdb.wal-compression-type': { kind: 'string', help: 'snappy or zstd.', default: 'snappy' },
  'storage.tsdb.wal-segment-size': { kind: 'string', help: 'Size of log segments, 10MB to 256MB.', default: '' },
  'storage.tsdb.wal-fsync': {
    kind: 'string',
    help: 'When the log is synced to the disk: never (as upstream: full segments), interval (every second), always (every commit).',
    default: 'interval',
  },
});

const FSYNC_MODES = ['never', 'interval', 'always'] as const;
const COMPRESSIONS = ['snappy', 'zstd'] as const;
const PAGE_BYTES = 32 * 1024;

export type StorageFlags = NonNullable<PrometheusOptions['storage']>;

/** @param defaultRetentionMs where neither a time nor a size is given @throws UsageError */
export function storageOf(flags: Flags, defaultRetentionMs: number): StorageFlags {
  const retentionBytes = bytesOf(flags, 'storage.tsdb.retention.size') ?? 0;
  const retentionMs = durationOf(flags, 'storage.tsdb.retention.time') ?? (retentionBytes > 0 ? 0 : defaultRetentionMs);
  const compression = oneOf(flags, 'storage.tsdb.wal-compression-type', COMPRESSIONS);
  const longestBlockMs = durationOf(flags, 'storage.tsdb.max-block-duration');
  const blockRangeMs = durationOf(flags, 'storage.tsdb.min-block-duration');
  if (blockRangeMs === 0) throw new UsageError('--storage.tsdb.min-block-duration must not be 0');
  const segment = segmentBytesOf(flags);
  return {
    retentionBytes,
    retentionMs,
    walCompression: flags.boolean('storage.tsdb.wal-compression') ? compression : 'none',
    walFsync: oneOf(flags, 'storage.tsdb.wal-fsync', FSYNC_MODES),
    noLockFile: flags.boolean('storage.tsdb.no-lockfile'),
    ...(blockRangeMs ? { blockRangeMs } : {}),
    ...(longestBlockMs ? { longestBlockMs } : {}),
    ...(segment ? { walSegmentBytes: segment } : {}),
  };
}

function bytesOf(flags: Flags, name: string): number | undefined {
  const text = flags.string(name);
  if (text === '') return undefined;
  try {
    return parseBytes(text);
  } catch (error) {
    throw new UsageError(`--${name}: ${(error as Error).message}`);
  }
}

function segmentBytesOf(flags: Flags): number | undefined {
  const name = 'storage.tsdb.wal-segment-size';
  const bytes = bytesOf(flags, name);
  if (bytes === undefined) return undefined;
  if (bytes < 10 * 1024 ** 2 || bytes > 256 * 1024 ** 2)
    throw new UsageError(`--${name} must be between 10MB and 256MB`);
  return Math.floor(bytes / PAGE_BYTES) * PAGE_BYTES;
}

function oneOf<T extends string>(flags: Flags, name: string, choices: readonly T[]): T {
  const text = flags.string(name);
  const choice = choices.find((known) => known === text);
  if (!choice) throw new UsageError(`--${name} must be one of ${choices.join(', ')}, not ${JSON.stringify(text)}`);
  return choice;
}
