import { fetchJson, jsonBody } from '../http.ts';
import type { AlertmanagerStatus, GettableAlert, PostableSilence, Silence } from './types.ts';

/** Alertmanager's HTTP API v2 at `baseUrl`. */
export class AlertmanagerClient {
  constructor(readonly baseUrl: string) {}

  async #get(path: string, signal?: AbortSignal): Promise<unknown> {
    return fetchJson(`${this.baseUrl}/api/v2/${path}`, signal ? { signal } : {});
  }

  async status(signal?: AbortSignal): Promise<AlertmanagerStatus> {
    return (await this.#get('status', signal)) as AlertmanagerStatus;
  }

  async alerts(signal?: AbortSignal): Promise<readonly GettableAlert[]> {
    return (await this.#get('alerts', signal)) as readonly GettableAlert[];
  }

  async silences(signal?: AbortSignal): Promise<readonly Silence[]> {
    return (await this.#get('silences', signal)) as readonly Silence[];
  }

  async createSilence(silence: PostableSilence): Promise<string> {
    const answer = await fetchJson(`${this.baseUrl}/api/v2/silences`, jsonBody('POST', silence));
    return (answer as { readonly silenceID: string }).silenceID;
  }

  async expireSilence(id: string): Promise<void> {
    await fetchJson(`${this.baseUrl}/api/v2/silence/${encodeURIComponent(id)}`, { method: 'DELETE' });
  }
}
