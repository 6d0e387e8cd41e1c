import { below } from '../api-url.ts';
import { type HttpKind, type HttpMessage, omitEmpty } from '../http-integration.ts';
import { Secret } from '../secret-file.ts';
import { truncateCharacters } from '../truncate.ts';
import type { OpsgenieConfig } from './config.ts';

// https://docs.opsgenie.com/docs/alert-api
const MESSAGE_CHARACTERS_MAX = 130;

type OpsgenieMessage = HttpMessage<OpsgenieConfig, 'key'>;

export const opsgenie: HttpKind<OpsgenieConfig, 'key'> = {
  kind: 'opsgenie',
  secrets: (config) => ({ key: Secret.of(config.api_key, config.api_key_file) }),
  async send(message) {
    const { config, status, text, groupHash } = message;
    const key = text(await message.secret('key')).trim();
    message.hide(key);
    const headers = { authorization: `GenieKey ${key}` };
    const ofAlert = (what: string) =>
      below(config.api_url, `v2/alerts/${groupHash}/${what}`, { identifierType: 'alias' });
    if (status === 'resolved') {
      await message.post(ofAlert('close'), { source: text(config.source) }, { headers });
      return;
    }
    const alert = createMessage(message);
    await message.post(below(config.api_url, 'v2/alerts'), alert, { headers });
    if (!config.update_alerts) return;
    const put = { method: 'PUT', headers } as const;
    await message.post(ofAlert('message'), omitEmpty({ message: alert.message }), put);
    await message.post(ofAlert('description'), omitEmpty({ description: alert.description ?? '' }), put);
  },
};

function createMessage(message: OpsgenieMessage) {
  const { config, text, groupHash, templateData } = message;
  const details = Object.entries(config.details).map(([name, value]) => [name, text(value)] as const);
  return {
    alias: groupHash,
    message: truncateCharacters(text(config.message), MESSAGE_CHARACTERS_MAX),
    details: {
      ...(templateData.fields.CommonLabels as Readonly<Record<string, string>>),
      ...Object.fromEntries(details),
    },
    source: text(config.source),
    ...omitEmpty({
      description: text(config.description),
      responders: config.responders.flatMap((responder) => responders(responder, text)),
      tags: splitList(text(config.tags)),
      note: text(config.note),
      priority: text(config.priority),
      entity: text(config.entity),
      actions: splitList(text(config.actions)),
    }),
  };
}

/** One responder, or several where the type is `teams`; none where its templates come to nothing. */
function responders(
  config: OpsgenieConfig['responders'][number],
  text: (source: string) => string,
): readonly Partial<OpsgenieConfig['responders'][number]>[] {
  const [id, name, username, type] = [config.id, config.name, config.username, config.type].map(text);
  if (type === 'teams') return splitList(name).map((team) => ({ name: team, type: 'team' }));
  return [id, name, username, type].every((part) => part === '')
    ? []
    : [{ ...omitEmpty({ id, name, username }), type }];
}

function splitList(text: string): string[] {
  return text
    .trim()
    .split(',')
    .filter((part) => part !== '');
}
