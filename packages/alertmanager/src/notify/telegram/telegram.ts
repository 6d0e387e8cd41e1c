import { readFile } from 'node:fs/promises';
import { below, parseJsonObject } from '../api-url.ts';
import { NotifyFailure } from '../failure.ts';
import { categoryOf } from '../http.ts';
import { type HttpKind, type HttpMessage, omitEmpty } from '../http-integration.ts';
import { Secret } from '../secret-file.ts';
import { truncateCharacters } from '../truncate.ts';
import type { TelegramConfig } from './config.ts';

const MESSAGE_CHARACTERS_MAX = 4096;
/** HTML that is cut off is refused: better a message that says so. */
const TOO_LONG =
  'Alertmanager notification could not be sent: message length exceeds Telegram limits.\n\t\t\tPlease check the template used for producing the message content.';

type TelegramMessage = HttpMessage<TelegramConfig, 'token' | 'chat'>;

export const telegram: HttpKind<TelegramConfig, 'token' | 'chat'> = {
  kind: 'telegram',
  retryCodes: 'all',
  secrets: (config) => ({
    token: Secret.of(config.bot_token, config.bot_token_file),
    chat: Secret.of(undefined, config.chat_id_file),
  }),
  isHtml: ({ parse_mode }) => parse_mode === 'HTML',
  async send(message) {
    const { config } = message;
    // the API takes every parameter as text
    const body = {
      chat_id: await chatId(message),
      text: messageText(message),
      disable_web_page_preview: 'true',
      ...omitEmpty({
        disable_notification: config.disable_notifications ? 'true' : '',
        parse_mode: config.parse_mode,
        message_thread_id: config.message_thread_id === 0 ? '' : String(config.message_thread_id),
      }),
    };
    const url = below(config.api_url, `bot${await message.secret('token')}/sendMessage`);
    const answer = await message.post(url, body, { needsBody: true }).catch(asTelegram);
    const result = parseJsonObject(answer.text);
    if (result?.ok !== false) return;
    const code = Number(result.error_code ?? 0);
    const reason = `telegram: ${String(result.description ?? '')} (${code})`;
    throw message.exchange.failure(reason, true, categoryOf(code));
  },
};

function messageText({ config, text, html }: TelegramMessage): string {
  if (config.parse_mode !== 'HTML') return truncateCharacters(text(config.message), MESSAGE_CHARACTERS_MAX);
  const written = html(config.message);
  return [...written].length > MESSAGE_CHARACTERS_MAX ? TOO_LONG : written;
}

/** Group chats have negative numbers; a text from the file must be one all the same. */
async function chatId({ config }: TelegramMessage): Promise<string> {
  if (config.chat_id_file === '') return String(config.chat_id);
  const text = (await readFile(config.chat_id_file, 'utf8')).trim();
  if (/^-?\d+$/.test(text)) return text;
  throw new Error(
    `could not parse chat_id from ${config.chat_id_file}: parsing ${JSON.stringify(text)}: invalid syntax`,
  );
}

/** Telegram says what is wrong in JSON, and in it how long to wait. */
function asTelegram(error: unknown): never {
  if (!(error instanceof NotifyFailure)) throw error;
  const { outcome } = error;
  const [, status, json = ''] = /^unexpected status code (\d+): (.*)$/s.exec(outcome.reason) ?? [];
  const answer = status === undefined ? null : parseJsonObject(json);
  if (!answer) throw error;
  const { retry_after: seconds } = (answer.parameters ?? {}) as { readonly retry_after?: number };
  throw new NotifyFailure({
    ...outcome,
    reason: `telegram: ${String(answer.description ?? '')} (${String(answer.error_code ?? status)})`,
    ...(typeof seconds === 'number' ? { retryAfterMs: seconds * 1000 } : {}),
  });
}
