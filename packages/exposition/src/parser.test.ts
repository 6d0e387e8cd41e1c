import { Labels } from '@avalanche/model';
import { describe, expect, test } from 'vitest';
import { formatOf } from './content-type.ts';
import { ENTRY_END, ENTRY_SAMPLE, ExpositionParser } from './parser.ts';
import type { ExpositionFormat } from './series-text.ts';

/** What the body is made of, each line walked without another body to compare it with. */
function samples(body: string, format: ExpositionFormat = 'text'): [string, number, number | null][] {
  const parser = new ExpositionParser(body, format);
  const out: [string, number, number | null][] = [];
  for (let entry = parser.next(); entry !== ENTRY_END; entry = parser.next()) {
    if (entry !== ENTRY_SAMPLE) continue;
    const series = Labels.fromMap(parser.seriesMap()).toString();
    out.push([series, parser.value, parser.hasTimestamp ? parser.timestamp : null]);
  }
  return out;
}

function messageOf(work: () => unknown): string {
  try {
    work();
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

test.each([
  ['up 1', 'up', 1, null],
  ['up 1 1700000000000', 'up', 1, 1_700_000_000_000],
  ['up{} 0.5', 'up', 0.5, null],
  ['up{job="a b",x="}"} 1e3', 'up{job="a b", x="}"}', 1000, null],
  ['up{job="a",} -1', 'up{job="a"}', -1, null],
  ['up {job="a"} 2', 'up{job="a"}', 2, null],
  ['  up\t{ job = "a" , b="c"}\t2\t5', 'up{b="c", job="a"}', 2, 5],
  ['up{p="C:\\\\DIR\\"\\n"} 1', 'up{p="C:\\\\DIR\\"\\n"}', 1, null],
  ['{"my.metric","label x"="v"} 1', '{"my.metric", "label x"="v"}', 1, null],
  ['x NaN', 'x', Number.NaN, null],
  ['x -Inf', 'x', Number.NEGATIVE_INFINITY, null],
  ['x 1234567890123', 'x', 1234567890123, null],
  ['up{job="a" b="c"d="e"} 1', 'up{b="c", d="e", job="a"}', 1, null],
  ['up{p="two\nlines"} 1', 'up{p="two\\nlines"}', 1, null],
  ['up{}1', 'up', 1, null],
  ['up+5', 'up', 5, null],
])('%j', (line, series, value, timestamp) => {
  expect(samples(`${line}\n`)).toEqual([[series, value, timestamp]]);
  expect(samples(line)).toEqual([[series, value, timestamp]]);
});

test.each([
  ['a 1\nb\n', 'line 2: expected value after metric, got "\\n" ("INVALID") while parsing: "b\\n"'],
  ['a 1\n\nb x\n', 'line 3: strconv.ParseFloat: parsing "x": invalid syntax while parsing: "b x"'],
  ['a 1 2 3\n', 'line 1: expected next entry after timestamp, got "3\\n" ("TIMESTAMP") while parsing: "a 1 2 3\\n"'],
  ['a 1 2.5\n', 'line 1: expected next entry after timestamp, got "." ("INVALID") while parsing: "a 1 2."'],
  ['a 1 -5\n', 'line 1: expected timestamp or new record, got "-" ("INVALID") while parsing: "a 1 -"'],
  [
    'a 1 9223372036854775808\n',
    'line 1: strconv.ParseInt: parsing "9223372036854775808": value out of range while parsing: "a 1 9223372036854775808"',
  ],
  ['a{b="c" 1\n', 'line 1: expected label name, got "1" ("INVALID") while parsing: "a{b=\\"c\\" 1"'],
  ['a 1\r\n', 'line 1: strconv.ParseFloat: parsing "1\\r": invalid syntax while parsing: "a 1\\r"'],
  ['a 1e400\n', 'line 1: strconv.ParseFloat: parsing "1e400": value out of range while parsing: "a 1e400"'],
  ['# TYPE a unknown\n', 'line 1: invalid metric type "unknown"'],
  ['# TYPE a gauge \n', 'line 1: invalid metric type "gauge "'],
  ['# HELP 1a x\n', 'line 1: expected metric name after HELP, got "1" ("INVALID") while parsing: "# HELP 1"'],
  ['# TYPE a nonsense\n', 'line 1: invalid metric type "nonsense"'],
  ['a 0x10\n', 'line 1: strconv.ParseFloat: parsing "0x10": invalid syntax while parsing: "a 0x10"'],
  ['a 0x1p4\n', 'line 1: unsupported character in float while parsing: "a 0x1p4"'],
  ['a{b="c} 1', 'line 1: expected label value, got "\\"c} 1\\n" ("INVALID") while parsing: "a{b=\\"c} 1\\n"'],
  ['a{,} 1', 'line 1: expected label name, got ",}" ("COMMA") while parsing: "a{,}"'],
  ['{b="c"} 1', 'line 1: metric name not set while parsing: "{b=\\"c\\"} 1"'],
  ['a{"b"} 1', 'line 1: metric name already set while parsing: "a{\\"b\\"}"'],
  ['a{b="1",b="2"} 1', 'line 1: label name "b" is not unique: invalid sample'],
  ['ä 1', 'line 1: expected a valid start token, got "\\xc3" ("INVALID") while parsing: "\\xc3"'],
])('%j is refused in the words of upstream', (body, message) => {
  expect(messageOf(() => samples(body))).toBe(message);
});

test.each(['a{b="c} 1', 'a{b=c} 1', '{__name__="a"} 1', '{b="c"} 1', 'a{b="1",b="2"} 1', 'ä 1'])(
  'the series of %j is refused',
  (line) => {
    expect(() => samples(`${line}\n`)).toThrow();
  },
);

describe('OpenMetrics', () => {
  test('timestamps are seconds, exemplars are passed over, and EOF ends', () => {
    const body = '# TYPE a counter\na_total 1 1700000000.25 # {trace_id="x"} 0.5\n# EOF\n';
    expect(samples(body, 'openmetrics')).toEqual([['a_total', 1, 1_700_000_000_250]]);
  });
  test.each([
    ['1.001', 1000], // upstream's arithmetic: 1.001 * 1000 is a little less than 1001
    ['-1.5', -1500],
    ['1e3', 1_000_000],
  ])('of a timestamp of %s seconds the rest beyond milliseconds is cut off', (text, timestamp) => {
    expect(samples(`a 1 ${text}\n# EOF\n`, 'openmetrics')).toEqual([['a', 1, timestamp]]);
  });
  test.each([
    ['a{b="c" d="e"} 1', 'expected comma or brace close, got " " ("INVALID") while parsing: "a{b=\\"c\\" "'],
    ['a{b="c", d="e"} 1', 'expected label name, got " " ("INVALID") while parsing: "a{b=\\"c\\", "'],
    ['a {b="c"} 1', 'strconv.ParseFloat: parsing "{b=\\"c\\"}": invalid syntax while parsing: "a {b=\\"c\\"}"'],
    ['a  1', 'expected value after metric, got "  " ("INVALID") while parsing: "a  "'],
    ['a 1 NaN', 'invalid timestamp NaN'],
    ['a 1 # {b="c"} x', 'strconv.ParseFloat: parsing "x": invalid syntax while parsing: "a 1 # {b=\\"c\\"} x"'],
    ['# a comment', 'expected a valid start token, got "# a" ("INVALID") while parsing: "# a"'],
    ['# TYPE a untyped', 'invalid metric type "untyped"'],
    ['# UNIT a seconds', 'unit "seconds" not a suffix of metric "a"'],
  ])('%j is refused in the words of upstream', (line, message) => {
    expect(messageOf(() => samples(`${line}\n# EOF\n`, 'openmetrics'))).toBe(`line 1: ${message}`);
  });
  test('a body without EOF, or with more after it, is refused', () => {
    expect(() => samples('a 1\n', 'openmetrics')).toThrow('does not end with # EOF');
    expect(() => samples('# EOF\na 1\n', 'openmetrics')).toThrow('line 2: unexpected data after # EOF');
  });
});

test('metadata lines are entries', () => {
  const parser = new ExpositionParser('# HELP a one\\ntwo \\"\n# TYPE a counter\n# just a comment\n', 'text');
  parser.next();
  expect([parser.metric, parser.text]).toEqual(['a', 'one\ntwo \\"']);
  parser.next();
  expect([parser.metric, parser.text]).toEqual(['a', 'counter']);
  expect(parser.next()).toBe(ENTRY_END);
});

test.each([
  '0',
  '-0',
  '+1',
  '.5',
  '5.',
  '0.1',
  '1e22',
  '1E-22',
  '9007199254740993',
  '123456789012345',
  '0.000001',
  '1234567890123456',
  '1.7976931348623157e308',
  '5e-324',
  '123.456e-7',
  '00012',
  '1e05',
  '-1.5e+06',
])('the number %s', (text) => expect(samples(`x ${text}\n`)[0][1]).toBe(Number(text)));

test.each(['', '-', '.', 'e5', '1e', '1e+', '1.2.3', '1_000', '1f', '0x1p3', '1-', 'infin', '--1'])(
  'no number: %j',
  (text) => {
    expect(() => samples(`x ${text}\n`)).toThrow('line 1: ');
  },
);

test('random decimals are the doubles that they are nearest to', () => {
  let seed = 7;
  const next = (below: number) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const digits = (count: number) => Array.from({ length: count }, () => next(10)).join('');
  for (let round = 0; round < 20_000; round++) {
    const exponent = next(2) === 0 ? '' : `e${['', '-', '+'][next(3)]}${next(40)}`;
    const text = `${digits(1 + next(12))}${next(3) === 0 ? '' : `.${digits(1 + next(12))}`}${exponent}`;
    expect(samples(`x ${text}\n`)[0][1]).toBe(Number(text));
  }
});

test('lines of megabytes are lines', () => {
  const long = 'x'.repeat(20_000_000);
  const body = `# HELP "${long}" y\na{b="${long}"} 1 # {c="${long}"} 2\n# EOF\n`;
  expect(samples(body, 'openmetrics')).toEqual([[`a{b="${long}"}`, 1, null]]);
});

test('what is not UTF-8 is refused, with its line', () => {
  const latin1 = (text: string) => new ExpositionParser(Buffer.from(text, 'latin1'), 'text');
  const value = latin1('a 1\nb{c="\xe9"} 1\n');
  value.next();
  value.next();
  expect(() => value.seriesMap()).toThrow('line 2: invalid UTF-8 label value: "\\"\\xe9\\""');
  const help = latin1('\n# HELP a caf\xe9\n');
  expect(() => help.next()).toThrow('line 2: help text "caf\\xe9" is not a valid utf8 string');
});

test('random bytes give samples or an error with a line, and never hang', () => {
  let seed = 42;
  const next = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 2 ** 32;
  };
  const alphabet = 'up{}="\\,# \n\t1.5eNaN#TYPE\u00e9\r';
  for (let round = 0; round < 2000; round++) {
    const body = Array.from({ length: 40 }, () => alphabet[Math.floor(next() * alphabet.length)]).join('');
    for (const format of ['text', 'openmetrics'] as const) {
      try {
        samples(body, format);
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
      }
    }
  }
});

test('formats by content type', () => {
  expect(formatOf('text/plain; version=0.0.4')).toBe('text');
  expect(formatOf('application/openmetrics-text; version=1.0.0')).toBe('openmetrics');
  expect(formatOf('text/html', 'OpenMetricsText1.0.0')).toBe('openmetrics');
  expect(formatOf(undefined, 'PrometheusText1.0.0')).toBe('text');
});

test.each([
  ['', 'non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol specified for target'],
  ['text/html', 'received unsupported Content-Type "text/html" and no fallback_scrape_protocol specified for target'],
  [
    'text/',
    'cannot parse Content-Type "text/" and no fallback_scrape_protocol for target\nmime: expected token after slash',
  ],
])('the Content-Type %j is refused', (contentType, message) => {
  expect(messageOf(() => formatOf(contentType))).toBe(message);
});

test('exemplars of OpenMetrics: labels as written, value, time', () => {
  const body = String.raw`a_total 1 # {trace_id="a\"b","x.y"="ü"} 0.5 1520879607.789
b 2 3 # {} -1
c 4
# EOF
`;
  const parser = new ExpositionParser(body, 'openmetrics', { withExemplars: true });
  const found = [];
  while (parser.next() === ENTRY_SAMPLE) found.push(parser.hasExemplar ? parser.exemplars()[0] : null);
  expect(found).toEqual([
    { labels: Labels.from({ trace_id: String.raw`a\"b`, 'x.y': 'ü' }), value: 0.5, timestamp: 1520879607789 },
    { labels: Labels.EMPTY, value: -1, timestamp: undefined },
    null,
  ]);
});

test('start times of OpenMetrics come from _created lines, which are no samples then', () => {
  const body = `# TYPE a counter
a_total{x="1"} 5
a_created{x="1"} 1520430000.123
a_total{x="2"} 6
# TYPE h histogram
h_bucket{le="+Inf",x="1"} 2
h_count{x="1"} 2
h_created{x="1"} 1520430001
# TYPE g gauge
g_created 7
# EOF
`;
  const parser = new ExpositionParser(body, 'openmetrics', { withStartTimes: true });
  const found: [string, number][] = [];
  for (let entry = parser.next(); entry !== ENTRY_END; entry = parser.next()) {
    if (entry === ENTRY_SAMPLE) found.push([parser.seriesText, parser.startTime()]);
  }
  expect(found).toEqual([
    ['a_total{x="1"}', 1520430000123],
    ['a_total{x="2"}', 0],
    ['h_bucket{le="+Inf",x="1"}', 1520430001000],
    ['h_count{x="1"}', 1520430001000],
    ['g_created', 0],
  ]);
});
