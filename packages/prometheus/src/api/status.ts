import { hostname } from 'node:os';
import type { Tsdb } from '@avalanche/tsdb';
import { ApiError } from './errors.ts';
import type { Params } from './params.ts';

export interface RuntimeFacts {
  readonly version: string;
  readonly startTime: Date;
  readonly directory: string;
  readonly retention: string;
  /** Command line flags by name without dashes, as the API shows them. */
  readonly flags: Readonly<Record<string, string>>;
  /** The first and last segment of the log that the start has read, and where it is. */
  readonly walReplay: { readonly min: number; readonly max: number; readonly current: number };
  readonly reload: { readonly success: boolean; readonly time: Date };
}

export function buildInfoResponse({ version }: RuntimeFacts) {
  return { version, revision: '', branch: '', buildUser: '', buildDate: '', goVersion: `node ${process.version}` };
}

export function runtimeInfoResponse(facts: RuntimeFacts, tsdb: Tsdb) {
  return {
    startTime: facts.startTime.toISOString(),
    CWD: process.cwd(),
    hostname: hostname(),
    serverTime: new Date().toISOString(),
    reloadConfigSuccess: facts.reload.success,
    lastConfigTime: facts.reload.time.toISOString(),
    corruptionCount: tsdb.wal.metrics.corruptions,
    goroutineCount: 0,
    GOMAXPROCS: 1,
    GOMEMLIMIT: 0,
    GOGC: '',
    GODEBUG: '',
    storageRetention: facts.retention,
  };
}

/** `GET /api/v1/status/tsdb` */
export async function tsdbResponse(tsdb: Tsdb, params: Params) {
  const limit = params.wholeNumber('limit', 10, 'limit must be a positive number');
  if (limit < 1) throw new ApiError('bad_data', 'limit must be a positive number');
  if (limit > 10_000) throw new ApiError('bad_data', 'limit must not exceed 10000');
  const { labelPairs, seriesByMetric, valuesByLabel, valueBytesByLabel, seriesByPair } = await tsdb.cardinality(limit);
  const { series, chunks, minTime, maxTime, labelNames } = tsdb.stats;
  return {
    headStats: {
      numSeries: series,
      numLabelPairs: labelPairs,
      chunkCount: chunks,
      minTime: Number.isFinite(minTime) ? minTime : 0,
      maxTime: Number.isFinite(maxTime) ? maxTime : 0,
    },
    seriesCountByMetricName: seriesByMetric,
    labelValueCountByLabelName: valuesByLabel,
    memoryInBytesByLabelName: valueBytesByLabel,
    seriesCountByLabelValuePair: seriesByPair,
    labelNameCount: labelNames,
  };
}
