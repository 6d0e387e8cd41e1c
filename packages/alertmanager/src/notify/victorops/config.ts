import { z } from 'zod';
import type { GlobalConfig } from '../../config/global.ts';
import { firstProblem, notifierFields, text, textMap, url, withSlash } from '../../config/values.ts';

const RESERVED = [
  ...['routing_key', 'message_type', 'state_message', 'entity_display_name', 'monitoring_tool'],
  ...['entity_id', 'entity_state'],
];

export const victoropsSchema = z
  .strictObject({
    ...notifierFields(true),
    api_key: text(),
    api_key_file: text(),
    api_url: url,
    routing_key: text(),
    message_type: text('CRITICAL'),
    state_message: text('{{ template "victorops.default.state_message" . }}'),
    entity_display_name: text('{{ template "victorops.default.entity_display_name" . }}'),
    monitoring_tool: text('{{ template "victorops.default.monitoring_tool" . }}'),
    custom_fields: textMap,
  })
  .superRefine(({ routing_key, api_key, api_key_file, custom_fields }, context) => {
    const reserved = RESERVED.find((name) => Object.hasOwn(custom_fields, name));
    firstProblem(
      context,
      [routing_key === '', 'missing Routing key in VictorOps config'],
      [api_key !== '' && api_key_file !== '', 'at most one of api_key & api_key_file must be configured'],
      [
        reserved !== undefined,
        `victorOps config contains custom field ${reserved} which cannot be used as it conflicts with the fixed/static fields`,
      ],
    );
  });

export type VictoropsConfig = z.output<typeof victoropsSchema>;

/** @throws Error where neither has a key */
export function completeVictorops(config: VictoropsConfig, global: GlobalConfig): VictoropsConfig {
  const complete = {
    ...config,
    http_config: config.http_config ?? global.http_config,
    api_url: withSlash(config.api_url || global.victorops_api_url),
    api_key: config.api_key || global.victorops_api_key,
    api_key_file: config.api_key_file || global.victorops_api_key_file,
  };
  if (complete.api_key === '' && complete.api_key_file === '') throw new Error('no global VictorOps API Key set');
  return complete;
}
