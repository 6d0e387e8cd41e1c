import { parseDuration } from '@avalanche/model';
import { explain, ParseError, WHOLE_LANGUAGE } from '@avalanche/promql';
import type { ToolCommand, ToolInput } from '../tools/tool-command.ts';

/** Ours, not upstream's: it needs no server. */
export const explainCommand: ToolCommand = {
  path: ['query', '--explain'],
  summary: 'Print how our engine evaluates an expression: what it reads, what it computes once, what it holds.',
  flags: {
    'lookback-delta': { kind: 'string', help: 'As --query.lookback-delta of the server.', default: '5m' },
    'evaluation-interval': {
      kind: 'string',
      help: "Step of subqueries without one: the server's global.evaluation_interval.",
      default: '1m',
    },
    step: { kind: 'string', help: 'Step of a range query, for step() in durations.', placeholder: 'DURATION' },
    range: { kind: 'string', help: 'Length of a range query, for range() in durations.', placeholder: 'DURATION' },
  },
  args: [{ name: 'expr', help: 'PromQL query expression.', required: true }],
  async run(input, { output }) {
    const options = {
      ...WHOLE_LANGUAGE,
      lookbackMs: duration(input, 'lookback-delta'),
      defaultSubqueryStepMs: duration(input, 'evaluation-interval'),
      stepMs: duration(input, 'step'),
      rangeMs: duration(input, 'range'),
    };
    try {
      output.out(explain(input.arg('expr'), options));
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
      output.err(`${error.message}\n`);
      return 1;
    }
    return 0;
  },
};

function duration(input: ToolInput, flag: string): number {
  return input.parsed(flag, (text) => (text === '' ? 0 : parseDuration(text)));
}
