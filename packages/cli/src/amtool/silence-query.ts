import { parseGoDuration } from '@avalanche/model';
import type { ToolCommand, ToolInput } from '../tools/tool-command.ts';
import { AlertmanagerClient, requiredUrl } from './client.ts';
import { ZonedTime } from './dates.ts';
import { formatOf } from './format.ts';
import { matcherTexts } from './matchers.ts';
import type { Silence } from './models.ts';
import { quietFlag } from './silence-flags.ts';

export const silenceQueryCommand: ToolCommand = {
  path: ['silence', 'query'],
  summary: 'Query silences.',
  flags: {
    expired: { kind: 'boolean', help: 'Show expired silences instead of active.', default: 'false' },
    ...quietFlag,
    'created-by': { kind: 'string', help: 'Show silences that belong to this creator.', placeholder: 'NAME' },
    id: { kind: 'string', help: 'Get a single silence by its ID.', placeholder: 'ID' },
    within: {
      kind: 'string',
      help: 'Show silences that will expire or have expired within a duration.',
      default: '0s',
      placeholder: 'DURATION',
    },
  },
  args: [{ name: 'matcher-groups', help: 'Query filter; a first one without = is an alertname.', many: true }],
  async run(input, { output, now }) {
    requiredUrl(input);
    const format = formatOf(input);
    const isWanted = silenceFilter(input, now);
    const found = await AlertmanagerClient.of(input).silences(matcherTexts(input.flags.words));
    const silences = found.filter(isWanted);
    const quiet = input.flags.boolean('quiet');
    output.out(quiet ? silences.map(({ id }) => `${id}\n`).join('') : format.silences(silences));
    return 0;
  },
};

/** @throws UsageError */
function silenceFilter(input: ToolInput, now: () => number): (silence: Silence) => boolean {
  const { flags } = input;
  const expired = flags.boolean('expired');
  const withinMs = input.parsed('within', parseGoDuration);
  const [creator, wantedId] = [flags.string('created-by'), flags.string('id')];
  return ({ id, endsAt, createdBy }) => {
    const leftMs = ZonedTime.parse(endsAt).ms - now();
    if (expired ? leftMs > 0 : leftMs < 0) return false;
    if (withinMs > 0 && Math.abs(leftMs) > withinMs) return false;
    return (creator === '' || createdBy === creator) && (wantedId === '' || id === wantedId);
  };
}
