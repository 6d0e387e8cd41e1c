import { type Labels, type QueryResult, type SamplePair, sampleValue } from '../api/prometheus/query.ts';
import { type Field, type Frame, frameOf } from './frame.ts';
import { legendNames } from './legend-format.ts';
import type { PlannedQuery } from './query-plan.ts';

/** An answer as frames: one per series, or for `format: table` one frame with a row per sample. */
export function framesOfResult(query: PlannedQuery, result: QueryResult, tables: number): readonly Frame[] {
  if (query.target.format === 'table') return [tableFrame(query, result, tables)];
  const { refId, legendFormat } = query.target;
  if (result.resultType === 'matrix') {
    const times = stepTimes(query);
    const names = legendNames(
      legendFormat,
      result.result.map((series) => series.metric),
      query.expr,
    );
    return result.result.map((series, i) =>
      seriesFrame(refId, times, gridValues(series.values ?? [], query, times.length), series.metric, names[i]!),
    );
  }
  const samples = instantSamples(result);
  const names = legendNames(
    legendFormat,
    samples.map(([labels]) => labels),
    query.expr,
  );
  return samples.map(([labels, [seconds, value]], i) =>
    seriesFrame(refId, Float64Array.of(seconds * 1000), Float64Array.of(sampleValue(value)), labels, names[i]!),
  );
}

function instantSamples(result: QueryResult): readonly (readonly [Labels, SamplePair])[] {
  if (result.resultType === 'vector') {
    return result.result.flatMap((sample) => (sample.value ? [[sample.metric, sample.value] as const] : []));
  }
  if (result.resultType === 'matrix') {
    return result.result.flatMap((series) => (series.values ?? []).map((pair) => [series.metric, pair] as const));
  }
  return [[{}, result.result]];
}

function seriesFrame(refId: string, times: Float64Array, values: Float64Array, labels: Labels, legend: string): Frame {
  return frameOf(refId, [
    { kind: 'time', name: 'Time', labels: {}, refId, values: times },
    { kind: 'number', name: labels.__name__ ?? 'Value', labels, refId, legend, values },
  ]);
}

/** Milliseconds of every step; all series of one query share this very array, which is how a chart knows they align. */
function stepTimes({ startMs, endMs, stepMs }: PlannedQuery): Float64Array {
  return Float64Array.from({ length: Math.floor((endMs - startMs) / stepMs) + 1 }, (_, i) => startMs + i * stepMs);
}

function gridValues(pairs: readonly SamplePair[], { startMs, stepMs }: PlannedQuery, length: number): Float64Array {
  const values = new Float64Array(length).fill(Number.NaN);
  for (const [seconds, value] of pairs) {
    const at = Math.round((seconds * 1000 - startMs) / stepMs);
    if (at >= 0 && at < length) values[at] = sampleValue(value);
  }
  return values;
}

function tableFrame(query: PlannedQuery, result: QueryResult, tables: number): Frame {
  const { refId } = query.target;
  const samples = instantSamples(result);
  const labelNames = [...new Set(samples.flatMap(([labels]) => Object.keys(labels)))].sort();
  const fields: Field[] = [
    {
      kind: 'time',
      name: 'Time',
      labels: {},
      refId,
      values: Float64Array.from(samples, ([, [seconds]]) => seconds * 1000),
    },
    ...labelNames.map(
      (name): Field => ({
        kind: 'text',
        name,
        labels: {},
        refId,
        values: samples.map(([labels]) => labels[name] ?? ''),
      }),
    ),
    {
      kind: 'number',
      name: tables > 1 ? `Value #${refId}` : 'Value',
      labels: {},
      refId,
      values: Float64Array.from(samples, ([, [, value]]) => sampleValue(value)),
    },
  ];
  return frameOf(refId, fields);
}
