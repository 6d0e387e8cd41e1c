import { z } from 'zod';
import type { GlobalConfig } from '../../config/global.ts';
import { count, firstProblem, goDuration, notifierFields, text, url } from '../../config/values.ts';

export const incidentioSchema = z
  .strictObject({
    ...notifierFields(true),
    url,
    url_file: text(),
    alert_source_token: text(),
    alert_source_token_file: text(),
    /** 0: all of them. */
    max_alerts: count(),
    /** Milliseconds; 0: the group's own deadline. */
    timeout: goDuration(),
  })
  .superRefine((config, context) => {
    const { alert_source_token: token, alert_source_token_file: file, http_config } = config;
    const hasToken = token !== '' || file !== '';
    const hasAuthorization = http_config?.authorization !== undefined;
    firstProblem(
      context,
      [config.url === '' && config.url_file === '', 'one of url or url_file must be configured'],
      [config.url !== '' && config.url_file !== '', 'at most one of url & url_file must be configured'],
      [token !== '' && file !== '', 'at most one of alert_source_token & alert_source_token_file must be configured'],
      [
        hasAuthorization && hasToken,
        'cannot specify alert_source_token or alert_source_token_file when using http_config.authorization',
      ],
      [
        http_config !== undefined && !hasAuthorization && !hasToken,
        'at least one of alert_source_token, alert_source_token_file or http_config.authorization must be configured',
      ],
    );
  });

export type IncidentioConfig = z.output<typeof incidentioSchema>;

export function completeIncidentio(config: IncidentioConfig, { http_config }: GlobalConfig): IncidentioConfig {
  return { ...config, http_config: config.http_config ?? http_config };
}
