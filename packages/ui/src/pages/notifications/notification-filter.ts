import { formatMatcher, parseMatchers } from '../../api/alertmanager/matcher.ts';

/** What the log of notifications is narrowed to, as the address of the page keeps it. */
export interface NotificationFilter {
  readonly receiver: string;
  readonly status: '' | 'sent' | 'failed';
  /** Matchers of an alert's labels as they were typed, `severity="critical", job=~"a|b"`. */
  readonly matchers: string;
  readonly fingerprint: string;
  /** The page that begins below this record; '' is the newest. */
  readonly before: string;
}

export function filterOfSearch(search: string): NotificationFilter {
  const params = new URLSearchParams(search);
  const text = (name: string): string => params.get(name) ?? '';
  const status = text('status');
  return {
    receiver: text('receiver'),
    status: status === 'sent' || status === 'failed' ? status : '',
    matchers: text('matchers'),
    fingerprint: text('fingerprint'),
    before: text('before'),
  };
}

/** The address of the page, without what is not narrowed. */
export function searchOfFilter(filter: NotificationFilter): string {
  const params = new URLSearchParams(Object.entries(filter).filter(([, value]) => value !== ''));
  return params.size === 0 ? '/notifications' : `/notifications?${params}`;
}

export const PAGE_SIZE = 50;

/** What the server is asked; matchers that cannot be read are told in `bad` and left out. */
export function queryOfFilter(filter: NotificationFilter): { readonly query: URLSearchParams; readonly bad: string } {
  const { matchers, ...others } = filter;
  const { matchers: read, bad } = parseMatchers(matchers);
  const query = new URLSearchParams(Object.entries(others).filter(([, value]) => value !== ''));
  for (const matcher of read) query.append('filter', formatMatcher(matcher));
  query.set('limit', String(PAGE_SIZE));
  return { query, bad: bad[0] ?? '' };
}
