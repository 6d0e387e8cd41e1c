import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { isBuilt } from '../support/stack.ts';

const command = fileURLToPath(new URL('../../packages/cli/bin/avalanche.mjs', import.meta.url));
const page = readFileSync(new URL('../../docs/promql.md', import.meta.url), 'utf8');

/** The commands of the page with what it prints below them. */
const examples = [...page.matchAll(/```console\n\$ npx avalanche promtool query --explain '(.+)'\n([^`]*)```/g)].map(
  ([, query, printed]) => ({ query, printed }),
);

describe.skipIf(!isBuilt)('promtool query --explain (skipped where the command is not built)', () => {
  test('the page has examples', () => expect(examples.length).toBeGreaterThan(2));

  test.each(examples)('prints for $query what docs/promql.md shows', ({ query, printed }) => {
    const args = [command, 'promtool', 'query', '--explain', query];
    expect(execFileSync(process.execPath, args, { encoding: 'utf8' })).toBe(printed);
  });

  test('what is wrong with a query is told', () => {
    const args = [command, 'promtool', 'query', '--explain', 'sum(up'];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect([status, stderr]).toEqual([1, '1:7: parse error: unclosed left parenthesis\n']);
  });
});
