import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Labels } from '@avalanche/model';
import { Tsdb } from '@avalanche/tsdb';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ours, promtoolIsMissing, START_MS, theirs } from './promtool-fixture.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'promtool-'));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** Three hours of two blocks with odd numbers and labels, as OpenMetrics text; times in whole milliseconds. */
function openMetrics(): string {
  const lines: string[] = [];
  const values = [0, -0, 1, -1.5, 1e6, 999_999, 123_456_789, 1e-5, 1e-4, 1.7976931348623157e308, 5e-324, 0.1, 1e21];
  for (let s = 0; s < 12; s++) {
    for (let i = 0; i < 150; i++) {
      const value = ['NaN', '+Inf', '-Inf'][(s + i) % 40] ?? text(values[(s * 7 + i) % values.length]);
      lines.push(
        `m${s % 5}{i="${s}",t="a \\"q\\" \\\\ \\n ü ${s % 2 ? '\u00a0\u200b' : '☃'}"} ${value} ${(START_MS + i * 60_123) / 1000}`,
      );
    }
  }
  return `${lines.join('\n')}\n# EOF\n`;
}

function text(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

function createTheirs(content = openMetrics()): string {
  const input = join(directory, 'input.om');
  writeFileSync(input, content);
  const data = join(directory, 'data');
  mkdirSync(join(data, 'wal'), { recursive: true });
  expect(theirs('tsdb', 'create-blocks-from', 'openmetrics', '-q', input, data).err).toBe('');
  return data;
}

/** meta.json of a block without its name and what 2.42 does not write. */
function metaOf(block: string, ulid: string): object {
  const { avalanche: _, ...meta } = JSON.parse(readFileSync(join(block, 'meta.json'), 'utf8').replaceAll(ulid, 'ULID'));
  delete meta.stats.numFloatSamples;
  return meta;
}

/** Samples of `a` at 0, 1 and so on, and of one series more each. */
function flood(samples: number): string {
  return Array.from({ length: samples }, (_, i) => (i === 0 ? 'a 1 0\na 1 6\n' : `b{i="${i}"} 1 10\n`)).join('');
}

/** A table without names, and without sizes, because our meta.json says more. */
function normalTable(table: string): string {
  return table.replace(/^[0-9A-Z]{26}/gm, 'ULID').replace(/\d+$/gm, 'SIZE');
}

/** The meta.json of the blocks in a directory, and all their samples as the original dumps them. */
function contentsOf(name: string): unknown {
  const data = join(directory, name);
  const ulids = readdirSync(data).filter((entry) => entry.length === 26);
  const metas = ulids.map((ulid) => metaOf(join(data, ulid), ulid));
  mkdirSync(join(data, 'wal'), { recursive: true }); // or the original does not dump it
  return { metas, dump: theirs('tsdb', 'dump', data) };
}

/** The list under each title, in any order where counts are equal; what 3 calls otherwise, as 2 does. */
function normalAnalysis(text: string): string[] {
  return text
    .replace('Total Series:', 'Series:')
    .split('\n\n')
    .map((part) => part.split('\n').sort().join('\n'));
}

describe.skipIf(promtoolIsMissing)('beside promtool (skipped where promtool is missing)', () => {
  test.each([[['list']], [['list', '-r']], [['list', '--human-readable']]])('%j prints the same', async (args) => {
    const data = createTheirs();
    expect(await ours('tsdb', ...args, data)).toEqual(theirs('tsdb', ...args, data));
  });

  test('an empty directory is listed as nothing', async () => {
    expect(await ours('tsdb', 'list', directory)).toEqual(theirs('tsdb', 'list', directory));
  });

  test.each([
    [[]],
    [['--match={__name__="m1"}']],
    [['--match={__name__=~"m[12]",i!="1"}']],
    [['--match={}']],
    [['--match=nothing']],
    [[`--min-time=${START_MS + 7_000_000}`]],
    [[`--min-time=${START_MS + 1}`, `--max-time=${START_MS + 200_000}`]],
    [['--max-time=5']],
  ])('dump %j prints the same', async (args) => {
    const data = createTheirs();
    const result = await ours('tsdb', 'dump', ...args, data);
    expect(result).toEqual(theirs('tsdb', 'dump', ...args, data));
  });

  test('a directory that a server has open is dumped with its log and not changed', async () => {
    const data = join(directory, 'data');
    const db = await Tsdb.open({ directory: data });
    const appender = db.appender();
    for (const name of ['zeta', 'alpha', 'mid']) {
      const ref = appender.seriesRef(Labels.from({ __name__: name }));
      for (let i = 0; i < 300; i++) appender.append(ref, START_MS + i * 1000, i * 1.5);
    }
    appender.commit();
    await db.delete(START_MS + 5_000, START_MS + 9_000, [[]]);
    const files = () => readdirSync(data, { recursive: true }).sort();
    const before = files();
    const result = await ours('tsdb', 'dump', data);
    const matched = await ours('tsdb', 'dump', '--match=zeta', '--match={__name__=~"a.*"}', data);
    expect(files()).toEqual(before);
    expect(result).toEqual(theirs('tsdb', 'dump', data));
    expect(result.out.split('\n').length).toBe(3 * 295 + 1);
    expect(matched.out.match(/"\w+"\} 0 /g)).toEqual(['"alpha"} 0 ', '"zeta"} 0 ']);
    await db.close();
  });

  test('analyze prints the same', async () => {
    const data = createTheirs();
    const [first] = readdirSync(data).filter((name) => name.length === 26);
    for (const args of [[data], [data, first ?? ''], ['--limit=0', data]]) {
      const result = await ours('tsdb', 'analyze', ...args);
      expect({ ...result, out: normalAnalysis(result.out) }).toEqual({
        code: 0,
        err: '',
        out: normalAnalysis(theirs('tsdb', 'analyze', ...args).out),
      });
    }
  });

  test.each([
    ['two hours', []],
    ['a day', ['--max-block-duration=24h']],
  ])('blocks of %s are made of OpenMetrics as the original makes them', async (_name, flags) => {
    const input = join(directory, 'input.om');
    writeFileSync(input, openMetrics());
    const create = ['tsdb', 'create-blocks-from', 'openmetrics', ...flags, input];
    const told = theirs(...create, join(directory, 'theirs'));
    const result = await ours(...create, join(directory, 'ours'));
    expect({ ...result, out: normalTable(result.out) }).toEqual({ ...told, out: normalTable(told.out) });
    expect(result.out.split('\n').length).toBe(flags.length > 0 ? 3 : 4);
    expect(contentsOf('ours')).toEqual(contentsOf('theirs'));
    expect(normalTable(theirs('tsdb', 'list', join(directory, 'ours')).out)).toEqual(
      normalTable(theirs('tsdb', 'list', join(directory, 'theirs')).out),
    );
  });

  test('what is dumped as OpenMetrics becomes the same blocks', async () => {
    const data = createTheirs(openMetrics().replaceAll('\u00a0\u200b', '')); // which are written as escapes
    const text = await ours('tsdb', 'dump-openmetrics', data);
    const again = join(directory, 'again.om');
    writeFileSync(again, text.out);
    await ours('tsdb', 'create-blocks-from', 'openmetrics', '-q', again, join(directory, 'again'));
    expect(readdirSync(join(directory, 'again')).every((name) => name.length === 26)).toBe(true);
    expect(contentsOf('again')).toEqual(contentsOf('data'));
  });

  test.each([
    ['late within a batch', 'a 1 10\nb 1 10\na 1 5\na 2 10\na 3 11\n# EOF\n'],
    ['no samples', '# TYPE a gauge\n# EOF\n'],
    ['late after a batch', `${flood(5001)}a 1 5\n# EOF\n`],
    ['doubled after a batch', `${flood(5001)}a 1 0\n# EOF\n`],
    ['doubled with another value', `${flood(5001)}a 7 0\n# EOF\n`],
  ])('%s: taken or refused as the original does', async (_name, text) => {
    const input = join(directory, 'input.om');
    writeFileSync(input, text);
    const create = ['tsdb', 'create-blocks-from', 'openmetrics', '-q', input];
    const told = theirs(...create, join(directory, 'theirs'));
    const result = await ours(...create, join(directory, 'ours'));
    expect(result.code).toBe(told.code);
    expect(result.err.replace(/line \d+: | of a\b/g, '')).toBe(told.err);
    expect(contentsOf('ours')).toEqual(contentsOf('theirs'));
  });

  test.each([
    [['tsdb', 'list', '/no/such/directory']],
    [['tsdb', 'dump', '/no/such/directory']],
    [['tsdb', 'dump', '.', 'extra']],
    [['tsdb', 'dump', '--min-time=abc', '.']],
    [['tsdb', 'dump', '--bogus', '.']],
    [['tsdb', 'list', '-x']],
    [['tsdb', 'list', '/dev/null']],
    [['tsdb', 'bogus']],
    [['bogus']],
    [['tsdb']],
    [['tsdb', 'create-blocks-from']],
    [['tsdb', 'create-blocks-from', 'openmetrics']],
    [['tsdb', 'create-blocks-from', '--max-block-duration=1d', 'openmetrics', 'x']],
    [['tsdb', 'create-blocks-from', '--max-block-duration=x', 'openmetrics', 'x']],
  ])('%j fails the same', async (args) => {
    expect(await ours(...args)).toEqual(theirs(...args));
  });
});

test('analyze of some of the series, and of chunks', async () => {
  const input = join(directory, 'input.om');
  const lines = Array.from(
    { length: 300 },
    (_, i) => `up{job="a"} ${i} ${i}\nup{job="b"} 1 ${i}\ndown{job="a"} 0 ${i}`,
  );
  writeFileSync(input, `${lines.join('\n')}\n# EOF\n`);
  const data = join(directory, 'data');
  await ours('tsdb', 'create-blocks-from', 'openmetrics', '-q', '--label=site=x', input, data);
  const { out } = await ours('tsdb', 'analyze', '--extended', '--match={__name__="up"}', data);
  expect(out).toContain('Total Series: 3\nMatcher: {__name__="up"}\nLabel names: 3\nMatched series: 2\n');
  expect(out).toContain('Most common label pairs:\n2 __name__=up\n2 site=x\n1 job=a\n1 job=b\n\n');
  expect(out).toContain('Highest cardinality metric names:\n2 up\n\nCompaction analysis:\n\n');
  expect(out).toMatch(/\nsamples per float chunk \(min\/avg\/max\): \d+\/\d+\/\d+\n\[ *\d+, *\d+\]: \d+ #*\n/);
  expect(out).toMatch(/\nbuckets per histogram chunk: N\/A\n\n$/);
  expect((await ours('tsdb', 'analyze', data, 'nope')).err).toBe('invalid block ID nope\n');
});

test('series as JSON, samples as OpenMetrics', async () => {
  const input = join(directory, 'input.om');
  writeFileSync(input, 'up{job="<a>",x="1"} 2.5 1700000000.25\nnothing 1 1700000001\n# EOF\n');
  const data = join(directory, 'data');
  await ours('tsdb', 'create-blocks-from', 'openmetrics', '-q', input, data);
  expect((await ours('tsdb', 'dump', '--format=seriesjson', data)).out).toBe(
    '{"__name__":"nothing"}\n{"__name__":"up","job":"\\u003ca\\u003e","x":"1"}\n',
  );
  expect((await ours('tsdb', 'dump-openmetrics', data)).out).toBe(
    'nothing{} 1 1700000001.000\nup{job="<a>",x="1"} 2.5 1700000000.250\n# EOF\n',
  );
  expect((await ours('tsdb', 'dump', '--format=xml', data)).err).toContain('enum value must be one of prom,seriesjson');
});

test.each([
  ['a 1 5\na{ 1 5\n# EOF\n', 'getting min and max timestamp: next: line 2: expected'],
  ['a 1 5\nb 1\n# EOF\n', 'getting min and max timestamp: next: line 2: expected timestamp for series got none'],
  ['a 1 5\n', 'getting min and max timestamp: next: line 2: data does not end with # EOF'],
  ['a 1 5', 'getting min and max timestamp: next: line 1: data does not end with # EOF'],
  ['a 1 5\n# EOF\na 1 6\n', 'getting min and max timestamp: next: line 3: unexpected data after # EOF'],
  [`${'a 1 5\n'.repeat(1_000_000)}b x 7\n# EOF\n`, 'line 1000001: strconv.ParseFloat: parsing "x": invalid syntax'],
])('bad OpenMetrics is told with its line and leaves nothing behind', async (text, message) => {
  const input = join(directory, 'input.om');
  writeFileSync(input, text);
  const data = join(directory, 'data');
  const result = await ours('tsdb', 'create-blocks-from', 'openmetrics', input, data);
  expect(result).toMatchObject({ code: 1, out: '' });
  expect(result.err).toContain(message);
  expect(result.err.split('\n').length).toBe(2);
  expect(readdirSync(data)).toEqual([]);
});

test('usage lists what there is, help tells the flags', async () => {
  const usage = await ours();
  expect(usage.code).toBe(0);
  for (const name of ['list', 'dump', 'dump-openmetrics', 'analyze', 'create-blocks-from rules', 'cleanup']) {
    expect(usage.out).toContain(`tsdb ${name} `);
  }
  for (const args of [
    ['help', 'tsdb', 'cleanup'],
    ['tsdb', 'cleanup', '--help'],
  ]) {
    expect((await ours(...args)).out).toMatch(
      /^usage: avalanche promtool tsdb cleanup --older-than=OLDER-THAN .*--dry-run/s,
    );
  }
});
