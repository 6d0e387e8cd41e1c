import { expect, test } from 'vitest';
import { createLogger } from './log.ts';

test.each([
  ['logfmt', 'level=INFO msg="two words" job=a reason="it \\"broke\\"" list=[1,2]\n'],
  ['json', '"level":"INFO","msg":"two words","job":"a","reason":"it \\"broke\\"","list":[1,2]}\n'],
] as const)('%s', (format, expected) => {
  let out = '';
  const logger = createLogger({
    format,
    write: (line) => {
      out += line;
    },
  });
  logger.child({ job: 'a' }).info('two words', { reason: new Error('it "broke"'), list: [1, 2] });
  expect(out.endsWith(expected.replace(/\\\\/g, '\\'))).toBe(true);
});

test.each(['logfmt', 'json'] as const)('%s: what cannot be printed does not throw', (format) => {
  let out = '';
  const cycle: Record<string, unknown> = { big: 1n };
  cycle.self = cycle;
  createLogger({
    format,
    write: (line) => {
      out += line;
    },
  }).error('odd', { cycle });
  expect(out).toContain('odd');
  expect(out).toContain('unprintable');
});
