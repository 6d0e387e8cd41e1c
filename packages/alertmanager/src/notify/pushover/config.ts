import { z } from 'zod';
import type { GlobalConfig } from '../../config/global.ts';
import { firstProblem, flag, goDuration, notifierFields, text } from '../../config/values.ts';

export const pushoverSchema = z
  .strictObject({
    ...notifierFields(true),
    user_key: text(),
    user_key_file: text(),
    token: text(),
    token_file: text(),
    title: text('{{ template "pushover.default.title" . }}'),
    message: text('{{ template "pushover.default.message" . }}'),
    url: text('{{ template "pushover.default.url" . }}'),
    url_title: text(),
    device: text(),
    sound: text(),
    priority: text('{{ if eq .Status "firing" }}2{{ else }}0{{ end }}'),
    /** Milliseconds. */
    retry: goDuration(60_000),
    expire: goDuration(3_600_000),
    ttl: goDuration(),
    html: flag(),
    monospace: flag(),
  })
  .superRefine((config, context) => {
    const { user_key, user_key_file, token, token_file, html, monospace } = config;
    firstProblem(
      context,
      [user_key === '' && user_key_file === '', 'one of user_key or user_key_file must be configured'],
      [user_key !== '' && user_key_file !== '', 'at most one of user_key & user_key_file must be configured'],
      [token === '' && token_file === '', 'one of token or token_file must be configured'],
      [token !== '' && token_file !== '', 'at most one of token & token_file must be configured'],
      [html && monospace, 'at most one of monospace & html must be configured'],
    );
  });

export type PushoverConfig = z.output<typeof pushoverSchema>;

export function completePushover(config: PushoverConfig, { http_config }: GlobalConfig): PushoverConfig {
  return { ...config, http_config: config.http_config ?? http_config };
}
