import { Labels } from '@avalanche/model';
import { expect, test } from 'vitest';
import { Limited, listBody } from './list.ts';

test.each([0, 1, 499, 500, 501, 1_700])('a list of %i series in pieces is the list', (count) => {
  const items = Array.from({ length: count }, (_, i) => Labels.from({ __name__: 'm', i: `${i}`, text: 'ä"\n' }));
  const pieces = [...listBody(new Limited(items, false))];
  expect(Buffer.concat(pieces).toString()).toBe(JSON.stringify({ status: 'success', data: items }));
  expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(64 * 1024);
});

test('a list that was cut says so', () => {
  const warnings = ['results truncated due to limit'];
  for (const items of [[], ['a', 'b']]) {
    const body = Buffer.concat([...listBody(new Limited(items, true))]).toString();
    expect(body).toBe(JSON.stringify({ status: 'success', data: items, warnings }));
  }
});
