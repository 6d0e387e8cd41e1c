import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { freePort } from '../../../tests/support/services.ts';
import { whileWaiting } from './waiting-room.ts';

async function answer(port: number, path: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`).catch(() => null);
  if (!response) return 'nobody';
  return `${response.status} ${response.headers.get('x-prometheus-stopping')} ${await response.text()}`;
}

test('while the log is read, the server says that it lives and is not ready', async () => {
  const port = await freePort();
  let finish = (_: string) => {};
  const work = new Promise<string>((resolve) => {
    finish = resolve;
  });
  const waiting = whileWaiting({ listen: { host: '127.0.0.1', port }, web: {}, afterMs: 0 }, work);
  await expect.poll(() => answer(port, '/-/healthy')).toBe('200 null Prometheus Server is Healthy.\n');
  expect(await answer(port, '/-/ready')).toBe('503 false Service Unavailable');
  expect(await answer(port, '/api/v1/query?query=1')).toBe('503 false Service Unavailable');
  finish('done');
  expect(await waiting).toBe('done');
  expect(await answer(port, '/-/healthy')).toBe('nobody');
});

test('an address that is taken is left to the server to tell', async () => {
  const taken = createServer();
  const port = await freePort();
  await new Promise<void>((resolve) => taken.listen(port, '127.0.0.1', resolve));
  const work = new Promise<string>((resolve) => setTimeout(() => resolve('done'), 50));
  expect(await whileWaiting({ listen: { host: '127.0.0.1', port }, web: {}, afterMs: 0 }, work)).toBe('done');
  await new Promise((resolve) => taken.close(resolve));
});
