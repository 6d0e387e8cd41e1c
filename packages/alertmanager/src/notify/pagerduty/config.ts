import { z } from 'zod';
import type { GlobalConfig } from '../../config/global.ts';
import { firstProblem, goDuration, list, notifierFields, text, url } from '../../config/values.ts';

const DETAILS = {
  firing: '{{ .Alerts.Firing | toJson }}',
  resolved: '{{ .Alerts.Resolved | toJson }}',
  num_firing: '{{ .Alerts.Firing | len }}',
  num_resolved: '{{ .Alerts.Resolved | len }}',
};

export const pagerdutySchema = z
  .strictObject({
    ...notifierFields(true),
    service_key: text(),
    service_key_file: text(),
    routing_key: text(),
    routing_key_file: text(),
    url,
    client: text('{{ template "pagerduty.default.client" . }}'),
    client_url: text('{{ template "pagerduty.default.clientURL" . }}'),
    description: text('{{ template "pagerduty.default.description" .}}'),
    /** Every text in it is a template. */
    details: z.preprocess((value) => value ?? {}, z.record(z.string(), z.unknown())),
    images: list(z.strictObject({ src: text(), alt: text(), href: text() })),
    links: list(z.strictObject({ href: text(), text: text() })),
    source: text(),
    severity: text(),
    class: text(),
    component: text(),
    group: text(),
    /** Milliseconds; 0: the group's own deadline. */
    timeout: goDuration(),
  })
  .superRefine((config, context) => {
    const { routing_key, routing_key_file, service_key, service_key_file } = config;
    firstProblem(
      context,
      [
        [routing_key, routing_key_file, service_key, service_key_file].every((key) => key === ''),
        'missing service or routing key in PagerDuty config',
      ],
      [
        routing_key !== '' && routing_key_file !== '',
        'at most one of routing_key & routing_key_file must be configured',
      ],
      [
        service_key !== '' && service_key_file !== '',
        'at most one of service_key & service_key_file must be configured',
      ],
    );
  })
  .transform((config) => ({
    ...config,
    source: config.source || config.client,
    details: { ...DETAILS, ...config.details },
  }));

export type PagerdutyConfig = z.output<typeof pagerdutySchema>;

export function completePagerduty(config: PagerdutyConfig, global: GlobalConfig): PagerdutyConfig {
  return { ...config, http_config: config.http_config ?? global.http_config, url: config.url || global.pagerduty_url };
}
