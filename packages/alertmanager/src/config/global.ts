import { z } from 'zod';
import { smarthost } from './smarthost.ts';
import { duration, firstProblem, flag, httpConfig, optionalFlag, secretUrl, text, tlsConfig, url } from './values.ts';

function address(fallback: string) {
  return z.preprocess((value) => value ?? fallback, url);
}

const fields = z.strictObject({
  resolve_timeout: duration(5 * 60_000),
  http_config: httpConfig,
  smtp_from: text(),
  smtp_hello: text('localhost'),
  smtp_smarthost: smarthost,
  smtp_auth_username: text(),
  smtp_auth_password: text(),
  smtp_auth_password_file: text(),
  smtp_auth_secret: text(),
  smtp_auth_secret_file: text(),
  smtp_auth_identity: text(),
  smtp_require_tls: flag(true),
  smtp_tls_config: tlsConfig,
  smtp_force_implicit_tls: optionalFlag,
  slack_api_url: secretUrl,
  slack_api_url_file: text(),
  slack_app_token: text(),
  slack_app_token_file: text(),
  slack_app_url: address('https://slack.com/api/chat.postMessage'),
  jira_api_url: url,
  pagerduty_url: address('https://events.pagerduty.com/v2/enqueue'),
  opsgenie_api_url: address('https://api.opsgenie.com/'),
  opsgenie_api_key: text(),
  opsgenie_api_key_file: text(),
  wechat_api_url: address('https://qyapi.weixin.qq.com/cgi-bin/'),
  wechat_api_secret: text(),
  wechat_api_secret_file: text(),
  wechat_api_corp_id: text(),
  victorops_api_url: address('https://alert.victorops.com/integrations/generic/20131114/alert/'),
  victorops_api_key: text(),
  victorops_api_key_file: text(),
  telegram_api_url: address('https://api.telegram.org'),
  telegram_bot_token: text(),
  telegram_bot_token_file: text(),
  webex_api_url: address('https://webexapis.com/v1/messages'),
  rocketchat_api_url: address('https://open.rocket.chat/'),
  rocketchat_token: text(),
  rocketchat_token_file: text(),
  rocketchat_token_id: text(),
  rocketchat_token_id_file: text(),
  mattermost_webhook_url: secretUrl,
  mattermost_webhook_url_file: text(),
});

type Fields = z.output<typeof fields>;

/** What is given in place or by a file, never both; in upstream's order of checks. */
const EITHER: readonly (keyof Fields)[] = [
  ...(['slack_app_token', 'slack_api_url', 'opsgenie_api_key', 'victorops_api_key', 'telegram_bot_token'] as const),
  ...([
    'smtp_auth_password',
    'rocketchat_token',
    'rocketchat_token_id',
    'smtp_auth_secret',
    'wechat_api_secret',
  ] as const),
  'mattermost_webhook_url',
];

/** `global:`, with upstream's defaults. Durations are milliseconds; '' is what is not given. */
export const globalSchema = fields.superRefine((global, context) => {
  const hasApp = global.slack_app_token !== '' || global.slack_app_token_file !== '';
  const hasUrl = global.slack_api_url !== '' || global.slack_api_url_file !== '';
  firstProblem(
    context,
    ...EITHER.map((key) => {
      const file = `${key}_file` as keyof Fields;
      return [global[key] !== '' && global[file] !== '', `at most one of ${key} & ${file} must be configured`] as const;
    }),
    [
      // with the app's own address as `slack_api_url`, tokens were given by `http_config` before there were app tokens
      hasApp && hasUrl && global.slack_api_url !== global.slack_app_url,
      'at most one of slack_app_token/slack_app_token_file & slack_api_url/slack_api_url_file must be configured',
    ],
  );
});

export type GlobalConfig = Fields;
