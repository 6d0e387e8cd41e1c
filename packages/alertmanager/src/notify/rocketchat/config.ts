import { z } from 'zod';
import type { GlobalConfig } from '../../config/global.ts';
import { firstProblem, flag, list, notifierFields, optionalFlag, text, url } from '../../config/values.ts';

const field = z.strictObject({ short: optionalFlag, title: text(), value: text() });

/** Go's decoder wants the keys of actions in lower case and without underscores, as upstream has left them unnamed. */
const action = z.strictObject({
  type: text(),
  text: text(),
  url: text(),
  imageurl: text(),
  iswebview: flag(),
  webviewheightratio: text(),
  msg: text(),
  msginchatwindow: flag(),
  msgprocessingtype: text(),
});

export const rocketchatSchema = z
  .strictObject({
    ...notifierFields(false),
    api_url: url,
    token_id: text(),
    token_id_file: text(),
    token: text(),
    token_file: text(),
    channel: text(),
    color: text('{{ if eq .Status "firing" }}red{{ else }}green{{ end }}'),
    title: text('{{ template "rocketchat.default.title" . }}'),
    title_link: text('{{ template "rocketchat.default.titlelink" . }}'),
    text: text('{{ template "rocketchat.default.text" . }}'),
    fields: list(field),
    short_fields: flag(),
    emoji: text('{{ template "rocketchat.default.emoji" . }}'),
    icon_url: text('{{ template "rocketchat.default.iconurl" . }}'),
    image_url: text(),
    thumb_url: text(),
    link_names: flag(),
    actions: list(action),
  })
  .superRefine(({ token, token_file, token_id, token_id_file }, context) => {
    firstProblem(
      context,
      [token !== '' && token_file !== '', 'at most one of token & token_file must be configured'],
      [token_id !== '' && token_id_file !== '', 'at most one of token_id & token_id_file must be configured'],
    );
  });

export type RocketchatConfig = z.output<typeof rocketchatSchema>;

/** @throws Error where neither has both tokens */
export function completeRocketchat(config: RocketchatConfig, global: GlobalConfig): RocketchatConfig {
  const complete = {
    ...config,
    http_config: config.http_config ?? global.http_config,
    api_url: config.api_url || global.rocketchat_api_url,
    token_id: config.token_id || global.rocketchat_token_id,
    token_id_file: config.token_id_file || global.rocketchat_token_id_file,
    token: config.token || global.rocketchat_token,
    token_file: config.token_file || global.rocketchat_token_file,
  };
  if (complete.token_id === '' && complete.token_id_file === '') {
    throw new Error('no global Rocketchat TokenID set either inline or in a file');
  }
  if (complete.token === '' && complete.token_file === '') {
    throw new Error('no global Rocketchat Token set either inline or in a file');
  }
  return complete;
}
