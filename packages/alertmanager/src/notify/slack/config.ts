import { httpClientSchema } from '@avalanche/web';
import { z } from 'zod';
import type { GlobalConfig } from '../../config/global.ts';
import {
  firstProblem,
  flag,
  goDuration,
  list,
  notifierFields,
  optional,
  optionalFlag,
  secretUrl,
  text,
  url,
} from '../../config/values.ts';

const field = z
  .strictObject({ title: text(), value: text(), short: optionalFlag })
  .superRefine(({ title, value }, context) => {
    firstProblem(
      context,
      [title === '', 'missing title in Slack field configuration'],
      [value === '', 'missing value in Slack field configuration'],
    );
  });

const confirmation = z
  .strictObject({ text: text(), title: text(), ok_text: text(), dismiss_text: text() })
  .superRefine((config, context) => {
    firstProblem(context, [config.text === '', 'missing text in Slack confirmation configuration']);
  });

const action = z
  .strictObject({
    type: text(),
    text: text(),
    url: text(),
    style: text(),
    name: text(),
    value: text(),
    confirm: optional(confirmation),
  })
  .superRefine((config, context) => {
    firstProblem(
      context,
      [config.type === '', 'missing type in Slack action configuration'],
      [config.text === '', 'missing text in Slack action configuration'],
      [config.url === '' && config.name === '', 'missing name or url in Slack action configuration'],
    );
  })
  .transform((config) => (config.url === '' ? config : { ...config, name: '', value: '', confirm: undefined }));

/** Where an app's messages are posted; only there can they be edited later. */
export const SLACK_POST_MESSAGE = 'https://slack.com/api/chat.postMessage';

export const slackSchema = z
  .strictObject({
    ...notifierFields(false),
    api_url: secretUrl,
    api_url_file: text(),
    app_token: text(),
    app_token_file: text(),
    app_url: url,
    channel: text(),
    username: text('{{ template "slack.default.username" . }}'),
    color: text('{{ template "slack.default.color" . }}'),
    title: text('{{ template "slack.default.title" . }}'),
    title_link: text('{{ template "slack.default.titlelink" . }}'),
    pretext: text('{{ template "slack.default.pretext" . }}'),
    text: text('{{ template "slack.default.text" . }}'),
    /** The text beside the attachment. */
    message_text: text(),
    fields: list(field),
    short_fields: flag(),
    footer: text('{{ template "slack.default.footer" . }}'),
    fallback: text('{{ template "slack.default.fallback" . }}'),
    callback_id: text('{{ template "slack.default.callbackid" . }}'),
    icon_emoji: text('{{ template "slack.default.iconemoji" . }}'),
    icon_url: text('{{ template "slack.default.iconurl" . }}'),
    image_url: text(),
    thumb_url: text(),
    link_names: flag(),
    mrkdwn_in: list(text()),
    actions: list(action),
    /** Whether a group's message is edited rather than followed by another. */
    update_message: flag(),
    /** Milliseconds; 0: the group's own deadline. */
    timeout: goDuration(),
  })
  .superRefine((config, context) => {
    const hasUrl = config.api_url !== '' || config.api_url_file !== '';
    const hasToken = config.app_token !== '' || config.app_token_file !== '';
    firstProblem(
      context,
      [config.api_url !== '' && config.api_url_file !== '', 'at most one of api_url & api_url_file must be configured'],
      [
        config.app_token !== '' && config.app_token_file !== '',
        'at most one of app_token & app_token_file must be configured',
      ],
      [hasUrl && hasToken, 'at most one of api_url/api_url_file & app_token/app_token_file must be configured'],
      [
        config.update_message && config.api_url !== SLACK_POST_MESSAGE,
        `update_message can only be used with bot tokens. api_url must be set to ${SLACK_POST_MESSAGE}`,
      ],
    );
  });

export type SlackConfig = z.output<typeof slackSchema>;

/** @throws Error where neither says how to reach Slack */
export function completeSlack(config: SlackConfig, global: GlobalConfig): SlackConfig {
  const ownToken = config.app_token !== '' || config.app_token_file !== '';
  const takesToken = !ownToken && !config.http_config?.authorization && config.api_url === '';
  const token = takesToken ? global.slack_app_token : config.app_token;
  const tokenFile = takesToken ? global.slack_app_token_file : config.app_token_file;
  const hasUrl = config.api_url !== '' || config.api_url_file !== '';
  const complete = {
    ...config,
    app_url: config.app_url || global.slack_app_url,
    app_token: token,
    app_token_file: tokenFile,
    api_url: hasUrl ? config.api_url : global.slack_api_url,
    api_url_file: hasUrl ? config.api_url_file : global.slack_api_url_file,
    http_config: config.http_config ?? global.http_config,
  };
  if (complete.api_url === '' && complete.api_url_file === '' && token === '' && tokenFile === '') {
    throw new Error('no Slack API URL nor App token set either inline or in a file');
  }
  if (token === '' && tokenFile === '') return complete;
  if (complete.http_config?.authorization) {
    throw new Error("http authorization can't be set when using Slack App tokens");
  }
  const authorization = { type: 'Bearer', credentials: token, credentials_file: tokenFile };
  return {
    ...complete,
    api_url: complete.app_url,
    api_url_file: '',
    http_config: { ...(complete.http_config ?? httpClientSchema.parse({})), authorization },
  };
}
