import { checkHttpClient, httpClientFields } from '@avalanche/web';
import { durationMs, scalarString, unsupported } from '@avalanche/yamlfile';
import { z } from 'zod';
import { relabelConfigs } from './relabel.ts';
import { textMap } from './values.ts';

/** Headers that the protocol sets itself. */
const RESERVED = new Set([
  ...['host', 'content-encoding', 'content-length', 'content-type', 'user-agent', 'connection', 'keep-alive'],
  ...['proxy-authenticate', 'proxy-authorization', 'www-authenticate', 'accept-encoding'],
  ...['x-prometheus-remote-write-version', 'x-prometheus-remote-read-version'],
  ...['x-amz-date', 'x-amz-security-token', 'x-amz-content-sha256'],
]);

const headers = textMap.default({}).superRefine((given, context) => {
  for (const name of Object.keys(given)) {
    if (name.toLowerCase() === 'authorization') {
      const message =
        'authorization header must be changed via the basic_auth, authorization, oauth2, sigv4, azuread or google_iam parameter';
      context.addIssue({ code: 'custom', message });
    } else if (RESERVED.has(name.toLowerCase())) {
      context.addIssue({
        code: 'custom',
        message: `${name} is a reserved header. It must not be changed`,
        path: [name],
      });
    }
  }
});

/** @param what names the section in the message */
const url = (what: string) =>
  scalarString.optional().transform((text, context) => {
    // Without a scheme it is a URL in Go, and fails when it is asked.
    if (text !== undefined && (URL.canParse(text) || !text.includes(':'))) return text;
    const message = text === undefined ? `url for ${what} is empty` : `parse ${JSON.stringify(text)}: invalid URL`;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });

const PROTOBUF_MESSAGES = ['prometheus.WriteRequest', 'io.prometheus.write.v2.Request'] as const;

const protobufMessage = scalarString.transform((text, context): (typeof PROTOBUF_MESSAGES)[number] => {
  const known = PROTOBUF_MESSAGES.find((name) => name === text);
  if (known) return known;
  const message = `invalid protobuf_message value: unknown type for remote write protobuf message ${text}, supported: ${PROTOBUF_MESSAGES.join(', ')}`;
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

const whole = z.number().int();

const queueConfig = z
  .strictObject({
    capacity: whole.default(10_000),
    max_shards: whole.default(50),
    min_shards: whole.default(1),
    max_samples_per_send: whole.default(2000),
    batch_send_deadline: durationMs.default(5000),
    min_backoff: durationMs.default(30),
    max_backoff: durationMs.default(5000),
    retry_on_http_429: z.boolean().default(false),
    sample_age_limit: durationMs.default(0),
  })
  .superRefine((queue, context) => {
    const problem = queueProblem(queue);
    if (problem) context.addIssue({ code: 'custom', message: `remote write queue ${problem}` });
  });

type QueueNumbers = Record<
  'capacity' | 'max_shards' | 'min_shards' | 'max_samples_per_send' | 'min_backoff' | 'max_backoff',
  number
>;

function queueProblem(queue: QueueNumbers): string | null {
  if (queue.max_shards <= 0) return 'max_shards must be positive';
  if (queue.min_shards <= 0) return 'min_shards must be positive';
  if (queue.min_shards > queue.max_shards) return 'min_shards must not be greater than max_shards';
  if (queue.max_samples_per_send <= 0) return 'max_samples_per_send must be positive';
  if (queue.capacity <= 0) return 'capacity must be positive';
  if (queue.max_backoff < queue.min_backoff) return 'max_backoff must not be less than min_backoff';
  return null;
}

const metadataConfig = z.strictObject({
  send: z.boolean().default(true),
  send_interval: durationMs.default(60_000),
  max_samples_per_send: whole.default(2000),
});

export const remoteWriteConfig = z
  .strictObject({
    url: url('remote_write'),
    remote_timeout: durationMs.default(30_000),
    headers,
    write_relabel_configs: relabelConfigs('empty or null relabeling rule in remote write config'),
    name: scalarString.default(''),
    send_exemplars: z.boolean().default(false),
    send_native_histograms: z.boolean().default(false),
    round_robin_dns: z.boolean().default(false),
    protobuf_message: protobufMessage.default('prometheus.WriteRequest'),
    failed_request_logging: z.boolean().default(false),
    ...httpClientFields,
    enable_http2: z.boolean().default(false),
    queue_config: queueConfig.prefault({}),
    metadata_config: metadataConfig.prefault({}),
    ...unsupported('sigv4', 'azuread', 'google_iam'),
  })
  .superRefine(checkHttpClient);

export const remoteReadConfig = z
  .strictObject({
    url: url('remote_read'),
    remote_timeout: durationMs.default(60_000),
    chunked_read_limit: whole.min(0).default(50_000_000),
    headers,
    read_recent: z.boolean().default(false),
    name: scalarString.default(''),
    ...httpClientFields,
    required_matchers: textMap.default({}),
    filter_external_labels: z.boolean().default(true),
  })
  .superRefine(checkHttpClient);

const STRATEGIES = [
  ...(['UnderscoreEscapingWithSuffixes', 'UnderscoreEscapingWithoutSuffixes'] as const),
  ...(['NoUTF8EscapingWithSuffixes', 'NoTranslation'] as const),
] as const;

const strategy = scalarString.transform((text, context): (typeof STRATEGIES)[number] | '' => {
  const known = text === '' ? '' : STRATEGIES.find((name) => name === text);
  if (known !== undefined) return known;
  context.addIssue({ code: 'custom', message: `unsupported OTLP translation strategy ${JSON.stringify(text)}` });
  return z.NEVER;
});

const attributes = z.array(scalarString.transform((text) => text.trim())).default([]);

export const otlpConfig = z
  .strictObject({
    promote_all_resource_attributes: z.boolean().default(false),
    promote_resource_attributes: attributes,
    ignore_resource_attributes: attributes,
    translation_strategy: strategy.default('UnderscoreEscapingWithSuffixes'),
    keep_identifying_resource_attributes: z.boolean().default(false),
    convert_histograms_to_nhcb: z.boolean().default(false),
    promote_scope_metadata: z.boolean().default(false),
    label_name_underscore_sanitization: z.boolean().default(true),
    label_name_preserve_multiple_underscores: z.boolean().default(true),
  })
  .superRefine((otlp, context) => {
    const problem = otlpProblem(otlp);
    if (problem) context.addIssue({ code: 'custom', message: problem });
  });

function otlpProblem(otlp: {
  readonly promote_all_resource_attributes: boolean;
  readonly promote_resource_attributes: readonly string[];
  readonly ignore_resource_attributes: readonly string[];
}): string | null {
  const { promote_resource_attributes: promoted, ignore_resource_attributes: ignored } = otlp;
  if (otlp.promote_all_resource_attributes) {
    if (promoted.length > 0) {
      return "'promote_all_resource_attributes' and 'promote_resource_attributes' cannot be configured simultaneously";
    }
    const problem = attributesProblem(ignored, 'ignored');
    return problem && `invalid 'ignore_resource_attributes': ${problem}`;
  }
  if (ignored.length > 0) {
    return "'ignore_resource_attributes' cannot be configured unless 'promote_all_resource_attributes' is true";
  }
  const problem = attributesProblem(promoted, 'promoted');
  return problem && `invalid 'promote_resource_attributes': ${problem}`;
}

function attributesProblem(names: readonly string[], adjective: string): string {
  const told = names.flatMap((name, i) => {
    if (name === '') return [`empty ${adjective} OTel resource attribute`];
    if (names.indexOf(name) < i) return [`duplicated ${adjective} OTel resource attribute ${JSON.stringify(name)}`];
    return [];
  });
  return told.join('\n');
}
