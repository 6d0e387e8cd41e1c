import { RE2JS } from 're2js';
import { expect, test } from 'vitest';
import { regexLiterals } from './regex-literals.ts';

test.each([
  ['', ['']],
  ['GET', ['GET']],
  ['GET|POST', ['GET', 'POST']],
  ['(GET|POST)', ['GET', 'POST']],
  ['a(?:b|c)d|e', ['abd', 'acd', 'e']],
  ['node-[12]', ['node-1', 'node-2']],
  ['[a-c]x', ['ax', 'bx', 'cx']],
  ['[a-]', ['a', '-']],
  ['a?b', ['ab', 'b']],
  ['127\\.0\\.0\\.1:9\\d', null],
  ['a\\.b', ['a.b']],
  ['a|', ['a', '']],
  ['(?i)get', null],
  ['a.b', null],
  ['[^a]', null],
  ['a{2}', null],
  ['größe|😀', ['größe', '😀']],
  ['[😀x]', null],
] as const)('%j accepts the set %j', (pattern, set) => {
  const known = regexLiterals(pattern);
  expect(known.set && [...known.set].sort()).toEqual(set && [...set].sort());
});

test.each([
  ['api-.*', 'api-', ''],
  ['.*_total', '', '_total'],
  ['a(b|bc).+z', 'ab', 'z'],
  ['(ab|ac).*', 'a', ''],
  ['ab+c', 'ab', 'bc'],
  ['ab*c', 'a', 'c'],
  ['x.*|y.*', '', ''],
] as const)('%j begins with %j and ends with %j', (pattern, prefix, suffix) => {
  expect(regexLiterals(pattern)).toEqual({ set: null, prefix, suffix });
});

test('never says more than the expression does: random expressions over a small alphabet', () => {
  let state = 7;
  const random = (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const expression = (depth: number): string => {
    const kind = random(depth > 0 ? 9 : 3);
    if (kind < 3) return 'ab.'[kind];
    if (kind < 5) return expression(depth - 1) + expression(depth - 1);
    if (kind === 5) return `(${expression(depth - 1)}|${expression(depth - 1)})`;
    if (kind === 6) return `(?:${expression(depth - 1)})${'*+?'[random(3)]}`;
    if (kind === 7) return `[${['ab', 'a-b', 'b'][random(3)]}]`;
    return `${expression(depth - 1)}|${expression(depth - 1)}`;
  };
  const texts = [''];
  for (let i = 0; texts.length < 127; i++) texts.push(`${texts[i]}a`, `${texts[i]}b`);
  for (let n = 0; n < 2000; n++) {
    const pattern = expression(3);
    const compiled = RE2JS.compile(`^(?s:${pattern})$`);
    const { set, prefix, suffix } = regexLiterals(pattern);
    for (const text of texts) {
      const accepted = compiled.matcher(text).find();
      if (set) expect(set.includes(text), `${pattern} on ${text}`).toBe(accepted);
      else if (accepted) expect(text.startsWith(prefix) && text.endsWith(suffix), `${pattern} on ${text}`).toBe(true);
    }
  }
});
