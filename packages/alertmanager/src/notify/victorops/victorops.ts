import { below } from '../api-url.ts';
import type { HttpKind, HttpMessage } from '../http-integration.ts';
import { Secret } from '../secret-file.ts';
import { truncateCharacters } from '../truncate.ts';
import type { VictoropsConfig } from './config.ts';

// https://help.victorops.com/knowledge-base/incident-fields-glossary/
const MESSAGE_CHARACTERS_MAX = 20_480;
const EVENTS = ['INFO', 'WARNING', 'CRITICAL'];

export const victorops: HttpKind<VictoropsConfig, 'key'> = {
  kind: 'victorops',
  secrets: (config) => ({ key: Secret.of(config.api_key, config.api_key_file) }),
  async send(message) {
    const { config, text } = message;
    const key = await message.secret('key');
    const path = [key, text(config.routing_key)].map(encodeURIComponent).join('/');
    await message.post(below(config.api_url, path), incident(message));
  },
};

function incident({ config, status, text, groupHash }: HttpMessage<VictoropsConfig, 'key'>) {
  const wanted = text(config.message_type);
  const firing = EVENTS.includes(wanted) ? wanted : 'CRITICAL';
  const custom = Object.entries(config.custom_fields).map(([name, value]) => [name, text(value)] as const);
  return {
    message_type: status === 'resolved' ? 'RECOVERY' : firing,
    entity_id: groupHash,
    entity_display_name: text(config.entity_display_name),
    state_message: truncateCharacters(text(config.state_message), MESSAGE_CHARACTERS_MAX),
    monitoring_tool: text(config.monitoring_tool),
    ...Object.fromEntries(custom),
  };
}
