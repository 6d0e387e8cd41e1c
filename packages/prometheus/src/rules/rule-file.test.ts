import { expect, test } from 'vitest';
import { parseRuleFile } from './rule-file.ts';

// The messages are upstream's (model/rulefmt at 3.14 development), for the same texts.
test.each([
  ['', []],
  ['groups:\n- name: a\n---\ngroups: 5\n', []],
  [
    'foo',
    [
      '  line 1: cannot unmarshal !!str `foo` into rulefmt.RuleGroups',
      '  line 1: cannot unmarshal !!str `foo` into rulefmt.ruleGroups',
    ],
  ],
  [
    'groups:\n  - name: g\n    foo: 1\n    rules:\n      - alert: A\n        annotation: x\n  - name: h\n    limit: abc\n    rules: {}\n',
    [
      '  line 3: field foo not found in type rulefmt.RuleGroup\n  line 6: field annotation not found in type rulefmt.Rule\n  line 8: cannot unmarshal !!str `abc` into int\n  line 9: cannot unmarshal !!map into []rulefmt.Rule',
      '  line 8: cannot unmarshal !!str `abc` into int\n  line 9: cannot unmarshal !!map into []rulefmt.RuleNode',
    ],
  ],
  [
    'groups:\n- name: a\n  rules:\n  - record: [1]\n    expr: {a: b}\n    labels: abcdefghijklmnop\n    for: [1]\n  - 5\n',
    [
      '  line 4: cannot unmarshal !!seq into string\n  line 5: cannot unmarshal !!map into string\n  line 6: cannot unmarshal !!str `abcdefg...` into map[string]string\n  line 7: cannot unmarshal !!seq into string\n  line 8: cannot unmarshal !!int `5` into rulefmt.Rule',
      '  line 6: cannot unmarshal !!str `abcdefg...` into map[string]string\n  line 7: cannot unmarshal !!seq into string\n  line 8: cannot unmarshal !!int `5` into rulefmt.RuleNode',
    ],
  ],
  [
    'groups:\n- name: a\n  name: b\n',
    [
      '  line 3: mapping key "name" already defined at line 2',
      '  line 3: mapping key "name" already defined at line 2',
    ],
  ],
  [
    'groups:\n  - name: g\n    interval: 5x\n',
    ['unknown unit "x" in duration "5x"', 'unknown unit "x" in duration "5x"'],
  ],
  [
    'groups:\n- name: 5\n  limit: 0x10\n  rules:\n  - record: true\n    expr: 1\n    labels: {a: 1, b: null, c: 1.0}\n    for: null\n  - record: a\n    expr: |\n      sum(\n       x{\n',
    [
      '10:11: group "5", rule 2, "a": could not parse expression: 3:1: parse error: unexpected end of input inside braces',
    ],
  ],
  [
    `groups:
  - name: g
    rules:
      - alert: A
        expr: up ==
      - expr: 1
      - alert: B
        record: b
        expr: 1
      - record: a-b
        for: 5m
        expr: 1
        keep_firing_for: 1m
        annotations: {a: b}
      - record: x{a="b"}
        expr: 1
        labels: {__name__: x, "": y}
      - alert: T
        expr: 1
        labels: {a: "{{ nope }}"}
        annotations: {b: "{{ .x", "": "u"}
  - name: ""
    rules:
      - record: x
  - name: g
    labels: {__name__: x}
    rules: []
`,
    [
      '5:15: group "g", rule 1, "A": could not parse expression: 1:6: parse error: unexpected end of input',
      '0:0: 0:0: group "g", rule 2, "": one of \'record\' or \'alert\' must be set',
      '8:17: 7:16: group "g", rule 3, "B": only one of \'record\' and \'alert\' must be set',
      '10:17: group "g", rule 4, "a-b": invalid field \'annotations\' in recording rule',
      '10:17: group "g", rule 4, "a-b": invalid field \'for\' in recording rule',
      '10:17: group "g", rule 4, "a-b": invalid field \'keep_firing_for\' in recording rule',
      '15:17: group "g", rule 5, "x{a=\\"b\\"}": braces present in the recording rule name; should it be in expr?: x{a="b"}',
      'group "g", rule 5, "x{a=\\"b\\"}": invalid label name: __name__',
      'group "g", rule 5, "x{a=\\"b\\"}": invalid label name: ',
      'group "g", rule 6, "T": invalid annotation name: ',
      'group "g", rule 6, "T": label "a": template: __alert_T:1: function "nope" not defined',
      'group "g", rule 6, "T": annotation "b": template: __alert_T:1: unclosed action',
      '0:0: Groupname must not be empty',
      '0:0: group "", rule 1, "x": field \'expr\' must be set in rule',
      '0:0: groupname: "g" is repeated in the same file',
      'invalid label name: __name__',
    ],
  ],
])('%j', (text, problems) => {
  const got = parseRuleFile(text).problems.map((problem) => problem.replace('yaml: unmarshal errors:\n', ''));
  expect(got).toEqual(problems);
});

test('merged keys and aliases are what they stand for', () => {
  const { groups, problems } = parseRuleFile(
    'groups:\n- name: a\n  limit: -1\n  query_offset: 1m\n  rules:\n  - <<: &x {record: a, expr: "1"}\n    labels: {a: b}\n  - *x\n',
  );
  expect(problems).toEqual([]);
  expect(groups[0]).toMatchObject({ limit: -1, query_offset: 60_000 });
  expect(groups[0].rules).toMatchObject([
    { record: 'a', expr: '1', labels: { a: 'b' } },
    { record: 'a', expr: '1', labels: {} },
  ]);
});

test('unknown fields may be passed over', () => {
  const text = 'groups:\n- name: a\n  owner: me\n';
  expect(parseRuleFile(text).problems).toHaveLength(1);
  expect(parseRuleFile(text, { ignoreUnknownFields: true }).problems).toEqual([]);
});
