import type { TestResult } from '@avalanche/alertmanager';
import { AlertmanagerClient } from '../amtool/client.ts';
import { pairsOf } from '../amtool/matchers.ts';
import { UsageError } from '../flags.ts';
import type { ToolCommand } from '../tools/tool-command.ts';
import { asJson, wantsJson } from './flags.ts';
import { oneLine, plural } from './text.ts';

export const testCommand: ToolCommand = {
  path: ['test'],
  summary: 'Send a marked test to a receiver, or to wherever labels lead, and show the talk with its servers.',
  flags: {
    receiver: { kind: 'string', help: 'The receiver to test.', placeholder: 'NAME' },
    labels: {
      kind: 'list',
      help: 'A label of the test; without --receiver, they choose the route.',
      placeholder: 'NAME=VALUE',
    },
    annotation: { kind: 'list', help: 'An annotation of the test.', placeholder: 'NAME=TEXT' },
  },
  args: [{ name: 'labels', help: 'More labels.', many: true }],
  async run(input, { output }) {
    const { flags } = input;
    const receiver = flags.string('receiver');
    const labels = pairsOf([...flags.list('labels'), ...flags.words], 'labels');
    const annotations = pairsOf(flags.list('annotation'), 'annotations');
    const isByLabels = Object.keys(labels).length > 0;
    if (receiver === '' && !isByLabels)
      throw new UsageError('one of --receiver and --labels must be given, try --help');
    const body = { ...(receiver === '' ? {} : { receiver }), ...(isByLabels ? { labels } : {}), annotations };
    const answer = await AlertmanagerClient.of(input).ours<{ results: readonly TestResult[] }>(
      'POST',
      '/receivers/test',
      {
        body,
      },
    );
    if (!answer) throw new Error('this Alertmanager sends no tests: it is not one of avalanche');
    const { results } = answer;
    output.out(wantsJson(input) ? asJson(answer) : `${verdictOf(results)}\n${results.map(resultText).join('')}`);
    return results.length > 0 && results.every(({ status }) => status === 'sent') ? 0 : 1;
  },
};

function verdictOf(results: readonly TestResult[]): string {
  const failed = results.filter(({ status }) => status !== 'sent').length;
  if (results.length === 0) return 'Nobody was told: the receiver has no integrations.';
  if (failed === 0) return `The test was sent by ${plural(results.length, 'integration')}.`;
  return `The test failed: ${failed} of ${plural(results.length, 'integration')} could not send it.`;
}

function resultText({ receiver, integration, status, reply, durationSeconds, talk }: TestResult): string {
  const first = `\n${receiver} by ${integration}: ${status} in ${durationSeconds} s${reply ? `, ${reply}` : ''}`;
  return `\n${oneLine(first).trim()}\n${talk.map((line) => `  ${oneLine(line)}\n`).join('')}`;
}
