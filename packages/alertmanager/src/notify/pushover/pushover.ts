import type { HttpKind, HttpMessage } from '../http-integration.ts';
import { Secret } from '../secret-file.ts';
import { truncateCharacters } from '../truncate.ts';
import type { PushoverConfig } from './config.ts';

// https://pushover.net/api#limits
const TITLE_CHARACTERS_MAX = 250;
const MESSAGE_CHARACTERS_MAX = 1024;
const URL_CHARACTERS_MAX = 512;
const API_URL = 'https://api.pushover.net/1/messages.json';

type PushoverMessage = HttpMessage<PushoverConfig, 'token' | 'user'>;

export const pushover: HttpKind<PushoverConfig, 'token' | 'user'> = {
  kind: 'pushover',
  secrets: (config) => ({
    token: Secret.of(config.token, config.token_file),
    user: Secret.of(config.user_key, config.user_key_file),
  }),
  isHtml: ({ html }) => html,
  async send(message) {
    const url = new URL(API_URL);
    url.search = (await parameters(message)).toString();
    await message.exchange.request({ url: url.href, headers: { 'content-type': 'text/plain' } });
  },
};

async function parameters(message: PushoverMessage): Promise<URLSearchParams> {
  const { config, text, html } = message;
  const seconds = (milliseconds: number): string => String(Math.trunc(milliseconds / 1000));
  const [token, user] = [text(await message.secret('token')), text(await message.secret('user'))];
  for (const secret of [token, user]) message.hide(secret);
  const body = truncateCharacters(config.html ? html(config.message) : text(config.message), MESSAGE_CHARACTERS_MAX);
  const sorted = {
    device: text(config.device),
    expire: seconds(config.expire),
    ...(config.html ? { html: '1' } : {}),
    // an empty message is refused
    message: body.trim() || '(no details)',
    ...(config.monospace ? { monospace: '1' } : {}),
    priority: text(config.priority),
    retry: seconds(config.retry),
    sound: text(config.sound),
    title: truncateCharacters(text(config.title), TITLE_CHARACTERS_MAX),
    token,
    ...(config.ttl >= 1000 ? { ttl: seconds(config.ttl) } : {}),
    url: truncateCharacters(text(config.url), URL_CHARACTERS_MAX),
    url_title: text(config.url_title),
    user,
  };
  return new URLSearchParams(sorted);
}
