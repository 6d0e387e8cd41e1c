import { describe, expect, test } from 'vitest';
import { readJson } from './json-body.ts';

const read = (text: string, itemsMax = 1_000_000) => readJson(Buffer.from(text), itemsMax);
/** So long that a list of a few is read in pieces. */
const LONG = 'x'.repeat(30_000);

test.each([
  ['{}', {}],
  [' {"a": [1, {"b": "]"}]} ', { a: [1, { b: ']' }] }],
  ['[]', []],
  ['\n[ ]', []],
  ['[1]', [1]],
  ['"text"', 'text'],
  ['null', null],
  ['[NaN, "NaN", -Infinity]', ['NaN', 'NaN', '-Infinity']],
])('%s is read', async (text, value) => {
  expect(await read(text)).toEqual(value);
});

test.each([
  ['', ''],
  ['\\', '"\\"]},{[\\\\"'],
  ['ü', '"ü€😀"'],
])('a long list with %j in its texts is the same in pieces', async (_what, text) => {
  const items = Array.from({ length: 50 }, (_, i) => ({ i, text, list: [[LONG], {}, [1, 2]], ü: null }));
  for (const space of [undefined, 2]) expect(await read(JSON.stringify(items, null, space))).toEqual(items);
});

test('a bare number in the last piece of a list is read, and the texts of all pieces stay', async () => {
  const text = JSON.stringify([LONG, 'NaN', LONG, LONG, 'loss: NaN']).replace(/\]$/, ',NaN]');
  expect(await read(text)).toEqual([LONG, 'NaN', LONG, LONG, 'loss: NaN', 'NaN']);
});

describe('a text that is no JSON is refused', () => {
  const many = Array.from({ length: 10 }, () => JSON.stringify(LONG)).join(',');
  test.each<[string, string]>([
    ['nothing', ''],
    ['an end that is missing', `[${many}`],
    ['a comma before the end', `[${many},]`],
    ['a comma before the end of the first piece', `[${many},`],
    ['two commas', `[${many},,${many}]`],
    ['another end', `[${many}}`],
    ['something after the end', `[${many}] x`],
    ['another list after the end', `[${many}],[${many}]`],
    ['an item that is no JSON', `[${many},{"a":},${many}]`],
    ['a text without an end', `[${many},"${LONG}${LONG}${LONG}]`],
  ])('%s', async (_what, text) => {
    await expect(read(text)).rejects.toThrow('neither JSON nor a form');
  });
});

test.each([
  ['items', JSON.stringify([1, 2, 3, 4]), 'more than 3 reports at once'],
  ['items in pieces', JSON.stringify([LONG, LONG, LONG, LONG, LONG]), 'more than 3 reports at once'],
  ['brackets', '['.repeat(10_000_000), 'nested more than 64 deep'],
  ['one item', `[1,{"a":"${'x'.repeat(1_100_000)}"},2]`, 'a report has more than 1048576 bytes'],
  ['a value', `{"a":"${'x'.repeat(1_100_000)}"}`, 'a report has more than 1048576 bytes'],
])('too many %s', async (_what, text, reason) => {
  await expect(read(text, 3)).rejects.toThrow(reason);
});
