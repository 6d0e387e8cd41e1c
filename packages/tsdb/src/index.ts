export { type Appender, type Outcome, UNKNOWN_SERIES } from './appender.ts';
export { Tsdb, type TsdbOptions } from './db.ts';
export { APPENDED, DUPLICATE_TIMESTAMP, type HeadStats, OUT_OF_BOUNDS, OUT_OF_ORDER } from './head/head.ts';
export { DirectoryLocked } from './lock.ts';
export { type SelectedSeries, TsdbQuerier } from './query/querier.ts';
export type { Compression } from './wal/compression.ts';
export { WalCorruption } from './wal/reader.ts';
export { WalGap } from './wal/segments.ts';
export type { FsyncMode } from './wal/wal.ts';
