import { below, parseJsonObject } from '../api-url.ts';
import { type HttpKind, omitEmpty } from '../http-integration.ts';
import { Secret } from '../secret-file.ts';
import { truncateCharacters } from '../truncate.ts';
import type { RocketchatConfig } from './config.ts';

const TITLE_CHARACTERS_MAX = 1024;

export const rocketchat: HttpKind<RocketchatConfig, 'token' | 'tokenId'> = {
  kind: 'rocketchat',
  secrets: (config) => ({
    token: Secret.of(config.token, config.token_file),
    tokenId: Secret.of(config.token_id, config.token_id_file),
  }),
  async send(message) {
    const { config, text, exchange } = message;
    const channel = text(config.channel);
    const request = omitEmpty({ channel, emoji: text(config.emoji), avatar: text(config.icon_url) });
    const body = { ...request, attachments: [attachment(config, text)] };
    const headers = { 'x-auth-token': await message.secret('token'), 'x-user-id': await message.secret('tokenId') };
    const about = `channel ${JSON.stringify(channel)}: `;
    const url = below(config.api_url, 'api/v1/chat.postMessage');
    const answer = await message.post(url, body, { headers, about, needsBody: true });
    const result = parseJsonObject(answer.text);
    if (!result) {
      const reason = `${about}could not unmarshal JSON response ${JSON.stringify(answer.text)}`;
      throw exchange.failure(reason, true, 'clientError');
    }
    if (result.success === true) return;
    throw exchange.failure(
      `${about}error response from Rocketchat: ${String(result.error ?? '')}`,
      false,
      'clientError',
    );
  },
};

function attachment(config: RocketchatConfig, text: (source: string) => string) {
  return omitEmpty({
    title: truncateCharacters(text(config.title), TITLE_CHARACTERS_MAX),
    title_link: text(config.title_link),
    text: text(config.text),
    image_url: text(config.image_url),
    thumb_url: text(config.thumb_url),
    color: text(config.color),
    fields: config.fields.map(({ title, value, short }) => ({
      short: short ?? config.short_fields,
      ...omitEmpty({ title: text(title), value: text(value) }),
    })),
    actions: config.actions.map((action) => ({
      type: 'button',
      ...omitEmpty({ text: text(action.text), url: text(action.url), msg: text(action.msg) }),
      is_webview: false,
      msg_in_chat_window: false,
    })),
  });
}
