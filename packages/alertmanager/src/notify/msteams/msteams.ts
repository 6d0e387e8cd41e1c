import type { HttpKind } from '../http-integration.ts';
import { Secret } from '../secret-file.ts';
import type { MsteamsConfig } from './config.ts';

const COLOURS = { firing: '8C1A1A', resolved: '2DC72D' };

/** Microsoft Teams by its old connectors: a message card. */
export const msteams: HttpKind<MsteamsConfig, 'url'> = {
  kind: 'msteams',
  secrets: (config) => ({ url: Secret.of(config.webhook_url, config.webhook_url_file) }),
  async send(message) {
    const { config, status, text } = message;
    const card = {
      '@context': 'http://schema.org/extensions',
      type: 'MessageCard',
      title: text(config.title),
      summary: text(config.summary),
      text: text(config.text),
      themeColor: COLOURS[status],
    };
    await message.post(await message.secret('url'), card, { isSecret: true });
  },
};
