import { afterEach, expect, test, vi } from 'vitest';
import { fetchJson, onRefused } from './http.ts';

afterEach(() => vi.unstubAllGlobals());

test('a 401 is told to whoever listens, and still thrown; another error is only thrown', async () => {
  let status = 401;
  vi.stubGlobal('fetch', async () => new Response('{"message":"no"}', { status }));
  const told = vi.fn();
  const stop = onRefused(told);
  await expect(fetchJson('/api/x')).rejects.toMatchObject({ status: 401, message: 'no' });
  expect(told).toHaveBeenCalledTimes(1);
  status = 403;
  await expect(fetchJson('/api/x')).rejects.toMatchObject({ status: 403 });
  expect(told).toHaveBeenCalledTimes(1);
  stop();
  status = 401;
  await expect(fetchJson('/api/x')).rejects.toMatchObject({ status: 401 });
  expect(told).toHaveBeenCalledTimes(1);
});

test('a server that is away and one that says 503 itself are told apart', async () => {
  let body = '{"status":"error","errorType":"timeout","error":"query timed out in expression evaluation"}';
  vi.stubGlobal('fetch', async () => new Response(body, { status: 503 }));
  await expect(fetchJson('http://x/api/v1/query')).rejects.toMatchObject({ status: 503, kind: 'timeout' });
  body = '{"message":"Prometheus at http://x does not answer"}';
  await expect(fetchJson('http://x/api/v1/query')).rejects.toMatchObject({ kind: 'away' });
});
