import { NotifyFailure } from '../failure.ts';
import type { HttpKind } from '../http-integration.ts';
import { encodePayload, expandPayload } from '../payload.ts';
import { Secret } from '../secret-file.ts';
import type { WebhookConfig } from './config.ts';
import { dataMessage } from './message.ts';

/** A generic webhook: the message of version 4, or the configuration's own payload. */
export const webhook: HttpKind<WebhookConfig, 'url'> = {
  kind: 'webhook',
  secrets: (config) => ({ url: Secret.of(config.url, config.url_file) }),
  timeoutMs: ({ timeout }) => timeout,
  // templates see no more alerts than the message has
  alertsMax: ({ max_alerts }) => max_alerts,
  async send(message) {
    const { config, notification } = message;
    const url = message.address(await message.secret('url'));
    if (url === '') {
      const reason = 'webhook URL is empty after templating';
      throw new NotifyFailure({ kind: 'failed', reason, retry: false, category: 'other' });
    }
    const own = config.payload !== undefined && config.payload !== null;
    const body = own
      ? encodePayload(expandPayload(config.payload, message.text))
      : await dataMessage(notification, { version: '4', maxAlerts: config.max_alerts });
    await message.post(url, body, { isSecret: true });
  },
};
