import { ENTRY_END, ENTRY_SAMPLE, ProtobufParser } from '@avalanche/exposition';
import { denseBuckets, FloatHistogram, formatHistogram } from '@avalanche/model';
import { describe, expect, test } from 'vitest';
import { federationFormat } from './federate-accept.ts';
import type { FederatedSample } from './federate-histogram.ts';
import { ProtobufFederation } from './federate-proto.ts';
import { TextFederation } from './federate-text.ts';

const PROTO = 'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited';

test.each([
  ['', false, 'underscores'],
  ['text/plain;escaping=dots', false, 'dots'],
  [`${PROTO};q=0.6,text/plain;version=0.0.4;q=0.5`, true, 'underscores'],
  [`${PROTO};q=0.3;escaping=values,text/plain;version=0.0.4;q=0.5`, false, 'underscores'],
  [`text/plain;version=1.0.0;escaping=allow-utf-8;q=0.5,${PROTO};q=0.2`, true, 'allow-utf-8'],
  ['application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text', false, 'underscores'],
])('%s', (accept, isProtobuf, escaping) => {
  expect(federationFormat(accept)).toMatchObject({ isProtobuf, escaping });
});

const NATIVE = new FloatHistogram({
  ...{ schema: 2, zeroThreshold: 0.01, zeroCount: 1, count: 8.5, sum: 3 },
  ...{ positive: denseBuckets(-2, [1, 0.5, 3]), negative: denseBuckets(4, [3]) },
});
const GAUGE = NATIVE.withHint('gauge');
const CUSTOM = new FloatHistogram({
  ...{ schema: -53, count: 10, sum: 2.5, customValues: Float64Array.of(0.5, 1, 2) },
  positive: { indexes: Int32Array.of(0, 2, 3), counts: Float64Array.of(1, 5, 4) },
});
const SAMPLES: readonly FederatedSample[] = [
  { name: 'a.b', labels: [['l.x', '"']], value: 1.5, histogram: undefined, time: 1000 },
  { name: 'h', labels: [['instance', 'i']], value: 0, histogram: NATIVE, time: 2000 },
  { name: 'h', labels: [['instance', 'j']], value: 0, histogram: NATIVE, time: 2000 },
  { name: 'h', labels: [], value: 0, histogram: GAUGE, time: 3000 },
  { name: 'n', labels: [['a', 'b']], value: 0, histogram: CUSTOM, time: 4000 },
];

describe('native histograms', () => {
  test('have no place in text, but for custom buckets', () => {
    const writer = new TextFederation('underscores');
    for (const sample of SAMPLES) writer.add(sample);
    expect(writer.take().toString()).toBe(`# TYPE a_b untyped
a_b{l_x="\\""} 1.5 1000
# TYPE n histogram
n_bucket{a="b",le="0.5"} 1 4000
n_bucket{a="b",le="1.0"} 1 4000
n_bucket{a="b",le="2.0"} 6 4000
n_bucket{a="b",le="+Inf"} 10 4000
n_sum{a="b"} 2.5 4000
n_count{a="b"} 10 4000
`);
  });

  test('are in protobuf as they are', () => {
    const writer = new ProtobufFederation('allow-utf-8');
    for (const sample of SAMPLES) writer.add(sample);
    const parser = new ProtobufParser(writer.take(), { nativeHistograms: true, toCustomBuckets: true });
    const found: unknown[] = [];
    for (let entry = parser.next(); entry !== ENTRY_END; entry = parser.next()) {
      if (entry !== ENTRY_SAMPLE) continue;
      const { histogram, timestamp, value } = parser;
      const labels = Object.fromEntries(parser.seriesMap());
      found.push([labels, histogram ? formatHistogram(histogram) : value, histogram?.counterResetHint, timestamp]);
    }
    const compact = formatHistogram(NATIVE.compact());
    expect(found).toEqual([
      [{ __name__: 'a.b', 'l.x': '"' }, 1.5, undefined, 1000],
      [{ __name__: 'h', instance: 'i' }, compact, 'unknown', 2000],
      [{ __name__: 'h', instance: 'j' }, compact, 'unknown', 2000],
      [{ __name__: 'h' }, compact, 'gauge', 3000],
      [{ __name__: 'n', a: 'b' }, formatHistogram(CUSTOM), 'unknown', 4000],
    ]);
  });
});
