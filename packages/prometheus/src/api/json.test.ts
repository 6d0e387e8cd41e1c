import { Engine, MemoryQueryable, parseSeriesText } from '@avalanche/promql';
import { expect, test } from 'vitest';
import { queryBody } from './json.ts';

function stored(line: string): MemoryQueryable {
  const store = new MemoryQueryable();
  const { labels, values } = parseSeriesText(line);
  values.forEach((value, i) => {
    if (value === undefined) return;
    store.append(labels, i * 1000, value === null || typeof value === 'number' ? value : value.histogram);
  });
  return store;
}

function dataOf(result: Parameters<typeof queryBody>[0]): unknown {
  const pieces = [...queryBody(result, { withStats: false, warnings: [], infos: [] })];
  return JSON.parse(Buffer.concat(pieces).toString()).data.result;
}

const ONE = { count: '1', sum: '2.5', buckets: [[0, '1', '2', '1']] };

test('a native histogram of an instant vector stands under histogram', async () => {
  const result = await new Engine().instant(stored('m {{count:1 sum:2.5 offset:1 buckets:[1]}}'), 'm', 0);
  expect(dataOf(result)).toEqual([{ metric: { __name__: 'm' }, histogram: [0, ONE] }]);
});

test('a series with both kinds of samples has two lists', async () => {
  const window = { startMs: 0, endMs: 2000, stepMs: 1000 };
  const result = await new Engine().range(stored('m 1 {{count:1 sum:2.5 offset:1 buckets:[1]}} 3'), 'm', window);
  expect(dataOf(result)).toEqual([
    {
      metric: { __name__: 'm' },
      values: [
        [0, '1'],
        [2, '3'],
      ],
      histograms: [[1, ONE]],
    },
  ]);
});
