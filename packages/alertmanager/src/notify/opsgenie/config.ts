import { z } from 'zod';
import type { GlobalConfig } from '../../config/global.ts';
import { isTemplate } from '../../config/templated.ts';
import {
  firstProblem,
  flag,
  list,
  notifierFields,
  refuse,
  text,
  textMap,
  url,
  withSlash,
} from '../../config/values.ts';

const RESPONDER_TYPES = '^(team|teams|user|escalation|schedule)$';

const responder = z
  .strictObject({ id: text(), name: text(), username: text(), type: text() })
  .superRefine((config, context) => {
    const shown = `opsGenieConfig responder {${config.id} ${config.name} ${config.username} ${config.type}}`;
    if (config.id === '' && config.username === '' && config.name === '') {
      refuse(context, `${shown} has to have at least one of id, username or name specified`);
      return;
    }
    try {
      if (isTemplate(config.type) || new RegExp(RESPONDER_TYPES).test(config.type.toLowerCase())) return;
      refuse(context, `${shown} type does not match valid options ${RESPONDER_TYPES}`);
    } catch (error) {
      refuse(context, `${shown} type contains invalid template syntax: ${(error as Error).message}`);
    }
  });

export const opsgenieSchema = z
  .strictObject({
    ...notifierFields(true),
    api_key: text(),
    api_key_file: text(),
    api_url: url,
    message: text('{{ template "opsgenie.default.message" . }}'),
    description: text('{{ template "opsgenie.default.description" . }}'),
    source: text('{{ template "opsgenie.default.source" . }}'),
    details: textMap,
    entity: text(),
    responders: list(responder),
    actions: text(),
    tags: text(),
    note: text(),
    priority: text(),
    update_alerts: flag(),
  })
  .superRefine(({ api_key, api_key_file }, context) => {
    firstProblem(context, [
      api_key !== '' && api_key_file !== '',
      'at most one of api_key & api_key_file must be configured',
    ]);
  });

export type OpsgenieConfig = z.output<typeof opsgenieSchema>;

/** @throws Error where neither has a key */
export function completeOpsgenie(config: OpsgenieConfig, global: GlobalConfig): OpsgenieConfig {
  const complete = {
    ...config,
    http_config: config.http_config ?? global.http_config,
    api_url: withSlash(config.api_url || global.opsgenie_api_url),
    api_key: config.api_key || global.opsgenie_api_key,
    api_key_file: config.api_key_file || global.opsgenie_api_key_file,
  };
  if (complete.api_key === '' && complete.api_key_file === '') {
    throw new Error('no global OpsGenie API Key set either inline or in a file');
  }
  return complete;
}
