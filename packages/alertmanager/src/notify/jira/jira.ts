import { below, parseJsonObject } from '../api-url.ts';
import { NotifyFailure } from '../failure.ts';
import type { HttpCall } from '../http.ts';
import type { HttpKind, HttpMessage } from '../http-integration.ts';
import { encodePayload } from '../payload.ts';
import type { JiraConfig } from './config.ts';
import { issueFields } from './issue.ts';
import { searchQuery, searchUrl } from './search.ts';

export type JiraMessage = HttpMessage<JiraConfig, never>;

/** An issue as the search gives it. */
interface Issue {
  readonly key: string;
  readonly fields?: { readonly status?: { readonly statusCategory?: { readonly key?: string } } };
}

/** Jira: one issue for a group, found again by a label, reopened and closed by transitions. */
export const jira: HttpKind<JiraConfig, never> = {
  kind: 'jira',
  secrets: () => ({}),
  retryCodes: [429],
  async send(message) {
    const issue = await within('failed to look up existing issues: HTTP request to JIRA API: ', () => search(message));
    if (!issue && message.status === 'resolved') return;
    const method = issue ? 'PUT' : 'POST';
    const path = issue ? `issue/${issue.key}` : 'issue';
    const body = encodePayload({ fields: issueFields(message, issue !== undefined) });
    await within(`failed to ${method} request to "${path}": `, () =>
      ask(message, { url: below(message.config.api_url, path), method, body }),
    );
    if (issue) await transition(message, issue);
  },
};

/** @throws NotifyFailure with what was tried before it */
async function within<Result>(prefix: string, attempt: () => Promise<Result>): Promise<Result> {
  try {
    return await attempt();
  } catch (error) {
    throw error instanceof NotifyFailure ? error.within(prefix) : error;
  }
}

async function ask({ exchange }: JiraMessage, call: HttpCall): Promise<Readonly<Record<string, unknown>>> {
  const headers = { 'content-type': 'application/json', 'accept-language': 'en' };
  const { text } = await exchange.request({ ...call, headers, needsBody: true });
  if (text.trim() === '') return {};
  const answer = parseJsonObject(text);
  if (!answer) throw exchange.failure(`not JSON: ${text.slice(0, 200)}`, false, 'other');
  return answer;
}

async function search(message: JiraMessage): Promise<Issue | undefined> {
  const body = JSON.stringify({ fields: ['status'], jql: searchQuery(message), maxResults: 2 });
  const { issues } = await ask(message, { url: searchUrl(message.config), body });
  return Array.isArray(issues) ? (issues[0] as Issue | undefined) : undefined;
}

/** Reopens an issue that is done, or closes one that is not, where the configuration says how. */
async function transition(message: JiraMessage, issue: Issue): Promise<void> {
  const { config, status } = message;
  const category = issue.fields?.status?.statusCategory?.key;
  if (category === undefined) return;
  const isDone = category === 'done';
  const isFiring = status === 'firing';
  const name = isFiring ? config.reopen_transition : config.resolve_transition;
  if (isDone !== isFiring || name === '') return;
  const url = below(config.api_url, `issue/${issue.key}/transitions`);
  const { transitions } = await ask(message, { url, method: 'GET' });
  const known = Array.isArray(transitions) ? (transitions as { readonly id: string; readonly name: string }[]) : [];
  const wanted = known.find((candidate) => candidate.name === name);
  if (!wanted) throw message.exchange.failure(`can't find transition ${name} for issue ${issue.key}`, false, 'other');
  await ask(message, { url, body: JSON.stringify({ transition: { id: wanted.id } }) });
}
