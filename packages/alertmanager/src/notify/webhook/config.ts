import { z } from 'zod';
import type { GlobalConfig } from '../../config/global.ts';
import { templatedUrl } from '../../config/templated.ts';
import { count, firstProblem, goDuration, notifierFields, text } from '../../config/values.ts';

export const webhookSchema = z
  .strictObject({
    ...notifierFields(true),
    /** May be a template. */
    url: templatedUrl,
    url_file: text(),
    /** 0: all of them. */
    max_alerts: count(),
    /** Milliseconds; 0: the group's own deadline. */
    timeout: goDuration(),
    /** Takes the place of the message; every text in it is a template. */
    payload: z.unknown().optional(),
  })
  .superRefine(({ url, url_file }, context) => {
    firstProblem(
      context,
      [url === '' && url_file === '', 'one of url or url_file must be configured'],
      [url !== '' && url_file !== '', 'at most one of url & url_file must be configured'],
    );
  });

export type WebhookConfig = z.output<typeof webhookSchema>;

export function completeWebhook(config: WebhookConfig, { http_config }: GlobalConfig): WebhookConfig {
  return { ...config, http_config: config.http_config ?? http_config };
}
