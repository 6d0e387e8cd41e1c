import { type HttpKind, omitEmpty } from '../http-integration.ts';
import { Secret } from '../secret-file.ts';
import { truncateCharacters } from '../truncate.ts';
import type { MattermostAttachment, MattermostConfig } from './config.ts';

// https://developers.mattermost.com/integrate/webhooks/incoming/#tips-and-best-practices
const TEXT_CHARACTERS_MAX = 16_383;
const PRIORITIES = ['urgent', 'important', 'standard'];

type Text = (source: string) => string;

export const mattermost: HttpKind<MattermostConfig, 'url'> = {
  kind: 'mattermost',
  secrets: (config) => ({ url: Secret.of(config.webhook_url, config.webhook_url_file) }),
  async send(message) {
    const { config, text } = message;
    const channel = text(config.channel);
    const hasOwn = config.attachments.length > 0;
    const attachments = hasOwn ? config.attachments : [{ ...config, footer: config.footer }];
    const request = omitEmpty({
      text: hasOwn ? truncateCharacters(text(config.text), TEXT_CHARACTERS_MAX) : '',
      channel,
      username: text(config.username),
      icon_url: text(config.icon_url),
      icon_emoji: text(config.icon_emoji),
      type: text(config.type),
      props: config.props?.card ? { card: text(config.props.card) } : undefined,
      priority: priority(config, text),
    });
    const body = { ...request, attachments: attachments.map((item) => attachment(item, text)) };
    const about = `channel ${JSON.stringify(channel)}: `;
    await message.post(await message.secret('url'), body, { about, isSecret: true });
  },
};

function attachment(config: MattermostAttachment, text: Text) {
  const { fields } = config;
  const keys = [
    ...(['fallback', 'color', 'pretext', 'text', 'author_name', 'author_link', 'author_icon', 'title'] as const),
    ...(['title_link', 'thumb_url', 'footer', 'footer_icon', 'image_url'] as const),
  ];
  return omitEmpty({
    ...Object.fromEntries(keys.map((key) => [key, text(config[key])])),
    fields: fields.map(({ title, value, short }) => ({
      title: text(title),
      value: text(value),
      ...(short === undefined ? {} : { short }),
    })),
  });
}

/** What Mattermost would refuse is made what it takes: only what is urgent may go on ringing. */
function priority({ priority: config }: MattermostConfig, text: Text) {
  if (!config || config.priority === '') return undefined;
  const wanted = text(config.priority).toLowerCase();
  const level = PRIORITIES.includes(wanted) ? wanted : 'standard';
  return omitEmpty({
    priority: level,
    requested_ack: config.requested_ack && level !== 'standard',
    persistent_notifications: config.persistent_notifications && level === 'urgent',
  });
}
