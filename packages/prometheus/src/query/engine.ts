import { Labels } from '@avalanche/model';
import { type Dialect, Engine, type Queryable, type QueryObserver } from '@avalanche/promql';
import type { Tsdb } from '@avalanche/tsdb';
import { StartupError } from '@avalanche/web';
import { type PrometheusOptions, ROLE } from '../options.ts';
import type { QueryVector } from '../rules/rule.ts';
import { ActiveQueries } from './active-queries.ts';
import { QueryLog } from './query-log.ts';

/** Upstream's default of `--query.max-concurrency`. */
const CONCURRENCY = 20;

/** The parts of the language that are on. */
export function dialectOf({ features = {} }: PrometheusOptions): Dialect {
  return {
    experimental: features.experimentalFunctions ?? false,
    extendedRangeSelectors: features.extendedRangeSelectors ?? false,
    fillModifiers: features.fillModifiers ?? false,
  };
}

export function makeEngine(options: PrometheusOptions, observer?: QueryObserver): Engine {
  const { features = {} } = options;
  return new Engine({
    ...(observer ? { observer } : {}),
    ...(options.lookbackMs ? { lookbackMs: options.lookbackMs } : {}),
    ...(options.queryTimeoutMs === undefined ? {} : { timeoutMs: options.queryTimeoutMs }),
    ...(options.queryMaxSamples === undefined ? {} : { maxSamples: options.queryMaxSamples }),
    maxConcurrency: options.queryMaxConcurrency ?? CONCURRENCY,
    ...dialectOf(options),
    delayedNameRemoval: features.delayedNameRemoval ?? false,
    typeAndUnitLabels: features.typeAndUnitLabels ?? false,
    startTimestamps: features.startTimestamps ?? false,
  });
}

/** What is written down of queries. */
export interface QueryLogs {
  readonly active: ActiveQueries;
  readonly log: QueryLog;
}

/** Tells which queries the last run left behind. The directory is ours alone by now, being locked. */
export async function startQueryLogs({ directory, logger, queryMaxConcurrency }: PrometheusOptions, tsdb: Tsdb) {
  try {
    const component = logger.child({ component: 'activeQueryTracker' });
    const active = ActiveQueries.open(directory, queryMaxConcurrency ?? CONCURRENCY, component);
    return { active, log: new QueryLog(logger.child({ component: 'query engine' })) };
  } catch (error) {
    await tsdb.close();
    throw new StartupError(ROLE, `failed to initialize active query tracker: ${(error as Error).message}`);
  }
}

/** What rules ask: a scalar is one sample without labels. */
export function vectorQuery(engine: Engine, storage: Queryable): QueryVector {
  return async (expression, time, signal, origin = {}) => {
    const result = await engine.instant(storage, expression, time, { signal, origin });
    if (result.type === 'vector') return result.samples;
    if (result.type === 'scalar') return [{ labels: Labels.EMPTY, value: result.value, histogram: null }];
    throw new Error('rule result is not a vector or scalar');
  };
}
