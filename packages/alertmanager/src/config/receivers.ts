import { durationMs, orEmpty, scalarString, unsupported } from '@avalanche/yamlfile';
import { z } from 'zod';
import { httpConfig, httpUrl, tlsConfig } from './values.ts';

const OTHER_KINDS = [
  ...['discord', 'incidentio', 'jira', 'mattermost', 'msteams', 'msteamsv2', 'opsgenie', 'pagerduty', 'pushover'],
  ...['rocketchat', 'sns', 'telegram', 'victorops', 'webex', 'wechat'],
].map((kind) => `${kind}_configs`);

export const webhookSchema = z
  .strictObject({
    send_resolved: z.boolean().default(true),
    url: httpUrl.optional(),
    url_file: z.string().optional(),
    http_config: httpConfig.optional(),
    /** 0: all of them. */
    max_alerts: z.number().int().min(0).default(0),
    /** 0: the group's own deadline. */
    timeout: durationMs.default(0),
    ...unsupported('payload'),
  })
  .superRefine(({ url, url_file }, context) => {
    if (url === undefined && url_file === undefined) issue(context, 'one of url or url_file must be configured');
    if (url !== undefined && url_file !== undefined) issue(context, 'at most one of url & url_file must be configured');
  });

export type WebhookConfig = z.output<typeof webhookSchema>;

const slackField = z.strictObject({
  title: z.string().min(1),
  value: z.string().min(1),
  short: z.boolean().optional(),
});

const slackAction = z.strictObject({
  type: z.string().min(1),
  text: z.string().min(1),
  url: z.string().optional(),
  style: z.string().optional(),
  name: z.string().optional(),
  value: z.string().optional(),
  ...unsupported('confirm'),
});

export const slackSchema = z
  .strictObject({
    send_resolved: z.boolean().default(false),
    http_config: httpConfig.optional(),
    api_url: httpUrl.optional(),
    api_url_file: z.string().optional(),
    channel: z.string().default(''),
    username: z.string().default('{{ template "slack.default.username" . }}'),
    color: z.string().default('{{ template "slack.default.color" . }}'),
    title: z.string().default('{{ template "slack.default.title" . }}'),
    title_link: z.string().default('{{ template "slack.default.titlelink" . }}'),
    pretext: z.string().default('{{ template "slack.default.pretext" . }}'),
    text: z.string().default('{{ template "slack.default.text" . }}'),
    fields: z.array(slackField).default([]),
    short_fields: z.boolean().default(false),
    footer: z.string().default('{{ template "slack.default.footer" . }}'),
    fallback: z.string().default('{{ template "slack.default.fallback" . }}'),
    callback_id: z.string().default('{{ template "slack.default.callbackid" . }}'),
    icon_emoji: z.string().default('{{ template "slack.default.iconemoji" . }}'),
    icon_url: z.string().default('{{ template "slack.default.iconurl" . }}'),
    image_url: z.string().default(''),
    thumb_url: z.string().default(''),
    link_names: z.boolean().default(false),
    mrkdwn_in: z.array(z.string()).default(['fallback', 'pretext', 'text']),
    actions: z.array(slackAction).default([]),
    /** 0: the group's own deadline. */
    timeout: durationMs.default(0),
    ...unsupported('app_token', 'app_token_file', 'app_url', 'message_text', 'update_message'),
  })
  .superRefine(({ api_url, api_url_file }, context) => {
    if (api_url !== undefined && api_url_file !== undefined) {
      issue(context, 'at most one of api_url & api_url_file must be configured');
    }
  });

export type SlackConfig = z.output<typeof slackSchema>;

export const emailSchema = z
  .strictObject({
    send_resolved: z.boolean().default(false),
    to: z.string().min(1, 'missing to address in email config'),
    from: z.string().optional(),
    hello: z.string().optional(),
    smarthost: z.string().optional(),
    auth_username: scalarString.optional(),
    auth_password: scalarString.optional(),
    auth_password_file: z.string().optional(),
    auth_secret: scalarString.optional(),
    auth_identity: z.string().optional(),
    ...unsupported('auth_secret_file', 'force_implicit_tls', 'implicit_tls', 'threading'),
    headers: z.record(z.string(), z.string()).default({}),
    html: z.string().default('{{ template "email.default.html" . }}'),
    text: z.string().default('{{ template "email.default.text" . }}'),
    require_tls: z.boolean().optional(),
    tls_config: tlsConfig.optional(),
  })
  .superRefine(({ headers, auth_password, auth_password_file }, context) => {
    const names = Object.keys(headers).map((name) => name.toLowerCase());
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice) issue(context, `duplicate header ${JSON.stringify(twice)} in email config`, ['headers']);
    if (auth_password !== undefined && auth_password_file !== undefined) {
      issue(context, 'at most one of auth_password & auth_password_file must be configured');
    }
  });

export type EmailConfig = z.output<typeof emailSchema>;

export const receiverSchema = z.strictObject({
  name: scalarString.refine((name) => name !== '', { message: 'missing name in receiver' }),
  webhook_configs: orEmpty(z.array(webhookSchema).default([])),
  slack_configs: orEmpty(z.array(slackSchema).default([])),
  email_configs: orEmpty(z.array(emailSchema).default([])),
  ...unsupported(...OTHER_KINDS),
});

export type ReceiverConfig = z.output<typeof receiverSchema>;

function issue(context: z.RefinementCtx, message: string, path: PropertyKey[] = []): void {
  context.addIssue({ code: 'custom', message, path });
}
