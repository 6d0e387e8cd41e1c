import { fetchJson, jsonBody } from '../http.ts';
import type { AnnotationItem, DashboardDocument, DashboardHit, SignedInUser } from './types.ts';

/** The Grafana door's API, on the page's own origin. */
export const grafana = {
  async user(): Promise<SignedInUser> {
    return (await fetchJson('/api/user')) as SignedInUser;
  },
  async login(user: string, password: string): Promise<void> {
    await fetchJson('/login', jsonBody('POST', { user, password }));
  },
  async logout(): Promise<void> {
    await fetch('/logout', { redirect: 'manual' });
  },
  async changePassword(oldPassword: string, newPassword: string): Promise<void> {
    await fetchJson('/api/user/password', jsonBody('PUT', { oldPassword, newPassword, confirmNew: newPassword }));
  },
  async search(signal?: AbortSignal): Promise<readonly DashboardHit[]> {
    return (await fetchJson('/api/search?type=dash-db', signal ? { signal } : {})) as readonly DashboardHit[];
  },
  async annotations(query: URLSearchParams, signal?: AbortSignal): Promise<readonly AnnotationItem[]> {
    return (await fetchJson(`/api/annotations?${query}`, signal ? { signal } : {})) as readonly AnnotationItem[];
  },
  async dashboard(uid: string, signal?: AbortSignal): Promise<DashboardDocument> {
    return (await fetchJson(
      `/api/dashboards/uid/${encodeURIComponent(uid)}`,
      signal ? { signal } : {},
    )) as DashboardDocument;
  },
};
