import { z } from 'zod';
import type { GlobalConfig } from '../../config/global.ts';
import { firstProblem, flag, integer, notifierFields, text, url } from '../../config/values.ts';

export const telegramSchema = z
  .strictObject({
    ...notifierFields(true),
    api_url: url,
    bot_token: text(),
    bot_token_file: text(),
    chat_id: integer(),
    chat_id_file: text(),
    message_thread_id: integer(),
    message: text('{{ template "telegram.default.message" . }}'),
    disable_notifications: flag(),
    parse_mode: text('HTML'),
  })
  .superRefine((config, context) => {
    const { bot_token, bot_token_file, chat_id, chat_id_file, parse_mode } = config;
    firstProblem(
      context,
      [bot_token !== '' && bot_token_file !== '', 'at most one of bot_token & bot_token_file must be configured'],
      [chat_id === 0 && chat_id_file === '', 'missing chat_id or chat_id_file on telegram_config'],
      [chat_id !== 0 && chat_id_file !== '', 'at most one of chat_id & chat_id_file must be configured'],
      [
        !['', 'Markdown', 'MarkdownV2', 'HTML'].includes(parse_mode),
        'unknown parse_mode on telegram_config, must be Markdown, MarkdownV2, HTML or empty string',
      ],
    );
  });

export type TelegramConfig = z.output<typeof telegramSchema>;

/** @throws Error where neither has a token */
export function completeTelegram(config: TelegramConfig, global: GlobalConfig): TelegramConfig {
  const own = config.bot_token !== '' || config.bot_token_file !== '';
  const complete = {
    ...config,
    http_config: config.http_config ?? global.http_config,
    api_url: config.api_url || global.telegram_api_url,
    bot_token: own ? config.bot_token : global.telegram_bot_token,
    bot_token_file: own ? config.bot_token_file : global.telegram_bot_token_file,
  };
  if (complete.bot_token === '' && complete.bot_token_file === '') {
    throw new Error('missing bot_token or bot_token_file on telegram_config');
  }
  return complete;
}
