import { parseJsonObject } from '../api-url.ts';
import type { HttpAnswer } from '../http.ts';
import { type HttpKind, type HttpMessage, omitEmpty } from '../http-integration.ts';
import { Secret } from '../secret-file.ts';
import { truncateCharacters } from '../truncate.ts';
import type { SlackConfig } from './config.ts';

type SlackMessage = HttpMessage<SlackConfig, 'url' | 'token'>;

/** Slack cuts off longer titles itself, without a word. */
const TITLE_CHARACTERS_MAX = 1024;
const UPDATE_URL = 'https://slack.com/api/chat.update';

/** Slack by an incoming webhook, or by an app's token, whose messages can be edited. */
export const slack: HttpKind<SlackConfig, 'url' | 'token'> = {
  kind: 'slack',
  secrets: (config) => ({
    url: Secret.of(config.api_url, config.api_url_file),
    token: Secret.of(config.app_token, config.app_token_file),
  }),
  timeoutMs: ({ timeout }) => timeout,
  async send(message) {
    const { config, data } = message;
    await message.secret('token'); // the configuration has made it the authorization of each request
    const known = config.update_message && data.threadTs && data.channelId ? data : undefined;
    const body = slackBody(message, known && { channel: String(known.channelId), ts: String(known.threadTs) });
    const url = known ? UPDATE_URL : await message.secret('url');
    const about = `channel ${JSON.stringify(body.channel ?? '')}: `;
    const answer = await message.post(url, body, { about, isSecret: true, needsBody: true });
    readAnswer(message, answer, about);
  },
};

function slackBody({ config, text }: SlackMessage, known: { channel: string; ts: string } | undefined) {
  const request = {
    channel: known?.channel ?? text(config.channel),
    ts: known?.ts,
    username: text(config.username),
    icon_emoji: text(config.icon_emoji),
    icon_url: text(config.icon_url),
    link_names: config.link_names,
    text: text(config.message_text),
  };
  return { ...omitEmpty(request), attachments: [attachment(config, text)] };
}

function attachment(config: SlackConfig, text: (source: string) => string) {
  const optional = omitEmpty({
    title: truncateCharacters(text(config.title), TITLE_CHARACTERS_MAX),
    title_link: text(config.title_link),
    pretext: text(config.pretext),
    fields: config.fields.map(({ title, value, short }) => ({
      title: text(title),
      value: text(value),
      short: short ?? config.short_fields,
    })),
    actions: config.actions.map((action) => slackAction(action, text)),
    image_url: text(config.image_url),
    thumb_url: text(config.thumb_url),
    color: text(config.color),
  });
  return {
    ...optional,
    text: text(config.text),
    fallback: text(config.fallback),
    callback_id: text(config.callback_id),
    footer: text(config.footer),
    mrkdwn_in: config.mrkdwn_in.length > 0 ? config.mrkdwn_in : ['fallback', 'pretext', 'text'],
  };
}

function slackAction({ confirm, ...action }: SlackConfig['actions'][number], text: (source: string) => string) {
  const expanded = (part: Readonly<Record<string, string>>) =>
    omitEmpty(Object.fromEntries(Object.entries(part).map(([key, value]) => [key, text(value)])));
  return { ...expanded(action), ...(confirm ? { confirm: expanded(confirm) } : {}) };
}

/** A webhook answers `ok`, the API says in JSON whether it has taken the message and which one it has become. */
function readAnswer(message: SlackMessage, answer: HttpAnswer, about: string): void {
  const { exchange, data, config } = message;
  const fail = (reason: string, retry = false) => exchange.failure(about + reason, retry, 'clientError');
  if (!answer.type.startsWith('application/json')) {
    if (answer.text !== 'ok') throw fail(`received an error response from Slack: ${answer.text}`);
    return;
  }
  const body = parseJsonObject(answer.text);
  if (!body) throw fail(`could not unmarshal JSON response ${JSON.stringify(answer.text)}`, true);
  if (body.ok !== true) throw fail(`error response from Slack: ${String(body.error ?? '')}`);
  if (!config.update_message || !body.ts || !body.channel) return;
  data.threadTs = String(body.ts);
  data.channelId = String(body.channel);
}
