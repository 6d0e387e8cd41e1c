import { type FloatHistogram, formatHistogramJSON } from '@avalanche/model';
import { formatPlain, type InstantResult, type MatrixSeries, wellFormed } from '@avalanche/promql';
import { statsJson } from '../query/stats.ts';
import { JsonWriter } from './json-writer.ts';

/** Points written between two looks at what is full. */
const POINTS_A_TURN = 512;

/** What goes with the result of a query. */
export interface QueryExtras {
  readonly withStats: boolean;
  readonly warnings: readonly string[];
  readonly infos: readonly string[];
}

/**
 * The whole answer to a query, in pieces of up to 64 kB: no object and no string a point, and a large answer is on its
 * way before it is written to the end. Times are seconds, values strings, as in upstream's API.
 */
export function* queryBody(result: InstantResult, extras: QueryExtras): Generator<Buffer> {
  const writer = new JsonWriter();
  writer.raw('{"status":"success","data":{"resultType":"');
  writer.raw(result.type);
  writer.raw('","result":');
  yield* writeResult(writer, result);
  if (extras.withStats) {
    writer.raw(',"stats":');
    writer.raw(JSON.stringify(statsJson(result.stats)));
  }
  writer.raw('}');
  writeList(writer, 'warnings', extras.warnings);
  writeList(writer, 'infos', extras.infos);
  writer.raw('}');
  yield* writer.takeRest();
}

function* writeResult(writer: JsonWriter, result: InstantResult): Generator<Buffer> {
  switch (result.type) {
    case 'vector':
      writer.raw('[');
      for (const [i, { labels, value, histogram }] of result.samples.entries()) {
        writer.raw(i === 0 ? '{"metric":' : ',{"metric":');
        writer.labels(labels);
        writer.raw(histogram ? ',"histogram":' : ',"value":');
        if (histogram) writer.raw(histogramPoint(result.timeMs, histogram));
        else writer.point(result.timeMs, value);
        writer.raw('}');
        yield* writer.takeFull();
      }
      writer.raw(']');
      return;
    case 'matrix':
      writer.raw('[');
      for (const [i, series] of result.series.entries()) {
        if (i > 0) writer.raw(',');
        yield* writeSeries(writer, series);
      }
      writer.raw(']');
      return;
    // Upstream writes these two by other means than points: times as short as can be, numbers never with an exponent.
    case 'scalar':
      writer.raw(JSON.stringify([result.timeMs / 1000, formatPlain(result.value)]));
      return;
    case 'string':
      writer.raw(JSON.stringify([result.timeMs / 1000, wellFormed(result.value)]));
      return;
    default:
      result satisfies never;
  }
}

function* writeSeries(writer: JsonWriter, series: MatrixSeries): Generator<Buffer> {
  const { labels, t, v, length, histograms } = series;
  writer.raw('{"metric":');
  writer.labels(labels);
  if (histograms !== null) {
    yield* writeMixedPoints(writer, series, histograms);
    return;
  }
  writer.raw(',"values":[');
  for (let from = 0; from < length; from += POINTS_A_TURN) {
    writer.points(t, v, from, Math.min(length, from + POINTS_A_TURN));
    yield* writer.takeFull();
  }
  writer.raw(']}');
}

/** The points of a series of which some are native histograms: floats first, then those. */
function* writeMixedPoints(
  writer: JsonWriter,
  { t, v, length }: MatrixSeries,
  histograms: NonNullable<MatrixSeries['histograms']>,
): Generator<Buffer> {
  const lists: [string, number[]][] = [
    [',"values":[', []],
    [',"histograms":[', []],
  ];
  for (let i = 0; i < length; i++) lists[histograms[i] ? 1 : 0][1].push(i);
  for (const [name, points] of lists) {
    if (points.length === 0) continue;
    writer.raw(name);
    for (const [n, i] of points.entries()) {
      if (n > 0) writer.raw(',');
      const histogram = histograms[i];
      if (histogram) writer.raw(histogramPoint(t[i], histogram));
      else writer.point(t[i], v[i]);
      yield* writer.takeFull();
    }
    writer.raw(']');
  }
  writer.raw('}');
}

function histogramPoint(timeMs: number, histogram: FloatHistogram): string {
  const seconds = timeMs % 1000 === 0 ? String(timeMs / 1000) : (timeMs / 1000).toFixed(3);
  return `[${seconds},${formatHistogramJSON(histogram)}]`;
}

function writeList(writer: JsonWriter, name: string, texts: readonly string[]): void {
  if (texts.length > 0) writer.raw(`,"${name}":${JSON.stringify(texts)}`);
}
