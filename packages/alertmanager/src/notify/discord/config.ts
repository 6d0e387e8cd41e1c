import { z } from 'zod';
import type { GlobalConfig } from '../../config/global.ts';
import { firstProblem, notifierFields, secretUrl, text } from '../../config/values.ts';

export const discordSchema = z
  .strictObject({
    ...notifierFields(true),
    webhook_url: secretUrl,
    webhook_url_file: text(),
    content: text(),
    title: text('{{ template "discord.default.title" . }}'),
    message: text('{{ template "discord.default.message" . }}'),
    username: text(),
    avatar_url: text(),
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

export type DiscordConfig = z.output<typeof discordSchema>;

export function completeDiscord(config: DiscordConfig, { http_config }: GlobalConfig): DiscordConfig {
  return { ...config, http_config: config.http_config ?? http_config };
}
