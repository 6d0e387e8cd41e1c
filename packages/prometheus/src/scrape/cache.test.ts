import { ENTRY_END, ENTRY_SAMPLE, type ExpositionFormat, ExpositionParser } from '@avalanche/exposition';
import { describe, expect, test } from 'vitest';
import { randomNumbers } from '../../../../tests/support/random-numbers.ts';
import { REF_UNKNOWN, ScrapeCache } from './cache.ts';

interface Walk {
  /** Series text, value and own time of each sample; comments as their metric and text. */
  readonly entries: readonly (readonly [string, number | string, number | null])[];
  readonly error: string;
}

/** Parses a body without anything that is known from before. */
function parseAlone(body: string | Uint8Array, format: ExpositionFormat): Walk {
  const parser = new ExpositionParser(body, format);
  return collect(parser, () => parser.next());
}

function collect(parser: ExpositionParser, next: () => number): Walk {
  const entries: [string, number | string, number | null][] = [];
  try {
    for (let entry = next(); entry !== ENTRY_END; entry = next()) {
      if (entry !== ENTRY_SAMPLE) entries.push([parser.metric, parser.text, null]);
      else entries.push([parser.seriesText, parser.value, parser.hasTimestamp ? parser.timestamp : null]);
    }
    return { entries, error: '' };
  } catch (error) {
    return { entries, error: (error as Error).message };
  }
}

/** A target's cache, with a number for each series instead of a reference. */
class Target {
  readonly cache = new ScrapeCache();
  /** Samples whose series had to be looked up by its labels. */
  registered = 0;
  private readonly numbers: string[] = [''];

  scrape(body: string | Uint8Array, format: ExpositionFormat = 'text', describeAll = false): Walk {
    const { cache } = this;
    const parser = new ExpositionParser(body, format);
    cache.begin(parser, format, describeAll);
    this.registered = 0;
    const walk = collect(parser, () => {
      const entry = parser.next(cache.expected, cache.place);
      if (entry === ENTRY_SAMPLE) this.check(parser.seriesText, cache.slotOf(parser));
      return entry;
    });
    if (walk.error === '') cache.end();
    else cache.abandon();
    return walk;
  }

  private check(text: string, slot: number): void {
    const { cache } = this;
    if (cache.refs[slot] === REF_UNKNOWN) {
      cache.refs[slot] = this.numbers.push(text) - 1;
      this.registered++;
    }
    expect(this.numbers[cache.refs[slot]]).toBe(text);
    cache.seenIn[slot] = cache.scrape;
  }
}

const samplesOf = (walk: Walk) => walk.entries.filter(([, value]) => typeof value === 'number');
const lines = (count: number, value: (i: number) => string | number) =>
  Array.from({ length: count }, (_, i) => `m{i="${i}"} ${value(i)}\n`).join('');

describe.each<[string, string, string, number]>([
  ['the same', lines(50, (i) => i), lines(50, (i) => i), 0],
  ['with other values', lines(50, (i) => i), lines(50, (i) => i + 1), 0],
  ['with longer values, so that all lines are shifted', lines(50, () => 1), lines(50, () => 123456.5), 0],
  ['with shorter values', lines(50, () => '1.5e+06'), lines(50, () => 7), 0],
  ['reordered', 'a 1\nb 2\nc 3\nd 4\n', 'd 4\nb 2\na 1\nc 3\n', 0],
  ['cut', lines(50, (i) => i), lines(20, (i) => i), 0],
  ['grown', lines(20, (i) => i), lines(50, (i) => i), 30],
  ['with a series in between', 'a 1\nc 3\nd 4\n', 'a 1\nb 2\nc 3\nd 4\n', 1],
  ['without one in between', 'a 1\nb 2\nc 3\nd 4\n', 'a 1\nc 3\nd 4\n', 0],
  ['with a longer name', 'up 1\n', 'upper 1\n', 1],
  ['with a name that is a prefix', 'up{a="12"} 1\n', 'up{a="1"} 1\n', 1],
  ['with braces after the name and a blank', 'up 1\n', 'up {a="1"} 1\n', 1],
  ['without the braces', 'up {a="1"} 1\n', 'up 1\n', 1],
  ['with one series twice', 'a 1\nb 2\n', 'a 1\na 3\nb 2\nb 2\n', 0],
  ['with one series twice no more', 'a 1\na 1\nb 2\n', 'a 1\nb 2\nb 2\n', 0],
  ['with timestamps', 'a 1\nb 2\n', 'a 1 1000\nb 2 2000\n', 0],
  ['with other timestamps', 'a 1 1000\nb 2 1000\n', 'a 1 1001\nb 2\n', 0],
  ['with the same timestamps', 'a 1 1000\nb 2 1000\n', 'a 1 1000\nb 2 1000\n', 0],
  ['with changed comments', '# HELP a x\na 1\n# HELP b y\nb 2\n', '# HELP a xx\na 1\n#\n# HELP b y\nb 2\n', 0],
  ['with a last line that goes on', 'a 1\nb 2', 'a 1\nb 23\n', 0],
  ['with a last line that is cut', 'a 1\nb 23\n', 'a 1\nb 2', 0],
  ['with no newline at the end, as before', 'a 1\nb 2', 'a 1\nb 2', 0],
  ['with blanks before and after', 'a 1\nb 2\n', '  a\t1  \n b  2\t\n', 0],
  ['with carriage returns', 'a 1\nb 2\n', 'a 1\r\nb 2\r\n', 0],
  ['empty', 'a 1\nb 2\n', '', 0],
])('a next body that is %s', (_name, first, second, registered) => {
  test('gives what it gives alone, and known series are found', () => {
    const target = new Target();
    expect(target.scrape(first)).toEqual(parseAlone(first, 'text'));
    const walk = target.scrape(second);
    expect(samplesOf(walk)).toEqual(samplesOf(parseAlone(second, 'text')));
    expect(target.registered).toBe(registered);
  });
});

test('a series that was away is a new one when it comes back', () => {
  const target = new Target();
  target.scrape('a 1\nb 2\n');
  target.scrape('a 1\n');
  expect(target.cache.size).toBe(1);
  target.scrape('a 1\nb 2\n');
  expect([target.registered, target.cache.size]).toEqual([1, 2]);
});

test('a body that fails changes nothing: the next good one is compared with the last good one', () => {
  const target = new Target();
  target.scrape('a 1\nb 2\nc 3\n');
  expect(target.scrape('c 1\nx 5\na 7\nb oops\n').error).toBe(
    'line 4: unsupported character in float while parsing: "b oops"',
  );
  expect(target.cache.size).toBe(3);
  target.scrape('a 1\nb 2\nc 3\nx 1\n');
  expect(target.registered).toBe(1);
});

test('comments that stay are passed over, unless all is to be described', () => {
  const body = '# TYPE a counter\na 1\n# TYPE b gauge\nb 2\n';
  const target = new Target();
  expect(target.scrape(body).entries).toHaveLength(4);
  expect(target.scrape(body).entries).toHaveLength(2);
  expect(target.scrape(body, 'text', true)).toEqual(parseAlone(body, 'text'));
});

test('the same bytes in another format are read in that format', () => {
  const target = new Target();
  target.scrape('a 1 1000\nb 2\n');
  expect(target.scrape('a 1 1000\nb 2\n# EOF\n', 'openmetrics').entries).toEqual([
    ['a', 1, 1_000_000],
    ['b', 2, null],
  ]);
  expect(target.registered).toBe(0);
  expect(target.scrape('a 1 1000\n\nb 2\n# EOF\n', 'openmetrics').error).toContain(
    'line 2: expected a valid start token',
  );
});

test('an error in a body beside another tells its own line', () => {
  const target = new Target();
  target.scrape(`# HELP a x\n${lines(30, () => 1)}`);
  expect(target.scrape(`# HELP a x\n${lines(30, (i) => (i === 20 ? 'x' : 2))}`).error).toMatch(/^line 22: /);
});

function random(seed: number): (below: number) => number {
  const next = randomNumbers(seed);
  return (below) => Math.floor(next() * below);
}

const VALUES = [
  '0',
  '1',
  '2.5',
  '-3',
  '1e3',
  '1.25e+06',
  'NaN',
  '+Inf',
  '0.1',
  '12345678901234567890',
  '7 1000',
  '8\t-5',
];

/** Changes some of the lines of a body, now and then into nonsense. */
function mutate(body: readonly string[], next: (below: number) => number): string[] {
  const out = [...body];
  for (let changes = next(6); changes > 0; changes--) {
    const at = next(out.length + 1);
    const series = `m${next(4)}${['', '{}', `{l="${next(30)}"}`, `{l="a b\\"}${next(9)}"}`, ' {x="é"}'][next(5)]}`;
    const line = `${['', '', '', ' '][next(4)]}${series} ${VALUES[next(VALUES.length)]}${['', '', '', '\r'][next(4)]}`;
    const kind = next(12);
    if (kind < 4) out[at] = line;
    else if (kind < 6) out.splice(at, 0, line);
    else if (kind < 8) out.splice(at, 1 + next(3));
    else if (kind < 9) out.splice(at, 0, ...out.splice(next(out.length + 1), next(4)));
    else if (kind < 10) out.splice(at, 0, ['#', '# HELP m0 text', '# TYPE m1 gauge', ''][next(4)]);
    else if (kind < 11 && out[at] !== undefined) out[at] = out[at].replace(/[^ ]+$/, VALUES[next(VALUES.length)]);
    else if (next(5) === 0) out.splice(at, 0, ['oops', 'm0{l="x} 1', '{} 1', 'm0 1 x', 'm0 0x1'][next(5)]);
  }
  return out.filter((text) => text !== undefined);
}

test.each([1, 2, 3, 4, 5, 6, 7, 8])('random bodies beside one another give what they give alone (seed %i)', (seed) => {
  const next = random(seed);
  const target = new Target();
  let body: string[] = [];
  for (let round = 0; round < 300; round++) {
    const changed = mutate(body, next);
    const text = changed.join('\n') + ['\n', '\n', ''][next(3)];
    const format = next(10) === 0 ? 'openmetrics' : 'text';
    const alone = parseAlone(format === 'text' ? text : `${text}# EOF`, format);
    const walk = target.scrape(format === 'text' ? text : `${text}# EOF`, format);
    expect(samplesOf(walk)).toEqual(samplesOf(alone));
    expect(walk.error).toBe(alone.error);
    if (walk.error === '' || next(3) > 0) body = walk.error === '' ? changed : body;
  }
});

test('random bytes in a good body give samples or an error with a line, as they do alone', () => {
  const next = random(99);
  const good = Buffer.from(`# HELP m x\n# TYPE m gauge\n${lines(20, (i) => i)}other{a="b",c="d"} 1e3\n`);
  const target = new Target();
  for (let round = 0; round < 3000; round++) {
    const bytes = Buffer.from(good);
    for (let changes = next(4); changes > 0; changes--) bytes[next(bytes.length)] = next(256);
    const body = bytes.subarray(0, next(4) === 0 ? next(bytes.length) : bytes.length);
    const alone = parseAlone(body, 'text');
    const walk = target.scrape(body);
    expect(samplesOf(walk)).toEqual(samplesOf(alone));
    expect(walk.error).toBe(alone.error);
    if (walk.error !== '') expect(walk.error).toMatch(/^line \d+: /);
  }
});
