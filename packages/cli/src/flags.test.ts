import { expect, test } from 'vitest';
import { describeFlags, type FlagSpecs, parseFlags } from './flags.ts';

const specs: FlagSpecs = {
  'config.file': { kind: 'string', help: 'The configuration.', default: 'prometheus.yml' },
  'web.enable-lifecycle': { kind: 'boolean', help: 'Allow reload.' },
  'collector.cpu': { kind: 'boolean', help: 'CPU.', default: 'true' },
  'web.listen-address': { kind: 'list', help: 'Addresses.' },
};

test.each([
  [['--config.file=a.yml'], 'a.yml'],
  [['--config.file', 'a.yml'], 'a.yml'],
  [['--config.file=a=b'], 'a=b'],
  [[], 'prometheus.yml'],
])('%j', (args, expected) => {
  expect(parseFlags(args, specs).string('config.file')).toBe(expected);
});

test('booleans, negation, lists and words', () => {
  const flags = parseFlags(
    ['x', '--web.enable-lifecycle', '--no-collector.cpu', '--web.listen-address=:1', '--web.listen-address', ':2'],
    specs,
  );
  expect(flags.boolean('web.enable-lifecycle')).toBe(true);
  expect(flags.boolean('collector.cpu')).toBe(false);
  expect(flags.list('web.listen-address')).toEqual([':1', ':2']);
  expect(flags.words).toEqual(['x']);
});

test.each([
  ['--collector.cpu=0', false],
  ['--collector.cpu=TRUE', true],
  ['--no-collector.cpu=false', true],
])('%s is %s', (flag, expected) => {
  expect(parseFlags([flag], specs).boolean('collector.cpu')).toBe(expected);
});

test('short flags, and words after two dashes', () => {
  const short: FlagSpecs = {
    quiet: { kind: 'boolean', short: 'q', help: '' },
    'human-readable': { kind: 'boolean', short: 'r', help: '' },
  };
  const flags = parseFlags(['-rq', '--', '-r'], short);
  expect([flags.boolean('quiet'), flags.boolean('human-readable'), flags.words]).toEqual([true, true, ['-r']]);
  expect(() => parseFlags(['-x'], short)).toThrow("unknown short flag '-x', try --help");
});

test('a single dash where the original takes one', () => {
  expect(parseFlags(['-config.file', 'a'], specs, { singleDash: true }).string('config.file')).toBe('a');
  expect(() => parseFlags(['-config.file', 'a'], specs)).toThrow('unknown flag -config.file');
});

test.each([
  [['--nope'], "unknown long flag '--nope'"],
  [['--constructor', 'x'], "unknown long flag '--constructor'"],
  [['--collector.cpu=no'], '--collector.cpu is true or false, not "no"'],
  [['--config.file'], "expected argument for flag '--config.file'"],
])('%j is refused', (args, message) => {
  expect(() => parseFlags(args, specs)).toThrow(message);
});

test('the help lists every flag', () => {
  expect(describeFlags(specs)).toContain('--config.file=prometheus.yml');
});
