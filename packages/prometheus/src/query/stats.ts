import type { PerStepStats, QueryStats } from '@avalanche/promql';

/** The statistics of a query as the API and the query log write them (upstream util/stats); times in seconds. */
export function statsJson(stats: QueryStats) {
  const { perStep } = stats;
  return {
    timings: {
      evalTotalTime: seconds(stats.evalMs),
      resultSortTime: seconds(stats.resultSortMs),
      queryPreparationTime: seconds(stats.preparationMs),
      innerEvalTime: seconds(stats.innerEvalMs),
      execQueueTime: seconds(stats.queueMs),
      execTotalTime: seconds(stats.totalMs),
    },
    samples: {
      ...(perStep ? { totalQueryableSamplesPerStep: pairs(perStep) } : {}),
      totalQueryableSamples: stats.totalSamples,
      samplesRead: stats.samplesRead,
      peakSamples: stats.peakSamples,
    },
  };
}

/** To the nanosecond, as Go's durations are. */
function seconds(ms: number): number {
  return Math.round(ms * 1e6) / 1e9;
}

function pairs({ startMs, stepMs, totalSamples }: PerStepStats): (readonly [number, number])[] {
  return Array.from(totalSamples, (count, step) => [(startMs + step * stepMs) / 1000, count] as const);
}
