import { parseJsonObject } from '../api-url.ts';
import { NotifyFailure } from '../failure.ts';
import { type HttpKind, type HttpMessage, omitEmpty } from '../http-integration.ts';
import { encodePayload, expandPayload } from '../payload.ts';
import { Secret } from '../secret-file.ts';
import { truncateCharacters } from '../truncate.ts';
import type { PagerdutyConfig } from './config.ts';

const EVENT_BYTES_MAX = 512_000;
const SUMMARY_CHARACTERS_MAX = 1024;
const TOO_LONG = {
  error: 'Custom details have been removed because the original event exceeds the maximum size of 512KB',
};
/** Of the events API v1, which a service key belongs to; it cannot be configured. */
const V1_URL = 'https://events.pagerduty.com/generic/2010-04-15/create_event.json';

type Details = Readonly<Record<string, unknown>>;
type PagerdutyMessage = HttpMessage<PagerdutyConfig, 'serviceKey' | 'routingKey'>;

function isV1({ service_key, service_key_file }: PagerdutyConfig): boolean {
  return service_key !== '' || service_key_file !== '';
}

/** The service for one entry: v1 says by 403 that there were too many events, v2 by 429. */
export function pagerduty(config: PagerdutyConfig): HttpKind<PagerdutyConfig, 'serviceKey' | 'routingKey'> {
  return {
    kind: 'pagerduty',
    secrets: ({ service_key, service_key_file, routing_key, routing_key_file }) => ({
      serviceKey: Secret.of(service_key, service_key_file),
      routingKey: isV1(config) ? undefined : Secret.of(routing_key, routing_key_file),
    }),
    timeoutMs: ({ timeout }) => timeout,
    retryCodes: isV1(config) ? [403] : [429],
    details: errorDetails,
    async send(message) {
      const details = expandPayload(config.details, message.text) as Details;
      const key = message.text(await message.secret(isV1(config) ? 'serviceKey' : 'routingKey'));
      if (key === '') {
        const reason = `${isV1(config) ? 'service' : 'routing'} key cannot be empty`;
        throw new NotifyFailure({ kind: 'failed', reason, retry: false, category: 'other' });
      }
      message.hide(key);
      const event = (shown: Details) => encodePayload((isV1(config) ? eventV1 : eventV2)(message, key, shown));
      const whole = event(details);
      const body = Buffer.byteLength(whole) < EVENT_BYTES_MAX ? whole : event(TOO_LONG);
      await message.post(isV1(config) ? V1_URL : config.url, body);
    },
  };
}

function eventV1({ config, status, text, groupHash }: PagerdutyMessage, key: string, details: Details) {
  const isTrigger = status === 'firing';
  return {
    service_key: key,
    incident_key: groupHash,
    event_type: isTrigger ? 'trigger' : 'resolve',
    description: truncateCharacters(text(config.description), SUMMARY_CHARACTERS_MAX),
    event_action: '',
    payload: null,
    ...(isTrigger ? omitEmpty({ client: text(config.client), client_url: text(config.client_url) }) : {}),
    details,
  };
}

function eventV2({ config, status, text, groupHash }: PagerdutyMessage, key: string, details: Details) {
  const payload = {
    summary: truncateCharacters(text(config.description), SUMMARY_CHARACTERS_MAX),
    source: text(config.source),
    severity: text(config.severity || 'error'),
    ...omitEmpty({ class: text(config.class), component: text(config.component), group: text(config.group) }),
    custom_details: details,
  };
  const images = config.images.map(({ src, alt, href }) => ({ src: text(src), alt: text(alt), href: text(href) }));
  const links = config.links.map(({ href, text: name }) => ({ href: text(href), text: text(name) }));
  return {
    routing_key: key,
    dedup_key: groupHash,
    event_action: status === 'firing' ? 'trigger' : 'resolve',
    payload,
    ...omitEmpty({
      client: text(config.client),
      client_url: text(config.client_url),
      images: images.filter(({ src }) => src !== ''),
      links: links.filter(({ href }) => href !== ''),
    }),
  };
}

/** Only a bad request says in its answer what is wrong. */
function errorDetails(status: number, body: string): string {
  const answer = status === 400 ? parseJsonObject(body) : null;
  if (!answer) return '';
  const errors = Array.isArray(answer.errors) ? answer.errors.join(',') : '';
  return `${String(answer.message ?? '')}: ${errors}`;
}
