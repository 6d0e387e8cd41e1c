import { Labels } from '@avalanche/model';
import { describe, expect, test } from 'vitest';
import { Engine } from './engine.ts';
import { MemoryQueryable } from './memory-queryable.ts';
import type { Queryable } from './queryable.ts';

const RANGE = { startMs: 0, endMs: 600_000, stepMs: 60_000 };

/** A store of one gauge that counts how often its series are selected. */
function counting(): { queryable: Queryable; selections: () => number } {
  const memory = new MemoryQueryable();
  for (const instance of ['a', 'b']) {
    for (let i = 0; i <= 20; i++) memory.append(Labels.from({ __name__: 'g', instance }), i * 30_000, i * i);
  }
  let selections = 0;
  const queryable: Queryable = {
    querier(minTime, maxTime) {
      const querier = memory.querier(minTime, maxTime);
      return {
        select(matchers) {
          selections++;
          return querier.select(matchers);
        },
        close: () => querier.close(),
      };
    },
  };
  return { queryable, selections: () => selections };
}

describe('equal subexpressions', () => {
  test.each([
    ['g / on (instance) g', 1],
    ['sum(rate(g[2m])) / count(rate(g[2m]))', 1],
    ['rate(g[2m]) + rate(g [2m])', 2],
    ['g + g offset 1m', 2],
    ['max_over_time(rate(g[2m])[4m:1m]) - rate(g[2m])', 2],
    ['max_over_time(rate(g[2m])[4m:1m]) - min_over_time(rate(g[2m])[4m:1m])', 1],
    ['max_over_time(rate(g[2m])[4m:1m]) - min_over_time(rate(g[2m])[4m:30s])', 2],
    ['max_over_time(rate(g[2m])[4m:1m]) - min_over_time(rate(g[2m])[4m:1m] offset 1m)', 2],
    ['max_over_time(rate(g[2m])[4m:1m] @ 300) - min_over_time(rate(g[2m])[4m:1m] @ 300)', 1],
    ['max_over_time(rate(g[2m])[4m:1m]) / max_over_time(rate(g[2m])[4m:1m])', 1],
    ['(g > 5) or (g > 5) or g', 1],
  ])('%s selects %d times', async (query, expected) => {
    const { queryable, selections } = counting();
    const { series } = await new Engine().range(queryable, query, RANGE);
    expect(series.length).toBeGreaterThan(0);
    expect(selections()).toBe(expected);
  });

  test('give what they give apart', async () => {
    const engine = new Engine();
    const { queryable } = counting();
    const shared = await engine.range(queryable, 'sum(rate(g[2m])) / count(rate(g[2m]))', RANGE);
    const apart = await engine.range(queryable, 'sum(rate(g[2m])) / count(rate( g[2m]))', RANGE);
    expect(shared.series).toEqual(apart.series);
  });

  test('inside of equal subqueries, too', async () => {
    const { queryable } = counting();
    const query = 'max_over_time(rate(g[2m])[4m:1m]) - min_over_time(rate(g[2m])[4m:1m])';
    const shared = await new Engine().range(queryable, query, RANGE);
    const apart = await new Engine().range(queryable, query.replace('rate(g', 'rate( g'), RANGE);
    expect(shared.series).toEqual(apart.series);
    expect(shared.stats.totalSamples).toBe(apart.stats.totalSamples);
  });

  test('are annotated where the last of them stands', async () => {
    const { queryable } = counting();
    const { infos } = await new Engine().range(queryable, 'rate(g[2m]) + rate(g[2m])', RANGE);
    const text = 'PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "g"';
    expect(infos).toEqual([`${text} (1:20)`]);
  });
});
