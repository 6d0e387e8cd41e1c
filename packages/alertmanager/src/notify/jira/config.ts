import { z } from 'zod';
import type { GlobalConfig } from '../../config/global.ts';
import { duration, firstProblem, flag, list, notifierFields, text, url } from '../../config/values.ts';

/** A template, alone or with whether an issue that is there already gets it too. */
function field(fallback: string) {
  const parts = z.strictObject({ template: text(fallback), enable_update: flag(true) });
  return z.preprocess((value) => {
    const isText = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
    return isText ? { template: String(value) } : (value ?? {});
  }, parts);
}

export const jiraSchema = z
  .strictObject({
    ...notifierFields(true),
    api_url: url,
    api_type: text('auto'),
    project: text(),
    summary: field('{{ template "jira.default.summary" . }}'),
    description: field('{{ template "jira.default.description" . }}'),
    labels: list(text()),
    priority: text('{{ template "jira.default.priority" . }}'),
    issue_type: text(),
    reopen_transition: text(),
    resolve_transition: text(),
    wont_fix_resolution: text(),
    /** Milliseconds. */
    reopen_duration: duration(),
    /** Every text in it is a template. */
    fields: z.preprocess((value) => value ?? {}, z.record(z.string(), z.unknown())),
  })
  .superRefine(({ project, issue_type, api_type }, context) => {
    firstProblem(
      context,
      [project === '', 'missing project in jira_config'],
      [issue_type === '', 'missing issue_type in jira_config'],
      [
        !['auto', 'cloud', 'datacenter'].includes(api_type),
        'unknown api_type on jira_config, must be auto, cloud or datacenter',
      ],
    );
  });

export type JiraConfig = z.output<typeof jiraSchema>;

/** @throws Error where neither has an address */
export function completeJira(config: JiraConfig, global: GlobalConfig): JiraConfig {
  const api_url = config.api_url || global.jira_api_url;
  if (api_url === '') throw new Error('no global Jira Cloud URL set');
  return { ...config, http_config: config.http_config ?? global.http_config, api_url };
}
