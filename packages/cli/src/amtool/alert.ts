import type { ToolCommand } from '../tools/tool-command.ts';
import { AlertmanagerClient, requiredUrl } from './client.ts';
import { ZonedTime } from './dates.ts';
import { formatOf } from './format.ts';
import { matcherTexts, pairsOf } from './matchers.ts';

/** Go's time that is not set. */
const NO_TIME = '0001-01-01T00:00:00.000Z';

const shown = (state: string, short: string) =>
  ({ kind: 'boolean', short, help: `Show ${state} alerts.`, default: 'false' }) as const;

export const alertQueryCommand: ToolCommand = {
  path: ['alert', 'query'],
  summary: 'View and search through current alerts: active ones, where no flag names a state.',
  flags: {
    inhibited: shown('inhibited', 'i'),
    silenced: shown('silenced', 's'),
    active: shown('active', 'a'),
    unprocessed: shown('unprocessed', 'u'),
    receiver: {
      kind: 'string',
      short: 'r',
      help: 'Show alerts matching receiver (supports regex syntax).',
      placeholder: 'REGEX',
    },
  },
  args: [{ name: 'matcher-groups', help: 'Query filter; a first one without = is an alertname.', many: true }],
  async run(input, { output }) {
    requiredUrl(input);
    const format = formatOf(input);
    const { flags } = input;
    const states = ['inhibited', 'silenced', 'active', 'unprocessed'].map(
      (name) => [name, flags.boolean(name)] as const,
    );
    const isAny = states.some(([, wanted]) => wanted);
    const receiver = flags.string('receiver');
    const alerts = await AlertmanagerClient.of(input).alerts([
      ...states.map(([name, wanted]) => [name, String(wanted || (name === 'active' && !isAny))] as const),
      ...(receiver === '' ? [] : [['receiver', receiver] as const]),
      ...matcherTexts(flags.words).map((text) => ['filter', text] as const),
    ]);
    output.out(format.alerts(alerts));
    return 0;
  },
};

export const alertAddCommand: ToolCommand = {
  path: ['alert', 'add'],
  summary: 'Add a new alert.',
  flags: {
    'generator-url': {
      kind: 'string',
      help: 'Set the URL of the source that generated the alert.',
      placeholder: 'URL',
    },
    start: { kind: 'string', help: 'When the alert should start (RFC 3339).', placeholder: 'TIME' },
    end: { kind: 'string', help: 'When the alert should end (RFC 3339).', placeholder: 'TIME' },
    annotation: { kind: 'list', help: 'Set an annotation to be included with the alert.', placeholder: 'NAME=TEXT' },
  },
  args: [{ name: 'labels', help: 'Labels of the alert; a first one without = is the alertname.', many: true }],
  async run(input) {
    requiredUrl(input);
    const { flags } = input;
    const labels = pairsOf(matcherTexts(flags.words), 'labels');
    const annotations = pairsOf(flags.list('annotation'), 'annotations');
    const [startsAt, endsAt] = ['start', 'end'].map((name) => {
      const text = flags.string(name);
      return text === '' ? NO_TIME : ZonedTime.parse(text);
    });
    const generatorURL = flags.string('generator-url');
    const link = generatorURL === '' ? {} : { generatorURL };
    await AlertmanagerClient.of(input).addAlert({ annotations, endsAt, startsAt, ...link, labels });
    return 0;
  },
};
