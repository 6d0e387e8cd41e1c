import { describe, expect, test } from 'vitest';
import { interpolate, references, type Scope, verbatim } from './interpolate.ts';

const scope: Scope = new Map([
  ['job', { values: ['node'], texts: ['Node'], many: false, verbatim: false }],
  ['host', { values: ['a.b', "c'd"], texts: ['A', 'C'], many: true, verbatim: false }],
  ['one', { values: ['x.y'], texts: ['X'], many: true, verbatim: false }],
  ['__rate_interval', verbatim('1m')],
  ['all', verbatim('.*', 'All')],
]);

describe('interpolate', () => {
  test.each([
    ['up{job="$job"}', 'promql', 'up{job="node"}'],
    ['up{job="${job}"}', 'promql', 'up{job="node"}'],
    ['up{job="[[job]]"}', 'promql', 'up{job="node"}'],
    ['{h=~"$host"}', 'promql', String.raw`{h=~"(a\\.b|c\\'d)"}`],
    ['{h=~"$one"}', 'promql', String.raw`{h=~"x\\.y"}`],
    ['{h=~"$all"}', 'promql', '{h=~".*"}'],
    ['rate(x[$__rate_interval])', 'promql', 'rate(x[1m])'],
    ['${host:csv}', 'promql', "a.b,c'd"],
    ['${host:pipe}', 'promql', "a.b|c'd"],
    ['${host:regex}', 'promql', String.raw`(a\.b|c'd)`],
    ['${host:queryparam}', 'promql', "var-host=a.b&var-host=c'd"],
    ['[[host:text]]', 'promql', 'A + C'],
    ['$job and $unknown', 'text', 'Node and $unknown'],
    ['no variable', 'text', 'no variable'],
  ])('%s as %s', (template, format, expected) => {
    expect(interpolate(template, scope, format)).toBe(expected);
  });

  test('references are listed once each', () => {
    expect(references('$a ${b:csv} [[c]] $a')).toEqual(['a', 'b', 'c']);
  });
});
