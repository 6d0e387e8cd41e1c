import type { HttpKind } from '../http-integration.ts';
import { truncateBytes } from '../truncate.ts';
import type { WebexConfig } from './config.ts';

/** What Webex takes of a message. */
const MESSAGE_BYTES_MAX = 7439;

/** Webex rooms; who we are is in `http_config`. */
export const webex: HttpKind<WebexConfig, never> = {
  kind: 'webex',
  secrets: () => ({}),
  async send(message) {
    const { config, text } = message;
    const markdown = truncateBytes(text(config.message), MESSAGE_BYTES_MAX);
    const roomId = text(config.room_id);
    await message.post(config.api_url, roomId === '' ? { markdown } : { markdown, roomId });
  },
};
