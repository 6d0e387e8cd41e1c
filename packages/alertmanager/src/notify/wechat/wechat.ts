import { below, parseJsonObject } from '../api-url.ts';
import { type HttpKind, type HttpMessage, omitEmpty } from '../http-integration.ts';
import { Secret } from '../secret-file.ts';
import type { WechatConfig } from './config.ts';

/** A token holds for so long. */
const TOKEN_MS = 2 * 3_600_000;
const TOKEN_EXPIRED = 42_001;

interface Token {
  readonly value: string;
  readonly until: number;
}

type WechatMessage = HttpMessage<WechatConfig, 'secret'>;

/** WeChat Work; an entry keeps its token, which is asked for with its secret. */
export function wechat(): HttpKind<WechatConfig, 'secret'> {
  let token: Token | undefined;
  return {
    kind: 'wechat',
    secrets: (config) => ({ secret: Secret.of(config.api_secret, config.api_secret_file) }),
    details: () => '',
    retryCodes: 'all',
    async send(message) {
      const { config, notification, exchange } = message;
      if (!token || token.until < notification.now) token = await fetchToken(message);
      message.hide(token.value);
      const url = below(config.api_url, 'message/send', { access_token: token.value });
      const answer = await message.post(url, wechatBody(message), { needsBody: true });
      const result = parseJsonObject(answer.text);
      if (!result) throw exchange.failure(`not JSON: ${answer.text.slice(0, 200)}`, true, 'other');
      const code = Number(result.errcode ?? 0);
      if (code === 0) return;
      if (code === TOKEN_EXPIRED) token = undefined;
      throw exchange.failure(String(result.errmsg ?? `error ${code}`), code === TOKEN_EXPIRED, 'other');
    },
  };
}

async function fetchToken(message: WechatMessage): Promise<Token> {
  const { config, text, notification, exchange } = message;
  const secret = text(await message.secret('secret'));
  message.hide(secret);
  const url = below(config.api_url, 'gettoken', { corpid: text(config.corp_id), corpsecret: secret });
  const answer = await exchange.request({ url, method: 'GET', needsBody: true, hidesAnswer: true });
  const { access_token: value } = parseJsonObject(answer.text) ?? {};
  if (typeof value === 'string' && value !== '') return { value, until: notification.now + TOKEN_MS };
  throw exchange.failure(`invalid APISecret for CorpID: ${config.corp_id}`, false, 'authError');
}

function wechatBody({ config, text }: WechatMessage) {
  const content = { content: text(config.message) };
  const empty = { content: '' };
  const isMarkdown = config.message_type === 'markdown';
  return {
    text: isMarkdown ? empty : content,
    ...omitEmpty({
      touser: text(config.to_user),
      toparty: text(config.to_party),
      totag: text(config.to_tag),
      agentid: text(config.agent_id),
    }),
    safe: '0',
    msgtype: config.message_type,
    markdown: isMarkdown ? content : empty,
  };
}
