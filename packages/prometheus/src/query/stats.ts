import type { PerStepStats, QueryStats } from '@avalanche/promql';

/** The statistics of a query as the API and the query log write them (upstream util/stats); times in seconds. */
export function statsJson(stats: QueryStats) {
  const { perStep } = stats;
  return {
    timings: {
      evalTotalTime: stats.evalMs / 1000,
      resultSortTime: stats.resultSortMs / 1000,
      queryPreparationTime: stats.preparationMs / 1000,
      innerEvalTime: stats.innerEvalMs / 1000,
      execQueueTime: stats.queueMs / 1000,
      execTotalTime: stats.totalMs / 1000,
    },
    samples: {
      ...(perStep ? { totalQueryableSamplesPerStep: pairs(perStep) } : {}),
      totalQueryableSamples: stats.totalSamples,
      samplesRead: stats.samplesRead,
      peakSamples: stats.peakSamples,
    },
  };
}

function pairs({ startMs, stepMs, totalSamples }: PerStepStats): (readonly [number, number])[] {
  return Array.from(totalSamples, (count, step) => [(startMs + step * stepMs) / 1000, count] as const);
}
