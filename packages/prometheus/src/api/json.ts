import { formatValue } from '@avalanche/model';
import type { InstantResult, MatrixSeries, QueryStats } from '@avalanche/promql';

/**
 * The `data` of a query response as JSON text. Large results are built as strings directly: no object a point.
 * Times are seconds, values strings, as in upstream's API.
 */
export function queryData(result: InstantResult, withStats: boolean): string {
  const stats = withStats ? `,"stats":${JSON.stringify(statsJson(result.stats))}` : '';
  return `{"resultType":"${result.type}","result":${resultJson(result)}${stats}}`;
}

function resultJson(result: InstantResult): string {
  switch (result.type) {
    case 'vector': {
      const time = seconds(result.timeMs);
      const samples = result.samples.map(
        ({ labels, value }) => `{"metric":${JSON.stringify(labels)},"value":[${time},"${formatValue(value)}"]}`,
      );
      return `[${samples.join(',')}]`;
    }
    case 'matrix':
      return `[${result.series.map(seriesJson).join(',')}]`;
    case 'scalar':
      return `[${seconds(result.timeMs)},"${formatValue(result.value)}"]`;
    case 'string':
      return `[${seconds(result.timeMs)},${JSON.stringify(result.value)}]`;
    default:
      return result satisfies never;
  }
}

function seriesJson({ labels, t, v, length }: MatrixSeries): string {
  let points = '';
  for (let i = 0; i < length; i++) points += `${i === 0 ? '' : ','}[${seconds(t[i])},"${formatValue(v[i])}"]`;
  return `{"metric":${JSON.stringify(labels)},"values":[${points}]}`;
}

/** Milliseconds as the API writes times: seconds, with up to three decimals. */
function seconds(ms: number): string {
  return ms % 1000 === 0 ? String(ms / 1000) : (ms / 1000).toFixed(3);
}

function statsJson({ totalMs, queueMs, totalSamples, peakSamples }: QueryStats) {
  return {
    timings: {
      evalTotalTime: (totalMs - queueMs) / 1000,
      resultSortTime: 0,
      queryPreparationTime: 0,
      innerEvalTime: (totalMs - queueMs) / 1000,
      execQueueTime: queueMs / 1000,
      execTotalTime: totalMs / 1000,
    },
    samples: { totalQueryableSamples: totalSamples, peakSamples },
  };
}
