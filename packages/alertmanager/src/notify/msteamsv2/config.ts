import { z } from 'zod';
import type { GlobalConfig } from '../../config/global.ts';
import { firstProblem, notifierFields, secretUrl, text } from '../../config/values.ts';

export const msteamsv2Schema = z
  .strictObject({
    ...notifierFields(true),
    webhook_url: secretUrl,
    webhook_url_file: text(),
    title: text('{{ template "msteamsv2.default.title" . }}'),
    text: text('{{ template "msteamsv2.default.text" . }}'),
  })
  .superRefine(({ webhook_url, webhook_url_file }, context) => {
    firstProblem(
      context,
      [webhook_url === '' && webhook_url_file === '', 'one of webhook_url or webhook_url_file must be configured'],
      [
        webhook_url !== '' && webhook_url_file !== '',
        'at most one of webhook_url & webhook_url_file must be configured',
      ],
    );
  });

export type Msteamsv2Config = z.output<typeof msteamsv2Schema>;

/** A receiver's own `http_config` still goes through the proxy of the global one, as upstream has it here alone. */
export function completeMsteamsv2(config: Msteamsv2Config, { http_config: global }: GlobalConfig): Msteamsv2Config {
  const own = config.http_config;
  if (!own) return { ...config, http_config: global };
  return { ...config, http_config: own.proxy_url ? own : { ...own, proxy_url: global?.proxy_url } };
}
