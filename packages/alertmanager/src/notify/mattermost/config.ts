import { z } from 'zod';
import type { GlobalConfig } from '../../config/global.ts';
import {
  firstProblem,
  flag,
  list,
  notifierFields,
  optional,
  optionalFlag,
  secretUrl,
  text,
} from '../../config/values.ts';

const field = z
  .strictObject({ title: text(), value: text(), short: optionalFlag })
  .superRefine(({ title, value }, context) => {
    firstProblem(
      context,
      [title === '', 'missing title in Mattermost field configuration'],
      [value === '', 'missing value in Mattermost field configuration'],
    );
  });

const attachment = z.strictObject({
  fallback: text(),
  color: text(),
  pretext: text(),
  text: text(),
  author_name: text(),
  author_link: text(),
  author_icon: text(),
  title: text(),
  title_link: text(),
  fields: list(field),
  thumb_url: text(),
  footer: text(),
  footer_icon: text(),
  image_url: text(),
});

export type MattermostAttachment = z.output<typeof attachment>;

export const mattermostSchema = z
  .strictObject({
    ...notifierFields(true),
    ...attachment.shape,
    webhook_url: secretUrl,
    webhook_url_file: text(),
    channel: text(),
    username: text('{{ template "mattermost.default.username" . }}'),
    text: text('{{ template "mattermost.default.text" . }}'),
    fallback: text('{{ template "mattermost.default.fallback" . }}'),
    color: text('{{ template "mattermost.default.color" . }}'),
    title: text('{{ template "mattermost.default.title" . }}'),
    title_link: text('{{ template "mattermost.default.titlelink" . }}'),
    icon_url: text(),
    icon_emoji: text(),
    attachments: list(attachment),
    type: text(),
    props: optional(z.strictObject({ card: text() })),
    priority: optional(z.strictObject({ priority: text(), requested_ack: flag(), persistent_notifications: flag() })),
  })
  .superRefine(({ webhook_url, webhook_url_file }, context) => {
    firstProblem(context, [
      webhook_url !== '' && webhook_url_file !== '',
      'at most one of webhook_url & webhook_url_file must be configured',
    ]);
  });

export type MattermostConfig = z.output<typeof mattermostSchema>;

/** @throws Error where neither has an address */
export function completeMattermost(config: MattermostConfig, global: GlobalConfig): MattermostConfig {
  const own = config.webhook_url !== '' || config.webhook_url_file !== '';
  const complete = {
    ...config,
    http_config: config.http_config ?? global.http_config,
    webhook_url: own ? config.webhook_url : global.mattermost_webhook_url,
    webhook_url_file: own ? config.webhook_url_file : global.mattermost_webhook_url_file,
  };
  if (complete.webhook_url === '' && complete.webhook_url_file === '') {
    throw new Error('missing webhook_url or webhook_url_file on mattermost_config');
  }
  return complete;
}
