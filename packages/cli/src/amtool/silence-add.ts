import { userInfo } from 'node:os';
import { parseMatcher, type SilenceReach } from '@avalanche/alertmanager';
import type { Matcher } from '@avalanche/model';
import type { ToolCommand, ToolContext, ToolInput } from '../tools/tool-command.ts';
import { AlertmanagerClient, requiredUrl } from './client.ts';
import { ZonedTime } from './dates.ts';
import { matcherTexts, pairsOf } from './matchers.ts';
import type { SilenceMatcher } from './models.ts';
import { after, checkOrder, timeFlags } from './silence-flags.ts';

export const silenceAddCommand: ToolCommand = {
  path: ['silence', 'add'],
  summary: 'Add a silence; asks first where it would keep all alerts quiet.',
  flags: {
    author: { kind: 'string', short: 'a', help: 'Username for CreatedBy field.', default: userName() },
    'require-comment': { kind: 'boolean', help: '', default: 'true', ignored: true },
    duration: { kind: 'string', short: 'd', help: 'Duration of silence.', default: '1h' },
    ...timeFlags,
    annotation: { kind: 'list', help: 'Set an annotation to be included with the silence.', placeholder: 'NAME=TEXT' },
  },
  args: [{ name: 'matcher-groups', help: 'Matchers; a first one without = is an alertname.', many: true }],
  async run(input, context) {
    requiredUrl(input);
    const silence = wantedSilence(input, context.now());
    const client = AlertmanagerClient.of(input);
    if (!(await isMeant(client, silence.matchers, context))) throw new Error('nothing is silenced');
    context.output.out(`${await client.setSilence(silence)}\n`);
    return 0;
  },
};

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return ''; // a user whom the system does not know
  }
}

/** @throws Error */
function wantedSilence({ flags }: ToolInput, now: number) {
  const matchers = matcherTexts(flags.words).map(parseMatcher).map(matcherJson);
  if (matchers.length === 0) throw new Error('no matchers specified');
  const [start, end, comment] = ['start', 'end', 'comment'].map((name) => flags.string(name));
  const startsAt = start === '' ? new ZonedTime(now) : ZonedTime.parse(start);
  const endsAt = end === '' ? after(startsAt, flags.string('duration')) : ZonedTime.parse(end);
  checkOrder(startsAt, endsAt);
  if (flags.boolean('require-comment') && comment === '') throw new Error('comment required by config');
  const annotations = pairsOf(flags.list('annotation'), 'annotations');
  return {
    ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
    ...{ comment, createdBy: flags.string('author'), endsAt, matchers, startsAt },
  };
}

function matcherJson({ type, name, value }: Matcher): SilenceMatcher {
  return { isEqual: type === '=' || type === '=~', isRegex: type === '=~' || type === '!~', name, value };
}

/** Where nothing would be heard any more, somebody who sits there is asked; a script is warned, and goes on. */
async function isMeant(
  client: AlertmanagerClient,
  matchers: readonly SilenceMatcher[],
  { output, ask }: ToolContext,
): Promise<boolean> {
  const reach = await client.ours<SilenceReach>('POST', '/silences/reach', { body: { matchers } }).catch(() => null);
  if (!reach?.mutesEverything) return true;
  const warning = describeReach(reach);
  if (!ask) {
    output.err(`Warning: ${warning}\n`);
    return true;
  }
  return /^y(es)?$/i.test((await ask(`${warning} Continue? [y/N] `)).trim());
}

function describeReach({ now, last24h, routes }: SilenceReach): string {
  return `This silences ${now.matching} of ${now.of} alerts that fire now and ${last24h.matching} of ${last24h.of} of the last 24 hours, on ${routes.matching} of ${routes.of} routes.`;
}
