import { roundsOf } from '@avalanche/model';
import { expect, test } from 'vitest';
import { parseJsonInTurns } from './json-in-turns.ts';

const PIECE_BYTES = 8;

async function outcomeOf(parse: () => unknown): Promise<unknown> {
  try {
    return await parse();
  } catch (error) {
    expect(error).toBeInstanceOf(SyntaxError);
    return 'refused';
  }
}

const ARRAYS = [
  '[]',
  ' [ ] ',
  '[1,2,3,4,5,6,7,8,9,10]',
  '\t[ {"a":[1,2,{"b":"],["}]} ,\r\n"\\"x\\\\" , [[[],[]],[]], null,true , -1.5e3]\n',
  '[{"labels":{"alertname":"ä€😀,]"}},{"labels":{"a":"\\u005d\\\\\\""}}]',
  '["a long string, [which] {is} longer than a piece", "x"]',
];

/** A byte of each text in turn is left out, doubled or becomes another one. */
function* mutations(text: string): Generator<Buffer> {
  const bytes = Buffer.from(text);
  yield bytes;
  for (let i = 0; i < bytes.length; i++) {
    const [before, after] = [bytes.subarray(0, i), bytes.subarray(i + 1)];
    yield Buffer.concat([before, after]);
    yield before;
    for (const other of [...'[]{},":\\ 0x', '\u00a0', '\ufeff']) {
      yield Buffer.concat([before, Buffer.from(other), after]);
      yield Buffer.concat([before, Buffer.from(other), bytes.subarray(i)]);
    }
    yield Buffer.concat([before, Buffer.of(0xff), after]);
  }
}

test.each(ARRAYS)('in pieces as at once, and refused alike: %s', async (text) => {
  for (const bytes of mutations(text)) {
    const [pieces, whole] = await Promise.all([
      outcomeOf(() => parseJsonInTurns(bytes, PIECE_BYTES)),
      outcomeOf(() => JSON.parse(bytes.toString())),
    ]);
    expect(pieces, bytes.toString()).toEqual(whole);
  }
});

test('a large array lets others run between its pieces', async () => {
  const text = JSON.stringify(Array.from({ length: 1000 }, (_, i) => ({ i })));
  const { value, rounds } = await roundsOf(() => parseJsonInTurns(Buffer.from(text), 64));
  expect(value).toEqual(JSON.parse(text));
  expect(rounds).toBeGreaterThan(10);
});
