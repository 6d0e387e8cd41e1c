import { decompressSnappy } from '../proto/snappy.ts';
import { decodeSymbols, decodeV2 } from '../receive/decode.ts';

const BYTES_MAX = 64 * 1024 * 1024;

/** What a request of 2.0 holds, for the log: labels, and samples as time (milliseconds) and value. */
export function describeRequest(body: Uint8Array): object {
  const bytes = decompressSnappy(body, BYTES_MAX);
  const { symbols } = decodeSymbols(bytes);
  const labelsOf = (refs: readonly number[]) =>
    Object.fromEntries(refs.flatMap((ref, i) => (i % 2 === 0 ? [[symbols[ref], symbols[refs[i + 1]]]] : [])));
  const timeseries = Array.from(decodeV2(bytes), (series) => ({
    labels: labelsOf(series.labelRefs),
    samples: Array.from({ length: series.length }, (_, i) => [series.times[i], String(series.values[i])]),
    exemplars: series.exemplars.map(({ labelRefs, time, value }) => ({ labels: labelsOf(labelRefs), time, value })),
  }));
  return { timeseries };
}
