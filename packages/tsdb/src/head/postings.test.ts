import { Labels, Matcher } from '@avalanche/model';
import { expect, test } from 'vitest';
import { Head } from './head.ts';

test('the index finds series that came one by one, by thousands, and after others have gone', () => {
  const head = new Head(7_200_000);
  const ways = new Map<string, number[]>();
  const add = (i: number) => {
    const labels = { __name__: `m${i % 3}`, i: `${i}`, a: `${i % 7}`, b: `${i % 5}`, even: i % 2 === 0 ? 'yes' : '' };
    const slot = head.createSeries(Labels.from(labels));
    for (const [name, value] of Object.entries(labels)) {
      const key = `${name}=${value}`;
      ways.set(key, [...(ways.get(key) ?? []), slot]);
    }
  };
  const check = (text: string) => {
    const [name, value] = text.split('=');
    expect([...head.select([new Matcher('=', name, value)])], text).toEqual(ways.get(text));
  };
  for (let i = 0; i < 10; i++) {
    add(i);
    check(`i=${i}`);
    check(`a=${i % 7}`);
  }
  for (let i = 10; i < 9000; i++) add(i);
  for (const text of ['__name__=m1', 'i=8999', 'i=5', 'a=5', 'b=5', 'a=3', 'b=3', 'even=yes']) {
    if (ways.has(text)) check(text);
  }
  expect(head.postings.labelNames()).toEqual(['__name__', 'a', 'b', 'even', 'i']);
  expect(head.postings.labelValues('b')).toEqual(['0', '1', '2', '3', '4']);
});
