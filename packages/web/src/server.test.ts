import { afterEach, beforeEach, expect, test } from 'vitest';
import { acceptForms, createServer } from './server.ts';

let app: ReturnType<typeof createServer>;
let url = '';
beforeEach(async () => {
  app = createServer();
  acceptForms(app);
  app.get('/x', async (request) => request.query);
  app.post('/x', async (request) => request.body);
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
