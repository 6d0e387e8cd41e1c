import type { ToolCommand, ToolInput } from '../tools/tool-command.ts';
import { AlertmanagerClient, requiredUrl } from './client.ts';
import { ZonedTime } from './dates.ts';
import { formatOf } from './format.ts';
import { postedSilence, type Silence } from './models.ts';
import { after, checkOrder, quietFlag, timeFlags } from './silence-flags.ts';

export const silenceUpdateCommand: ToolCommand = {
  path: ['silence', 'update'],
  summary: 'Update silences.',
  flags: {
    ...quietFlag,
    duration: { kind: 'string', short: 'd', help: 'Duration of silence.' },
    ...timeFlags,
  },
  args: [{ name: 'update-ids', help: 'Silence IDs to update.', many: true }],
  async run(input, { output }) {
    requiredUrl(input);
    const format = formatOf(input);
    if (input.flags.words.length === 0) throw new Error('no silence IDs specified');
    const client = AlertmanagerClient.of(input);
    const updated: Silence[] = [];
    for (const id of input.flags.words) {
      const silence = changed(await client.silence(id), input);
      const { annotations } = silence;
      const body = { id: silence.id, ...(annotations ? { annotations } : {}), ...postedSilence(silence) };
      updated.push({ ...silence, id: await client.setSilence(body) });
    }
    const quiet = input.flags.boolean('quiet');
    output.out(quiet ? updated.map(({ id }) => `${id}\n`).join('') : format.silences(updated));
    return 0;
  },
};

/** @throws Error */
function changed(silence: Silence, { flags }: ToolInput): Silence {
  const [start, end, duration, comment] = ['start', 'end', 'duration', 'comment'].map((name) => flags.string(name));
  const startsAt = ZonedTime.parse(start || silence.startsAt);
  const isLonger = end === '' && duration !== '';
  const endsAt = isLonger ? after(startsAt, duration) : ZonedTime.parse(end || silence.endsAt);
  checkOrder(startsAt, endsAt);
  return {
    ...silence,
    startsAt: startsAt.toJSON(),
    endsAt: endsAt.toJSON(),
    comment: comment || silence.comment,
  };
}
