import { Matcher, type MatchType } from '@avalanche/model';
import { format, parse, selectorsOf, type VectorSelector } from '@avalanche/promql';
import { UsageError } from '../flags.ts';
import type { ArgumentSpec, ToolCommand, ToolContext, ToolInput } from '../tools/tool-command.ts';
import { featuresOf } from './dialect.ts';

const MATCH_TYPES = ['=', '!=', '=~', '!~'];
const query: ArgumentSpec = { name: 'query', help: 'PromQL query.', required: true };

/** Upstream keeps these behind `--experimental`. */
function guarded(run: (input: ToolInput, context: ToolContext) => string): ToolCommand['run'] {
  return async (input, context) => {
    if (!input.flags.boolean('experimental')) {
      throw new Error('This command is experimental and requires the --experimental flag to be set.');
    }
    context.output.out(`${run(input, context)}\n`);
    return 0;
  };
}

export const promqlFormatCommand: ToolCommand = {
  path: ['promql', 'format'],
  summary: 'Format PromQL query to pretty printed form.',
  flags: {},
  args: [query],
  run: guarded((input) => edited(input, () => {})),
};

export const setMatcherCommand: ToolCommand = {
  path: ['promql', 'label-matchers', 'set'],
  summary: 'Set a label matcher in the query.',
  flags: { type: { kind: 'string', short: 't', help: 'Type of the label matcher to set.', default: '=' } },
  args: [
    query,
    { name: 'name', help: 'Name of the label matcher to set.', required: true },
    { name: 'value', help: 'Value of the label matcher to set.', required: true },
  ],
  run: guarded((input) => {
    const type = input.flags.string('type');
    if (!MATCH_TYPES.includes(type)) {
      throw new UsageError(`enum value must be one of ${MATCH_TYPES.join(',')}, got '${type}', try --help`);
    }
    const matcher = new Matcher(type as MatchType, input.arg('name'), input.arg('value'));
    return edited(input, (selector) => setMatcher(selector, matcher));
  }),
};

export const deleteMatcherCommand: ToolCommand = {
  path: ['promql', 'label-matchers', 'delete'],
  summary: 'Delete a label from the query.',
  flags: {},
  args: [query, { name: 'name', help: 'Name of the label to delete.', required: true }],
  run: guarded((input) => {
    const name = input.arg('name');
    return edited(input, (selector) => {
      const matchers = selector.matchers.filter((matcher) => matcher.name !== name);
      Object.assign(selector, { matchers });
    });
  }),
};

/** The query, with every selector changed in the tree that was parsed for this. @throws ParseError */
function edited(input: ToolInput, edit: (selector: VectorSelector) => void): string {
  const tree = parse(input.arg('query'), featuresOf(input.flags).dialect);
  for (const selector of selectorsOf(tree)) edit(selector);
  return format(tree);
}

function setMatcher(selector: VectorSelector, matcher: Matcher): void {
  const isThere = selector.matchers.some(({ name }) => name === matcher.name);
  const matchers = isThere
    ? selector.matchers.map((known) => (known.name === matcher.name ? matcher : known))
    : [...selector.matchers, matcher];
  Object.assign(selector, { matchers });
}
