import { z } from 'zod';
import type { GlobalConfig } from '../../config/global.ts';
import { firstProblem, notifierFields, secretUrl, text } from '../../config/values.ts';

export const msteamsSchema = z
  .strictObject({
    ...notifierFields(true),
    webhook_url: secretUrl,
    webhook_url_file: text(),
    title: text('{{ template "msteams.default.title" . }}'),
    summary: text('{{ template "msteams.default.summary" . }}'),
    text: text('{{ template "msteams.default.text" . }}'),
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

export type MsteamsConfig = z.output<typeof msteamsSchema>;

export function completeMsteams(config: MsteamsConfig, { http_config }: GlobalConfig): MsteamsConfig {
  return { ...config, http_config: config.http_config ?? http_config };
}
