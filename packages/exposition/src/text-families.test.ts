import { expect, test } from 'vitest';
import { parseTextFamilies, readTextFamilies } from './text-families.ts';

/** Reads bytes, and counts the steps. */
function read(bytes: Uint8Array) {
  const steps = readTextFamilies(bytes, 'legacy');
  for (let count = 0; ; count++) {
    const { done, value } = steps.next();
    if (done) return { families: value, count };
  }
}

const MANY = `# HELP x A \\\\ and a \\n.\n# TYPE x gauge\n${Array.from({ length: 5_000 }, (_, i) => `x{i="ü${i}\\""} ${i}\n`).join('')}`;

test('bytes are read line by line, and give what the text does', () => {
  const { families, count } = read(Buffer.from(MANY));
  expect(count).toBe(5_002);
  expect(families).toEqual(parseTextFamilies(MANY, 'legacy'));
  expect(families[0]).toMatchObject({ name: 'x', help: 'A \\ and a \n.', type: 'GAUGE' });
  expect(families[0]?.metrics[7]).toMatchObject({ labels: [['i', 'ü7"']], value: 7 });
});

test('a line that is longer than what is decoded at once is one', () => {
  const long = 'y'.repeat(300_000);
  const { families } = read(Buffer.from(`a{l="${long}"} 1\nb 2\n`));
  expect(families.map(({ name }) => name)).toEqual(['a', 'b']);
  expect(families[0]?.metrics[0]?.labels).toEqual([['l', long]]);
});

test.each([
  [`${MANY}x one\n`, 'line 5003: expected float as value, got "one"'],
  [`${MANY}z 1`, 'line 5003: unexpected end of input stream'],
  ['a{b="c\n"} 1\n', 'line 1: label value "c" contains unescaped new-line'],
  ['a{b="c\\d"} 1\n', "line 1: invalid escape sequence '\\d'"],
])('what is wrong is told with its line (%#)', (text, message) => {
  expect(() => read(Buffer.from(text))).toThrow(message);
  expect(() => parseTextFamilies(text, 'legacy')).toThrow(message);
});

test('bytes that are no UTF-8 are refused', () => {
  expect(() => read(Buffer.from([0x61, 0x20, 0x31, 0x0a, 0xff, 0x0a]))).toThrow(TypeError);
});
