import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { FloatHistogram, Labels } from '@avalanche/model';
import { Tsdb } from '@avalanche/tsdb';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ours } from './promtool-fixture.ts';

/** A block of native histograms that the real Prometheus has written. */
const BLOCK = new URL('../../../prometheus/src/api/testdata/native-histograms.json', import.meta.url);

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'promtool-histograms-'));
  const { ulid, files } = JSON.parse(readFileSync(BLOCK, 'utf8'));
  for (const [name, text] of Object.entries<string>(files)) {
    const path = join(directory, ulid, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, Buffer.from(text, 'base64'));
  }
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

test('dump prints native histograms as upstream does, between floats where there are both', async () => {
  const { code, out } = await ours('tsdb', 'dump', '--match={__name__=~"mixed|custom"}', directory);
  expect(code).toBe(0);
  const lines = out.trimEnd().split('\n');
  expect(lines).toHaveLength(80);
  expect(lines[1]).toBe(
    '{__name__="custom", job="x"} {count:12, sum:3.5, [-Inf,0.1]:2, (0.1,0.5]:4, (1,5]:4, (5,+Inf]:2} 1699999260000',
  );
  expect(lines[49]).toBe('{__name__="mixed", job="x"} 81 1699999740000');
  expect(lines[50]).toBe(
    '{__name__="mixed", job="x"} {count:184, sum:90.9, [-2.82842712474619,-2):22, [-1,-0.7071067811865475):41, ' +
      '[-0.001,0.001]:32, (0.35355339059327373,0.5]:11, (0.5,0.7071067811865475]:22, (2,2.82842712474619]:21, ' +
      '(4,5.65685424949238]:23, (5.65685424949238,8]:12} 1699999800000',
  );
});

test('dump prints counts of integers whole, and the end of a series as the kind that it had', async () => {
  const own = mkdtempSync(join(directory, 'own-'));
  const tsdb = await Tsdb.open({ directory: own });
  const counts = Float64Array.of(1_000_000, 234_567_890);
  const fields = { count: 235_567_890, sum: 1e7, positive: { indexes: Int32Array.of(0, 1), counts } };
  for (const [name, ofIntegers] of [
    ['floats', false],
    ['integers', true],
  ] as const) {
    for (const time of [1000, 2000]) {
      const appender = tsdb.appender();
      const ref = appender.seriesRef(Labels.from({ __name__: name }));
      if (time === 1000) appender.appendHistogram(ref, time, new FloatHistogram({ ...fields, ofIntegers }));
      else appender.appendStale(ref, time);
      appender.commit();
    }
  }
  await tsdb.close();
  const { out } = await ours('tsdb', 'dump', own);
  const buckets = (first: string, second: string) => `(0.5,1]:${first}, (1,2]:${second}`;
  expect(out.trimEnd().split('\n')).toEqual([
    `{__name__="floats"} {count:2.3556789e+08, sum:1e+07, ${buckets('1e+06', '2.3456789e+08')}} 1000`,
    '{__name__="floats"} {count:0, sum:NaN} 2000',
    `{__name__="integers"} {count:235567890, sum:1e+07, ${buckets('1000000', '234567890')}} 1000`,
    '{__name__="integers"} {count:0, sum:NaN} 2000',
  ]);
});

test('dump-openmetrics has the floats alone', async () => {
  const { out } = await ours('tsdb', 'dump-openmetrics', '--match=mixed', directory);
  const lines = out.trimEnd().split('\n');
  expect(lines).toHaveLength(21);
  expect(lines.slice(9, 11)).toEqual(['mixed{job="x"} 81 1699999740.000', 'mixed{job="x"} 400 1700000400.000']);
});

test('analyze tells the sizes of chunks of both kinds', async () => {
  const { out } = await ours('tsdb', 'analyze', '--extended', directory);
  expect(out).toContain('samples per float chunk (min/avg/max): 10/10/10\n[11, 20]: 2 ##################\n');
  expect(out).toContain('samples per histogram chunk (min/avg/max): 3/20/40\n[ 1, 10]: 1 #########\n');
  expect(out).toContain('buckets per histogram chunk (min/avg/max): 21/132/280\n');
});
