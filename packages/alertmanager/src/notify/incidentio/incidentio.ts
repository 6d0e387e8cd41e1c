import type { HttpKind } from '../http-integration.ts';
import { Secret } from '../secret-file.ts';
import { dataMessage } from '../webhook/message.ts';
import type { IncidentioConfig } from './config.ts';

/** What incident.io takes of a message. */
const BODY_BYTES_MAX = 512 * 1024;

export const incidentio: HttpKind<IncidentioConfig, 'url' | 'token'> = {
  kind: 'incidentio',
  secrets: (config) => ({
    url: Secret.of(config.url, config.url_file),
    token: Secret.of(config.alert_source_token, config.alert_source_token_file),
  }),
  timeoutMs: ({ timeout }) => timeout,
  details: errorDetails,
  async send(message) {
    const { config, notification } = message;
    const token = await message.secret('token');
    const whole = await dataMessage(notification, { version: '1', maxAlerts: config.max_alerts });
    const isTooBig = whole.length > BODY_BYTES_MAX;
    // one alert of the group is enough for an incident
    const body = isTooBig ? await dataMessage(notification, { version: '1', maxAlerts: 1 }) : whole;
    const headers = token === '' ? {} : { authorization: `Bearer ${token}` };
    await message.post(await message.secret('url'), body, { headers });
  },
};

function errorDetails(_status: number, body: string): string {
  try {
    const { message, error, errors } = JSON.parse(body) as Partial<Record<'message' | 'error', string>> & {
      readonly errors?: readonly string[];
    };
    return [message, error, errors?.join(', ')].filter(Boolean).join(': ');
  } catch {
    return '';
  }
}
