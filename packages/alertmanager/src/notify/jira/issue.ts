import { compareStrings } from '@avalanche/model';
import { expandPayload } from '../payload.ts';
import { truncateCharacters } from '../truncate.ts';
import type { JiraMessage } from './jira.ts';
import { groupLabel } from './search.ts';

const SUMMARY_CHARACTERS_MAX = 255;
const DESCRIPTION_CHARACTERS_MAX = 32_767;

/** The fields of the group's issue; one that is there already keeps what the configuration says. @throws TemplateError */
export function issueFields(message: JiraMessage, exists: boolean): Readonly<Record<string, unknown>> {
  const { config, text } = message;
  const priority = text(config.priority);
  const description = describe(message);
  const summary = truncateCharacters(text(config.summary.template), SUMMARY_CHARACTERS_MAX);
  const updates = (field: { readonly enable_update: boolean }): boolean => !exists || field.enable_update;
  return {
    ...(updates(config.description) && description !== undefined ? { description } : {}),
    issuetype: { name: text(config.issue_type) },
    labels: [...config.labels.map(text), groupLabel(message)].sort(compareStrings),
    ...(priority === '' ? {} : { priority: { name: priority } }),
    project: { key: text(config.project) },
    ...(updates(config.summary) ? { summary } : {}),
    ...Object.fromEntries(Object.entries(config.fields).map(([key, value]) => [key, expandPayload(value, text)])),
  };
}

/** Version 3 of the API takes a document of its own format, which the template writes as JSON. @throws Error */
function describe({ config, text }: JiraMessage): unknown {
  const written = truncateCharacters(text(config.description.template), DESCRIPTION_CHARACTERS_MAX);
  if (!new URL(config.api_url).pathname.replace(/\/+$/, '').endsWith('/3')) return written || undefined;
  if (written.trim() === '') return undefined;
  try {
    return JSON.parse(written) as unknown;
  } catch {
    throw new Error('description template: invalid JSON for API v3');
  }
}
