import { compileAnchored, Labels } from '@avalanche/model';
import { expect, test } from 'vitest';
import { type RelabelAction, type RelabelRule, relabel } from './relabel.ts';

type Rule = Partial<Omit<RelabelRule, 'regex'>> & { readonly action: RelabelAction; readonly regex?: string };

const rule = ({ regex = '(.*)', ...rest }: Rule): RelabelRule => ({
  sourceLabels: [],
  separator: ';',
  modulus: 0,
  targetLabel: '',
  replacement: '$1',
  ...rest,
  regex: compileAnchored(regex),
});

function apply(labels: Record<string, string>, rules: readonly Rule[], scheme?: 'legacy') {
  return relabel(Labels.from(labels), rules.map(rule), scheme)?.toJSON() ?? null;
}

// Each checked against model/relabel of upstream.
test.each<[Record<string, string>, Rule[], Record<string, string> | null]>([
  [{ a: 'foo' }, [{ action: 'keep', sourceLabels: ['a'], regex: 'fo' }], null],
  [{ a: 'foo', b: 'x' }, [{ action: 'keep', sourceLabels: ['a', 'b'], regex: 'foo;x' }], { a: 'foo', b: 'x' }],
  [{ a: 'foo' }, [{ action: 'drop', sourceLabels: ['missing'], regex: '' }], null],
  [{ a: 'x', b: 'x' }, [{ action: 'keepequal', sourceLabels: ['a'], targetLabel: 'b' }], { a: 'x', b: 'x' }],
  [{ a: 'x', b: 'x' }, [{ action: 'dropequal', sourceLabels: ['a'], targetLabel: 'b' }], null],
  [{ a: 'x' }, [{ action: 'dropequal', sourceLabels: ['a'], targetLabel: 'b' }], { a: 'x' }],
  [
    { a: 'h:80' },
    [
      {
        action: 'replace',
        sourceLabels: ['a'],
        regex: '(?P<h>[^:]+):(\\d+)',
        targetLabel: 'p_$2',
        replacement: '${h}',
      },
    ],
    { a: 'h:80', p_80: 'h' },
  ],
  [{ a: 'x' }, [{ action: 'replace', sourceLabels: ['a'], targetLabel: 'a', replacement: '' }], {}],
  [
    { a: 'x' },
    [{ action: 'replace', sourceLabels: ['a'], regex: 'y', targetLabel: 'a', replacement: 'z' }],
    { a: 'x' },
  ],
  [{}, [{ action: 'replace', targetLabel: 'a', replacement: 'z' }], { a: 'z' }],
  [
    { a: 'x' },
    [{ action: 'replace', sourceLabels: ['a'], targetLabel: 'ü.$1', replacement: '$$$1x' }],
    { a: 'x', 'ü.x': '$' },
  ],
  [{ a: 'foo' }, [{ action: 'hashmod', sourceLabels: ['a'], targetLabel: 'd', modulus: 1000 }], { a: 'foo', d: '696' }],
  [
    { __meta_a: '1', __meta_b: '2' },
    [{ action: 'labelmap', regex: '__meta_(.+)' }],
    { __meta_a: '1', __meta_b: '2', a: '1', b: '2' },
  ],
  [{ a: '1', ab: '2', b: '3' }, [{ action: 'labeldrop', regex: 'a.*' }], { b: '3' }],
  [{ a: '1', ab: '2', b: '3' }, [{ action: 'labelkeep', regex: 'a' }], { a: '1' }],
  [{ a: 'ΑΣ İ' }, [{ action: 'lowercase', sourceLabels: ['a'], targetLabel: 'a' }], { a: 'ασ i' }],
  [{ a: 'straße' }, [{ action: 'uppercase', sourceLabels: ['a'], targetLabel: 'a' }], { a: 'STRAßE' }],
])('%j by %j', (labels, rules, expected) => {
  expect(apply(labels, rules)).toEqual(expected);
});

test('names of the old alphabet only, where a job wants that', () => {
  const rules: Rule[] = [{ action: 'replace', sourceLabels: ['a'], targetLabel: 'x_$1' }];
  expect(apply({ a: 'b.c' }, rules, 'legacy')).toEqual({ a: 'b.c' });
  expect(apply({ a: 'b_c' }, rules, 'legacy')).toEqual({ a: 'b_c', x_b_c: 'b_c' });
});

test('random rules give labels in order, without empty ones, or drop them (seeded)', () => {
  let seed = 99;
  const next = (below: number) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const pick = <T>(list: readonly T[]) => list[next(list.length)];
  const names = ['a', 'b', '__meta_x', 'ü.x', '$1', 'a_${2}'];
  const actions = ['replace', 'keep', 'drop', 'keepequal', 'dropequal', 'hashmod', 'labelmap', 'labeldrop'] as const;
  for (let round = 0; round < 3000; round++) {
    const rules = Array.from({ length: 1 + next(4) }, () => ({
      action: pick([...actions, 'labelkeep', 'lowercase', 'uppercase'] as const),
      sourceLabels: [pick(names), pick(names)],
      separator: pick([';', '', 'x']),
      regex: pick(['(.*)', '', '(a+)+b', '([^;]*);(.*)', '__meta_(.)', '(?i)X|y']),
      targetLabel: pick(names),
      replacement: pick(['$1', '${2}', '', '$$', '${nope}', 'x']),
      modulus: 1 + next(100),
    }));
    const labels = { a: pick(['', 'x', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaa']), __meta_x: 'y', b: 'X;y' };
    const out = relabel(Labels.from(labels), rules.map(rule), pick(['legacy', 'utf8']));
    const keys = out ? [...out.entries()] : [];
    expect(keys.every(([name, value]) => name !== '' && value !== '')).toBe(true);
    expect(out === null || Labels.fromEntries(keys).equals(out)).toBe(true);
  }
});
