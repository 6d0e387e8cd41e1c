import { readFileSync } from 'node:fs';
import { FloatHistogram, formatHistogram, METRIC_NAME, ProtoWriter } from '@avalanche/model';
import { describe, expect, test } from 'vitest';
import { CustomBucketsParser } from '../custom-buckets.ts';
import { ENTRY_END, ENTRY_HELP, ENTRY_SAMPLE, ENTRY_TYPE, ExpositionParser, type SampleParser } from '../parser.ts';
import { ProtobufError, type ProtobufOptions, ProtobufParser } from './parser.ts';

/** A body that client_golang 1.22 has written, and what the parser of Prometheus 3.4 makes of it. */
interface Known {
  readonly hex: string;
  readonly cases: readonly { readonly alwaysClassic: boolean; readonly entries: readonly KnownEntry[] }[];
}
type KnownEntry = readonly [string, string, string] | KnownSample;
interface KnownSample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value?: string;
  readonly histogram?: string;
  readonly integers?: boolean;
  readonly schema?: number;
  readonly start: number;
  readonly exemplars: readonly (readonly [Record<string, string>, number, number])[];
}

const KNOWN: Known = JSON.parse(readFileSync(new URL('testdata/client-golang.json', import.meta.url), 'utf8'));
const BODY = Buffer.from(KNOWN.hex, 'hex');
const SEED = Number(process.env.FUZZ_SEED ?? 20_260_501);

function walk(parser: SampleParser): KnownEntry[] {
  const entries: KnownEntry[] = [];
  for (let entry = parser.next(); entry !== ENTRY_END; entry = parser.next()) {
    if (entry === ENTRY_SAMPLE) entries.push(sampleOf(parser));
    else {
      const kind = entry === ENTRY_HELP ? 'help' : entry === ENTRY_TYPE ? 'type' : 'unit';
      entries.push([kind, parser.metric, parser.text]);
    }
  }
  return entries;
}

function sampleOf(parser: SampleParser): KnownSample {
  const { histogram } = parser;
  const exemplars = parser.hasExemplar ? parser.exemplars() : [];
  return {
    labels: Object.fromEntries(parser.seriesMap()),
    ...(histogram === null
      ? { value: String(parser.value) }
      : {
          ...(histogram.ofIntegers ? { integers: true } : {}),
          ...{ histogram: formatHistogram(histogram), schema: histogram.schema },
        }),
    start: parser.startTime(),
    exemplars: exemplars.map(({ labels, value, timestamp }) => [labels.toJSON(), value, timestamp ?? 0]),
  };
}

function parse(body: Uint8Array, options: ProtobufOptions = {}): KnownEntry[] {
  return walk(new ProtobufParser(body, { withExemplars: true, nativeHistograms: true, ...options }));
}

describe('a body of client_golang', () => {
  test.each(KNOWN.cases)('gives what Prometheus reads (classic histograms beside: $alwaysClassic)', (known) => {
    expect(parse(BODY, { alwaysClassic: known.alwaysClassic })).toEqual(known.entries);
  });

  test('gives classic histograms where native ones are not wanted', () => {
    const samples = parse(BODY, { nativeHistograms: false }).filter((entry) => 'labels' in entry) as KnownSample[];
    expect(samples.some(({ histogram }) => histogram !== undefined)).toBe(false);
    const bounds = samples.filter(
      ({ labels }) => labels[METRIC_NAME] === 'native_seconds_bucket' && labels.le_dom === 'a',
    );
    expect(bounds.map(({ labels, value }) => [labels.le, value])).toEqual([
      ['1.0', '31'],
      ['5.0', '38'],
      ['+Inf', '220'],
    ]);
  });

  test('gives native ones with custom buckets of classic ones', () => {
    const custom = parse(BODY, { toCustomBuckets: true }).filter(
      (entry) => 'labels' in entry && entry.labels[METRIC_NAME] === 'classic_seconds',
    );
    expect(custom).toMatchObject([
      {
        integers: true,
        schema: -53,
        histogram: '{count:60, sum:354, [-Inf,0.1]:1, (0.1,1]:5, (1,2.5]:7, (2.5,10]:38, (10,+Inf]:9}',
      },
    ]);
    const both = parse(BODY, { toCustomBuckets: true, alwaysClassic: true }).filter((entry) => 'labels' in entry);
    const names = both.map((entry) => ('labels' in entry ? entry.labels[METRIC_NAME] : ''));
    const from = names.indexOf('classic_seconds_count');
    expect(names.slice(from, from + 8)).toEqual([
      ...['classic_seconds_count', 'classic_seconds_sum'],
      ...new Array<string>(5).fill('classic_seconds_bucket'),
      'classic_seconds',
    ]);
  });

  test('has the same keys in each scrape, one for each series', () => {
    const keys = () => {
      const parser = new ProtobufParser(BODY, { nativeHistograms: true, alwaysClassic: true });
      const found: string[] = [];
      while (true) {
        const entry = parser.next();
        if (entry === ENTRY_END) break;
        if (entry === ENTRY_SAMPLE)
          found.push(Buffer.from(parser.body.subarray(parser.seriesStart, parser.seriesEnd)).toString('latin1'));
      }
      parser.release();
      return found;
    };
    expect(keys()).toEqual(keys());
    expect(new Set(keys()).size).toBe(keys().length);
  });
});

/** A body of one family: its type, and each metric by a function that writes it. */
function family(type: number, ...metrics: readonly ((writer: ProtoWriter) => void)[]): Uint8Array {
  const inner = new ProtoWriter();
  inner.string(1, 'm');
  inner.int64(3, type);
  for (const metric of metrics) {
    const start = inner.begin(4);
    metric(inner);
    inner.end(start);
  }
  const outer = new ProtoWriter();
  outer.delimited(inner.written);
  return outer.written.slice();
}

function histogram(write: (writer: ProtoWriter) => void) {
  return (writer: ProtoWriter) => {
    const start = writer.begin(7);
    write(writer);
    writer.end(start);
  };
}

function span(writer: ProtoWriter, field: number, offset: number, length: number): void {
  const start = writer.begin(field);
  writer.sint64(1, offset);
  writer.int64(2, length);
  writer.end(start);
}

describe('what client_golang does not write', () => {
  test('gauge histograms, floats, timestamps, a bucket of +Inf that is listed', () => {
    const floats = family(5, (writer) => {
      histogram((h) => {
        h.double(4, 3.5);
        h.double(2, 1);
        h.sint64(5, 1);
        h.double(8, 0.5);
        h.double(6, 0.01);
        span(h, 12, -2, 2);
        h.doubles(14, [1, 2]);
      })(writer);
      writer.int64(6, 12_345);
    });
    const parser = new ProtobufParser(floats, { nativeHistograms: true });
    while (parser.next() !== ENTRY_SAMPLE);
    expect([parser.hasTimestamp, parser.timestamp]).toEqual([true, 12_345]);
    expect(parser.histogram).toEqual(
      new FloatHistogram({
        ...{ counterResetHint: 'gauge', schema: 1, count: 3.5, sum: 1, zeroCount: 0.5, zeroThreshold: 0.01 },
        positive: { indexes: Int32Array.of(-2, -1), counts: Float64Array.of(1, 2) },
      }),
    );
    const classic = family(
      4,
      histogram((h) => {
        h.int64(1, 4);
        for (const [bound, count] of [
          [1, 3],
          [Number.POSITIVE_INFINITY, 4],
        ]) {
          const start = h.begin(3);
          h.int64(1, count);
          h.double(2, bound);
          h.end(start);
        }
      }),
    );
    const samples = parse(classic).filter((entry) => 'labels' in entry) as KnownSample[];
    expect(samples.map(({ labels, value }) => [labels.le, value])).toEqual([
      [undefined, '4'],
      [undefined, '0'],
      ['1.0', '3'],
      ['+Inf', '4'],
    ]);
  });

  test.each([
    [
      'spans',
      family(
        4,
        histogram((h) => span(h, 12, 0, 2_000_000_000)),
      ),
      'histogram "m": positive side: spans require 2000000000 buckets, have 0',
    ],
    [
      'offsets',
      family(
        4,
        histogram((h) => {
          span(h, 12, 0, 1);
          span(h, 12, -5, 1);
          h.sint64s(13, [1, 1]);
        }),
      ),
      'histogram "m": span number 2 with offset -5: histogram has a span whose offset is negative',
    ],
    ['types', family(9, () => {}), 'unknown metric type for metric "m": 9'],
    ['label names', family(1, (writer) => writer.end(writer.begin(1))), 'invalid label name: '],
  ])('%s that cannot be are an error with the place', (_, body, message) => {
    expect(() => parse(body)).toThrow(ProtobufError);
    expect(() => parse(body)).toThrow(message);
    expect(() => parse(body)).toThrow(/^byte \d+: /);
  });

  test('a body that ends too early is an error', () => {
    const whole = new Set<number>();
    for (let end = 0; end < BODY.length; end++) {
      try {
        parse(BODY.subarray(0, end));
        whole.add(end);
      } catch (error) {
        expect(error).toBeInstanceOf(ProtobufError);
      }
    }
    expect(whole.size).toBe(8); // between families
  });

  test(`flipped bytes give samples or an error (FUZZ_SEED=${SEED})`, () => {
    let state = SEED;
    const random = (below: number) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 0x1_0000_0000) * below);
    };
    let failed = 0;
    for (let round = 0; round < 4000; round++) {
      const bytes = Uint8Array.from(BODY);
      for (let flips = random(4); flips >= 0; flips--) bytes[random(bytes.length)] ^= 1 + random(255);
      try {
        parse(bytes, { alwaysClassic: round % 2 === 0, toCustomBuckets: round % 3 === 0 });
      } catch (error) {
        if (!(error instanceof ProtobufError)) throw error;
        failed++;
      }
    }
    expect(failed).toBeGreaterThan(500);
  });
});

const TEXT = `# TYPE h histogram
h_bucket{a="1",le="1"} 3
h_bucket{a="1",le="2.5"} 5 # {id="x"} 2 1
h_bucket{a="1",le="+Inf"} 6
h_count{a="1"} 6
h_sum{a="1"} 9.5
h_bucket{a="2",le="1"} 0.5
h_count{a="2"} 1.25
h_sum{a="2"} 3
# TYPE broken histogram
broken_bucket{le="1"} 5
broken_bucket{le="+Inf"} 4
broken_count -1
h_odd 1
# TYPE c counter
c_total 7
# EOF
`;

describe('classic histograms of text become native ones with custom buckets', () => {
  const native = [
    [{ __name__: 'h', a: '1' }, '{count:6, sum:9.5, [-Inf,1]:3, (1,2.5]:2, (2.5,+Inf]:1}', true],
    [{ __name__: 'h', a: '2' }, '{count:1.25, sum:3, [-Inf,1]:0.5, (1,+Inf]:0.75}', undefined],
  ];

  test.each([false, true])('with the classic ones beside: %s', (alwaysClassic) => {
    const text = new ExpositionParser(TEXT, 'openmetrics', { withExemplars: true });
    const samples = walk(new CustomBucketsParser(text, alwaysClassic)).filter(
      (entry) => 'labels' in entry,
    ) as KnownSample[];
    const histograms = samples.filter(({ histogram }) => histogram !== undefined);
    expect(histograms.map(({ labels, histogram, integers }) => [labels, histogram, integers])).toEqual(native);
    expect(histograms[0].exemplars).toEqual([[{ id: 'x' }, 2, 1000]]);
    const others = samples.filter(({ histogram }) => histogram === undefined).map(({ labels }) => labels.__name__);
    if (!alwaysClassic) expect(others).toEqual(['h_odd', 'c_total']);
    else expect(others).toHaveLength(13);
  });
});
