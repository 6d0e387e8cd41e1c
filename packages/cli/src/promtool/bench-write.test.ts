import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { ours, promtoolIsMissing, theirs } from './promtool-fixture.ts';

const directory = mkdtempSync(join(tmpdir(), 'promtool-bench-'));
afterAll(() => rmSync(directory, { recursive: true }));

const file = join(directory, 'series.json');
writeFileSync(
  file,
  [
    ...Array.from({ length: 3 }, (_, i) => `{"__name__":"m","i":"${i}"}`),
    '{"i":"0","__name__":"m"}',
    '{"__name__":"last"}',
  ].join('\n'),
);
/** Numbers that differ from run to run. */
const withoutTimes = (text: string) => text.replace(/(duration=|samples\/sec: ).*/g, '$1…');

test('tsdb bench write writes as many samples as upstream, and profiles', async () => {
  const out = join(directory, 'ours');
  const result = await ours('tsdb', 'bench', 'write', `--out=${out}`, '--metrics=10', '--scrapes=150', file);
  expect([result.code, result.err]).toEqual([0, '']);
  expect(withoutTimes(result.out)).toBe(`>> start stage=readData
>> completed stage=readData duration=…
>> start stage=ingestScrapes
ingestion completed
>> completed stage=ingestScrapes duration=…
 > total samples: 800
 > samples/sec: …
>> start stage=stopStorage
>> completed stage=stopStorage duration=…
`);
  expect(readdirSync(out).sort()).toEqual(['cpu.prof', 'mem.prof', 'storage']);
  const { out: dumped } = await ours('tsdb', 'dump', '--match=last', join(out, 'storage'));
  const lines = dumped.trimEnd().split('\n');
  expect([lines[0], lines.length]).toEqual(['{__name__="last"} 1.23457789e+08 30000', 200]);
});

describe.skipIf(promtoolIsMissing)('beside the real one (needs promtool)', () => {
  test('the same samples are there', async () => {
    const args = (out: string) => ['tsdb', 'bench', 'write', `--out=${out}`, '--metrics=3', '--scrapes=100', file];
    const [mine, real] = ['mine', 'real'].map((name) => join(directory, name));
    const result = await ours(...args(mine));
    expect(withoutTimes(result.out)).toBe(withoutTimes(theirs(...args(real)).out));
    const dump = (out: string) => theirs('tsdb', 'dump', join(out, 'storage')).out.split('\n').sort();
    expect(dump(mine)).toEqual(dump(real));
    expect(existsSync(join(real, 'cpu.prof'))).toBe(true);
  });
});
