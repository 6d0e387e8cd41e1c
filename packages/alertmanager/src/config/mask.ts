import { parseYaml } from '@avalanche/yamlfile';
import { stringify } from 'yaml';
import { z } from 'zod';
import { isConfigText } from './texts.ts';
import { SECRET } from './values.ts';

/** Keys that hold a secret wherever they stand. */
const EVERYWHERE = new Set([
  ...['smtp_auth_password', 'smtp_auth_secret', 'slack_api_url', 'slack_app_token', 'opsgenie_api_key'],
  ...['wechat_api_secret', 'victorops_api_key', 'telegram_bot_token', 'rocketchat_token', 'rocketchat_token_id'],
  ...['mattermost_webhook_url', 'webhook_url', 'auth_password', 'auth_secret', 'service_key', 'api_key', 'user_key'],
  ...['app_token', 'secret_key', 'bot_token', 'api_secret', 'alert_source_token', 'password', 'credentials'],
  ...['bearer_token', 'client_secret', 'client_certificate_key', 'secrets', 'proxy_connect_header'],
]);

/** Those that do for some kinds of receivers only. */
const BY_CONFIGS: Readonly<Record<string, readonly string[]>> = {
  webhook_configs: ['url'],
  slack_configs: ['api_url'],
  pagerduty_configs: ['routing_key'],
  pushover_configs: ['token'],
  rocketchat_configs: ['token', 'token_id'],
};

/**
 * The file's YAML with every secret as `<secret>`, as upstream's status shows it, and passwords in addresses as Go's
 * URL.Redacted has them. Only what the file says: of defaults and newer keys, an older amtool that asks for it would know
 * nothing, and refuse the whole. @throws FileError
 */
export function maskedYaml(file: string, text: string): string {
  const config = parseYaml(file, text, z.unknown(), isConfigText);
  return stringify(mask(config, []), { lineWidth: 0, version: '1.1', aliasDuplicateObjects: false });
}

function mask(value: unknown, path: readonly string[]): unknown {
  if (Array.isArray(value)) return value.map((item) => mask(item, path));
  if (typeof value === 'string') return value.replace(/^([a-z][a-z0-9+.-]*:\/\/[^/?#@:]*:)[^/?#@]*@/i, '$1xxxxx@');
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]: [string, unknown]) => [
      key,
      isSecret(key, path) ? hidden(item) : mask(item, [...path, key]),
    ]),
  );
}

/** A direct key of a kind's entry, or one that is a secret anywhere; a TLS key is one where it is given in place. */
function isSecret(key: string, path: readonly string[]): boolean {
  const parent = path[path.length - 1] ?? '';
  if (EVERYWHERE.has(key) || (key === 'key' && parent.endsWith('tls_config'))) return true;
  return Object.hasOwn(BY_CONFIGS, parent) && BY_CONFIGS[parent].includes(key);
}

function hidden(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(hidden);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, hidden(item)]));
  }
  return value === null || value === '' ? value : SECRET;
}
