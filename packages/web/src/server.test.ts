import { afterEach, beforeEach, expect, test } from 'vitest';
import { acceptForms, createServer, parseQuery } from './server.ts';

let app: ReturnType<typeof createServer>;
let url = '';
beforeEach(async () => {
  app = createServer();
  acceptForms(app);
  app.get('/x', async (request) => request.query);
  app.post('/x', async (request) => request.body);
  app.get('/of/:name', async (request) => (request.params as { readonly name: string }).name.length);
  url = await app.listen({ port: 0, host: '127.0.0.1' });
});
afterEach(async () => {
  await app.close();
});

test.each([
  ['match[]=a&match[]=b&match[]=c&q=1', { 'match[]': ['a', 'b', 'c'], q: '1' }],
  ['constructor=1&toString=2&toString=3', { constructor: '1', toString: ['2', '3'] }],
  ['__proto__=1', JSON.parse('{"__proto__":"1"}')],
])('%s is parsed alike in an address and a form, whatever a key is called', async (text, expected) => {
  expect(await (await fetch(`${url}/x?${text}`)).json()).toEqual(expected);
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  expect(await (await fetch(`${url}/x`, { method: 'POST', body: text, headers })).json()).toEqual(expected);
});

test('a long address is taken, in its query and in its path', async () => {
  const long = 'a'.repeat(200_000);
  expect(await (await fetch(`${url}/x?q=${long}`)).json()).toEqual({ q: long });
  expect(await (await fetch(`${url}/of/${long}`)).json()).toBe(long.length);
});

test('a multipart form is a form', async () => {
  const body = new FormData();
  for (const [name, value] of [
    ['q', 'sum(up) + 1'],
    ['match[]', 'a'],
    ['match[]', 'é'],
  ])
    body.append(name, value);
  const response = await fetch(`${url}/x`, { method: 'POST', body });
  expect(await response.json()).toEqual({ q: 'sum(up) + 1', 'match[]': ['a', 'é'] });
});

test.each(['application/json', 'text/plain', 'multipart/form-data; boundary=x', 'multipart/form-data'])(
  'a body of type %s that is no form has no values, and is no error',
  async (type) => {
    const response = await fetch(`${url}/x`, { method: 'POST', body: '{"q":', headers: { 'content-type': type } });
    expect([response.status, await response.json()]).toEqual([200, {}]);
  },
);

test('queries are parsed as URLSearchParams parses them, wrong escapes included', () => {
  const parts = [
    'a',
    'é',
    '😀',
    '&',
    '=',
    '+',
    '%',
    '%2',
    '%20',
    '%zz',
    '%C3%A9',
    '%C3',
    '%26',
    '%ff',
    '?',
    '#',
    ';',
    '[]',
    '\0',
  ];
  let seed = 7;
  const random = (below: number) => {
    seed = (seed * 48271) % 2147483647;
    return seed % below;
  };
  for (let round = 0; round < 5000; round++) {
    const text = Array.from({ length: random(12) }, () => parts[random(parts.length)]).join('');
    if (text.startsWith('?')) continue; // which URLSearchParams takes away
    const expected: [string, string][] = [...new URLSearchParams(text)];
    const keys = [...new Set(expected.map(([key]) => key))];
    const valuesOf = (key: string) => expected.filter(([other]) => other === key).map(([, value]) => value);
    expect(
      Object.entries(parseQuery(text))
        .map(([key, value]) => [key, [value].flat()])
        .sort(),
    ).toEqual(keys.map((key) => [key, valuesOf(key)]).sort());
  }
});
