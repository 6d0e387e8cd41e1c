import type { HttpKind } from '../http-integration.ts';
import { Secret } from '../secret-file.ts';
import type { Msteamsv2Config } from './config.ts';

const COLOURS = { firing: 'Attention', resolved: 'Good' };

/** Microsoft Teams by Power Automate: an adaptive card. */
export const msteamsv2: HttpKind<Msteamsv2Config, 'url'> = {
  kind: 'msteamsv2',
  secrets: (config) => ({ url: Secret.of(config.webhook_url, config.webhook_url_file) }),
  async send(message) {
    const { config, status, text } = message;
    const card = adaptiveCard({ title: text(config.title), text: text(config.text), color: COLOURS[status] });
    await message.post(await message.secret('url'), card, { isSecret: true });
  },
};

function adaptiveCard({ title, text, color }: Readonly<Record<'title' | 'text' | 'color', string>>) {
  const heading = {
    type: 'TextBlock',
    text: title,
    weight: 'Bolder',
    size: 'Medium',
    wrap: true,
    style: 'heading',
    color,
  };
  const content = {
    $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
    type: 'AdaptiveCard',
    version: '1.2',
    body: [heading, { type: 'TextBlock', text, wrap: true }],
    msteams: { width: 'full' },
  };
  return {
    type: 'message',
    attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', contentUrl: null, content }],
  };
}
