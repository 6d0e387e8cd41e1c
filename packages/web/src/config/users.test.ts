import { existsSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { hashSync } from 'bcryptjs';
import { describe, expect, test } from 'vitest';
import { UserCheck } from './users.ts';

const header = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
const users = { me: hashSync('right', 10) };
const built = new URL('../../../cli/dist/password-worker.js', import.meta.url);
const isBuilt = existsSync(fileURLToPath(built));

describe.each([
  ['here', null],
  ['in a thread', built],
] as const)('a password that is checked %s', (_where, file) => {
  test.skipIf(file !== null && !isBuilt)('is right or wrong, also of nobody (in a thread: needs a build)', async () => {
    const check = new UserCheck(file);
    const asked = [header('me', 'right'), header('me', 'wrong'), header('you', 'right'), header('me', 'right')];
    expect(await Promise.all(asked.map((given) => check.accepts(given, users)))).toEqual([true, false, false, true]);
  });
});

test.skipIf(!isBuilt)('a check leaves the event loop free (needs a build)', async () => {
  const check = new UserCheck(built);
  await check.accepts(header('me', 'first'), users);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const begin = performance.now();
  expect(await check.accepts(header('me', 'right'), users)).toBe(true);
  const took = performance.now() - begin;
  delay.disable();
  expect(delay.max / 1e6).toBeLessThan(took / 2);
});

test('a thread that fails fails the check, and the next one is done', async () => {
  const check = new UserCheck(new URL('data:text/javascript,process.exit(3)'));
  await expect(check.accepts(header('me', 'right'), users)).rejects.toThrow('ended with 3');
});
