import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { parseFlags, type UsageError } from '../flags.ts';
import { prometheusCommand } from './prometheus.ts';
import { shownFlags } from './prometheus-flags.ts';

const parse = (...args: string[]) => parseFlags(args, prometheusCommand.flags);

/** The exit code and message with which a call is refused before anything starts. */
async function refused(...args: string[]): Promise<string> {
  try {
    const flags = parse('--config.file=/does/not/exist.yml', ...args);
    await prometheusCommand.run(flags, AbortSignal.abort());
  } catch (error) {
    const { message, exitCode } = error as UsageError;
    return `${exitCode} ${message}`;
  }
  return 'accepted';
}

test.each([
  ['--bogus', `1 unknown long flag '--bogus', try --help`],
  [
    '--web.max-connections=x',
    '2 Error parsing command line arguments: --web.max-connections must be a whole number, not "x"',
  ],
  ['--query.timeout=5', '2 Error parsing command line arguments: --query.timeout: not a valid duration string: "5"'],
  ['--log.level=foo', '2 Error parsing command line arguments: --log.level must be one of debug, info, warn, error'],
  ['--web.cors.origin=(', '2 Error parsing command line arguments: could not compile CORS regex string "("'],
  ['--web.external-url=::', '2 Error parsing command line arguments: parse external URL "::": not a URL'],
  [`--web.external-url='http://x'`, 'URL must not begin or end with quotes'],
  ['--web.external-url=/prom', '2 /does/not/exist.yml: no such file'],
  ['--web.listen-address=abc', '2 Error parsing command line arguments: --web.listen-address: not a listen address'],
  ['--agent', '3 the agent mode (--agent) is not supported yet'],
  ['--storage.agent.path=x', '3 The following flag(s) can only be used in agent mode: ["--storage.agent.path"]'],
  ['--log.level=error', '2 /does/not/exist.yml: no such file'],
])('%s ends as with upstream', async (flag, message) => {
  expect(await refused(flag)).toContain(message);
});

describe('flags', () => {
  test('are shown with the defaults of upstream', () => {
    const shown = shownFlags(parse('--web.enable-lifecycle').all());
    expect(shown).toMatchObject({
      'config.auto-reload-interval': '30s',
      'rules.alert.for-outage-tolerance': '1h',
      'storage.tsdb.path': 'data/',
      'storage.tsdb.retention.size': '0B',
      'storage.tsdb.retention.time': '0s',
      'web.enable-lifecycle': 'true',
      'web.listen-address': '0.0.0.0:9090',
    });
  });

  const help = spawnSync('prometheus', ['--help'], { encoding: 'utf8' });
  test.skipIf(help.error !== undefined)('of the original are all known (needs prometheus)', () => {
    const names = [
      ...`${help.stdout}${help.stderr}`.matchAll(/^ +(?:-\w, )?--(?:\[no-\])?([a-z][\w-]*(?:\.[\w-]+)*)/gm),
    ].map(([, name]) => name);
    expect(names.length).toBeGreaterThan(30);
    const unknown = names.filter(
      (name) => !(name in prometheusCommand.flags) && !/^(help|help-.*|version)$/.test(name),
    );
    expect(unknown).toEqual([]);
  });
});
