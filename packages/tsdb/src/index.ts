export { type Appender, type Outcome, UNKNOWN_SERIES } from './appender.ts';
export type { Block } from './block/block.ts';
export { NewerFormat } from './block/meta.ts';
export { ChunkColumns } from './chunk-columns.ts';
export { encodeChunks } from './compact/encode.ts';
export { crc32c } from './crc32c.ts';
export { Tsdb, type TsdbOptions } from './db.ts';
export type { Exemplar, ExemplarOutcome, ExemplarStorage, SelectedExemplars } from './exemplars/storage.ts';
export { APPENDED, DUPLICATE_TIMESTAMP, type HeadStats, OUT_OF_BOUNDS, OUT_OF_ORDER } from './head/head.ts';
export { slotOf } from './head/series.ts';
export { appendXor, newXorState, readXor, SAMPLE_BYTES_MAX, type XorState } from './head/xor.ts';
export { InvalidChunk } from './histogram/bits.ts';
export { isHistogramEncoding, readHistograms } from './histogram/chunk.ts';
export { DirectoryLocked } from './lock.ts';

export { MergedSeries, type SelectedSeries, TsdbQuerier } from './query/querier.ts';
export { analyzeBlock, type BlockAnalysis, chunkSizes, type Ranked } from './tools/analysis.ts';
export { Backfill, importRange, SampleRefused } from './tools/backfill.ts';
export { BlockDraft } from './tools/block-draft.ts';
export {
  type CleanupRequest,
  cleanUp,
  type PlannedCleanup,
  planCleanup,
} from './tools/cleanup.ts';
export { openBlock, openBlocks, openReadOnly, ReadOnlyDb, UnreadableDirectory } from './tools/read-only.ts';
export type { StoredSeries } from './tools/stored-series.ts';
export type { Compression } from './wal/compression.ts';
export { WalCorruption } from './wal/reader.ts';
export type { MetricType, SeriesMetadata } from './wal/records.ts';
export { WalGap } from './wal/segments.ts';
export { snappyBytesMax, snappyCompress, snappyDecompress, snappyLength, snappyRoom } from './wal/snappy.ts';
export {
  isBefore,
  TAIL_END,
  TAIL_EXEMPLARS,
  TAIL_HISTOGRAMS,
  TAIL_METADATA,
  TAIL_SAMPLES,
  TAIL_SERIES,
  type TailOptions,
  type WalPosition,
  WalTail,
} from './wal/tail.ts';
export type { FsyncMode, Wal } from './wal/wal.ts';
