import { z } from 'zod';
import type { GlobalConfig } from '../../config/global.ts';
import { firstProblem, notifierFields, text, url } from '../../config/values.ts';

export const webexSchema = z
  .strictObject({
    ...notifierFields(true),
    api_url: url,
    message: text('{{ template "webex.default.message" . }}'),
    room_id: text(),
  })
  .superRefine(({ room_id, http_config }, context) => {
    firstProblem(
      context,
      [room_id === '', 'missing room_id on webex_config'],
      [
        // a bearer token becomes the authorization, in Go as here
        !http_config?.authorization && !http_config?.bearer_token && !http_config?.bearer_token_file,
        'missing webex_configs.http_config.authorization',
      ],
    );
  });

export type WebexConfig = z.output<typeof webexSchema>;

export function completeWebex(config: WebexConfig, global: GlobalConfig): WebexConfig {
  return { ...config, api_url: config.api_url || global.webex_api_url };
}
