import { Matcher } from '@avalanche/model';
import { describe, expect, test } from 'vitest';
import { type Refs, RefUnion } from './refs.ts';
import { type LabelIndex, selectRefs } from './select.ts';

/** An index over `{label: value}` objects; the reference of a series is its place. */
class PlainIndex implements LabelIndex {
  constructor(private readonly series: readonly Readonly<Record<string, string>>[]) {}

  all(): Refs {
    return Uint32Array.from(this.series.keys());
  }

  values(name: string): Set<string> {
    return new Set(this.series.flatMap((labels) => labels[name] ?? []));
  }

  postings(name: string, value: string): Refs {
    return this.all().filter((ref) => this.series[ref][name] === value);
  }
}

const index = new PlainIndex([{ a: '1' }, { a: '2', b: 'x' }, { b: 'y' }, { a: '1', b: 'x' }, { 'größe.µ': '大' }]);

// The matchers of upstream's TestPostingsForMatchers, over series with and without each label.
test.each<readonly [string, readonly Matcher[], readonly number[]]>([
  ['{a="1"}', [new Matcher('=', 'a', '1')], [0, 3]],
  ['{a="3"}', [new Matcher('=', 'a', '3')], []],
  ['{a=""}', [new Matcher('=', 'a', '')], [2, 4]],
  ['{c=""}', [new Matcher('=', 'c', '')], [0, 1, 2, 3, 4]],
  ['{a!="1"}', [new Matcher('!=', 'a', '1')], [1, 2, 4]],
  ['{a!=""}', [new Matcher('!=', 'a', '')], [0, 1, 3]],
  ['{c!=""}', [new Matcher('!=', 'c', '')], []],
  ['{c!="1"}', [new Matcher('!=', 'c', '1')], [0, 1, 2, 3, 4]],
  ['{a=~"1|2"}', [new Matcher('=~', 'a', '1|2')], [0, 1, 3]],
  ['{a=~"1|"}', [new Matcher('=~', 'a', '1|')], [0, 2, 3, 4]],
  ['{a=~"[1]"}', [new Matcher('=~', 'a', '[1]')], [0, 3]],
  ['{a!~"1|"}', [new Matcher('!~', 'a', '1|')], [1]],
  ['{a!~"1"}', [new Matcher('!~', 'a', '1')], [1, 2, 4]],
  ['{a!~".+"}', [new Matcher('!~', 'a', '.+')], [2, 4]],
  ['{a!~".*"}', [new Matcher('!~', 'a', '.*')], []],
  ['{c!~"1"}', [new Matcher('!~', 'c', '1')], [0, 1, 2, 3, 4]],
  ['{a="1",b=""}', [new Matcher('=', 'a', '1'), new Matcher('=', 'b', '')], [0]],
  ['{a=~".+",b!="x"}', [new Matcher('=~', 'a', '.+'), new Matcher('!=', 'b', 'x')], [0]],
  ['{"größe.µ"=~"大|小"}', [new Matcher('=~', 'größe.µ', '大|小')], [4]],
])('%s', (_text, matchers, expected) => {
  expect([...selectRefs(index, matchers)]).toEqual(expected);
});

describe('a union', () => {
  const naive = (lists: readonly (readonly number[])[]) => [...new Set(lists.flat())].sort((a, b) => a - b);
  const ours = (lists: readonly (readonly number[])[]) => {
    const union = new RefUnion();
    for (const list of lists) union.add(Uint32Array.from(list));
    return [...union.refs()];
  };
  const ramp = (from: number, step: number, count: number) => Array.from({ length: count }, (_, i) => from + i * step);

  test.each([
    ['nothing', []],
    ['lists in order', [[1, 2], [], [5, 9]]],
    ['few that overlap', [[3, 7], [1, 3, 9], [7]]],
    ['many close together', [ramp(1, 2, 3000), ramp(0, 3, 3000), ramp(30, 1, 64)]],
    ['many far apart, with the highest there is', [ramp(7, 700_000, 3000), ramp(0, 900_001, 3000), [0xffff_ffff]]],
  ])('of %s', (_text, lists) => {
    expect(ours(lists)).toEqual(naive(lists));
  });
});
