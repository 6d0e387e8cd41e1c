import { below } from '../api-url.ts';
import type { JiraConfig } from './config.ts';
import type { JiraMessage } from './jira.ts';

const MINUTE_MS = 60_000;

/** The label by which a group's issue is found again. */
export function groupLabel({ groupHash }: JiraMessage): string {
  return `ALERT{${groupHash}}`;
}

/** JQL for the group's issue that is open or, where it may be reopened, was closed not long ago. */
export function searchQuery(message: JiraMessage): string {
  const { config, status, text } = message;
  const parts: string[] = [];
  if (config.wont_fix_resolution !== '') {
    // != alone would leave out what has no resolution yet
    parts.push(`(resolution is EMPTY or resolution != ${JSON.stringify(config.wont_fix_resolution)})`);
  }
  const minutes = Math.trunc(config.reopen_duration / MINUTE_MS);
  const mayReopen = status === 'firing' && config.reopen_transition !== '' && minutes > 0;
  parts.push(mayReopen ? `(resolutiondate is EMPTY OR resolutiondate >= -${minutes}m)` : 'statusCategory != Done');
  parts.push(`project=${JSON.stringify(text(config.project))}`, `labels=${JSON.stringify(groupLabel(message))}`);
  return `${parts.join(' and ')} order by status ASC,resolutiondate DESC`;
}

/** Jira Cloud has given up the search that Data Center still has. */
export function searchUrl({ api_url, api_type }: JiraConfig): string {
  const isCloud = api_type === 'cloud' || (api_type === 'auto' && new URL(api_url).host.endsWith('atlassian.net'));
  if (!isCloud) return below(api_url, 'search');
  return below(api_url, 'search/jql').replace('/rest/api/2/', '/rest/api/3/');
}
