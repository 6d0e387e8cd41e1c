import { z } from 'zod';
import type { GlobalConfig } from '../../config/global.ts';
import { firstProblem, notifierFields, text, url, withSlash } from '../../config/values.ts';

const TYPES = '^(text|markdown)$';

export const wechatSchema = z
  .strictObject({
    ...notifierFields(false),
    api_secret: text(),
    api_secret_file: text(),
    corp_id: text(),
    message: text('{{ template "wechat.default.message" . }}'),
    api_url: url,
    to_user: text('{{ template "wechat.default.to_user" . }}'),
    to_party: text('{{ template "wechat.default.to_party" . }}'),
    to_tag: text('{{ template "wechat.default.to_tag" . }}'),
    agent_id: text('{{ template "wechat.default.agent_id" . }}'),
    message_type: text().transform((type) => type || 'text'),
  })
  .superRefine(({ api_secret, api_secret_file, message_type }, context) => {
    firstProblem(
      context,
      [
        !new RegExp(TYPES).test(message_type),
        `weChat message type ${JSON.stringify(message_type)} does not match valid options ${TYPES}`,
      ],
      [api_secret !== '' && api_secret_file !== '', 'at most one of api_secret & api_secret_file must be configured'],
    );
  });

export type WechatConfig = z.output<typeof wechatSchema>;

/** @throws Error where neither has a secret or a corporation */
export function completeWechat(config: WechatConfig, global: GlobalConfig): WechatConfig {
  const own = config.api_secret !== '' || config.api_secret_file !== '';
  const complete = {
    ...config,
    http_config: config.http_config ?? global.http_config,
    api_url: withSlash(config.api_url || global.wechat_api_url),
    api_secret: own ? config.api_secret : global.wechat_api_secret,
    api_secret_file: own ? config.api_secret_file : global.wechat_api_secret_file,
    corp_id: config.corp_id || global.wechat_api_corp_id,
  };
  if (complete.api_secret === '' && complete.api_secret_file === '') {
    throw new Error('no global Wechat Api Secret set either inline or in a file');
  }
  if (complete.corp_id === '') throw new Error('no global Wechat CorpID set');
  return complete;
}
