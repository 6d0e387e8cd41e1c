import { parse, stringify } from 'yaml';

const SECRETS = new Set([
  ...['smtp_auth_password', 'smtp_auth_secret', 'slack_api_url', 'auth_password', 'auth_secret', 'api_url'],
  ...['password', 'credentials', 'bearer_token'],
]);

/** The file's YAML with every secret as `<secret>`, as upstream's status shows it; a webhook's URL is one. */
export function maskSecrets(text: string): string {
  return stringify(mask(parse(text, { version: '1.1', merge: true }) ?? {}, false), { lineWidth: 0 });
}

function mask(value: unknown, inWebhook: boolean): unknown {
  if (Array.isArray(value)) return value.map((item) => mask(item, inWebhook));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]: [string, unknown]) => {
      const secret = SECRETS.has(key) || (inWebhook && key === 'url');
      if (secret && typeof item !== 'object') return [key, '<secret>'];
      return [key, mask(item, key === 'webhook_configs')];
    }),
  );
}
