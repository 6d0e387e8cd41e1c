import type { HttpKind } from '../http-integration.ts';
import { omitEmpty } from '../http-integration.ts';
import { Secret } from '../secret-file.ts';
import { truncateCharacters } from '../truncate.ts';
import type { DiscordConfig } from './config.ts';

// https://discord.com/developers/docs/resources/message#embed-object-embed-limits
const TITLE_CHARACTERS_MAX = 256;
const DESCRIPTION_CHARACTERS_MAX = 4096;
const CONTENT_CHARACTERS_MAX = 2000;
const COLOURS = { firing: 0x992d22, resolved: 0x2ecc71 };

export const discord: HttpKind<DiscordConfig, 'url'> = {
  kind: 'discord',
  secrets: (config) => ({ url: Secret.of(config.webhook_url, config.webhook_url_file) }),
  async send(message) {
    const { config, status, text } = message;
    const embed = {
      title: truncateCharacters(text(config.title), TITLE_CHARACTERS_MAX),
      description: truncateCharacters(text(config.message), DESCRIPTION_CHARACTERS_MAX),
      color: COLOURS[status],
    };
    const body = {
      content: truncateCharacters(text(config.content), CONTENT_CHARACTERS_MAX),
      embeds: [embed],
      ...omitEmpty({ username: config.username, avatar_url: config.avatar_url }),
    };
    await message.post(await message.secret('url'), body, { isSecret: true });
  },
};
