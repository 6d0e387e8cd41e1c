import { fetchJson, jsonBody } from '../http.ts';
import type { AlertExplanation, NotificationPage, SilenceReach, TemplateTrial, TestResult } from './insight.ts';
import type { AlertmanagerStatus, GettableAlert, PostableSilence, Silence, SilenceMatcher } from './types.ts';

/** Alertmanager's HTTP API v2 at `baseUrl`, with what only ours tells. */
export class AlertmanagerClient {
  constructor(readonly baseUrl: string) {}

  async #get(path: string, signal?: AbortSignal): Promise<unknown> {
    return fetchJson(`${this.baseUrl}/api/v2/${path}`, signal ? { signal } : {});
  }

  async #post(path: string, body: unknown, signal?: AbortSignal): Promise<unknown> {
    return fetchJson(`${this.baseUrl}/api/v2/${path}`, { ...jsonBody('POST', body), ...(signal ? { signal } : {}) });
  }

  async status(signal?: AbortSignal): Promise<AlertmanagerStatus> {
    return (await this.#get('status', signal)) as AlertmanagerStatus;
  }

  async alerts(signal?: AbortSignal): Promise<readonly GettableAlert[]> {
    return (await this.#get('alerts', signal)) as readonly GettableAlert[];
  }

  async receivers(signal?: AbortSignal): Promise<readonly { readonly name: string }[]> {
    return (await this.#get('receivers', signal)) as readonly { readonly name: string }[];
  }

  async silences(signal?: AbortSignal): Promise<readonly Silence[]> {
    return (await this.#get('silences', signal)) as readonly Silence[];
  }

  async silence(id: string, signal?: AbortSignal): Promise<Silence> {
    return (await this.#get(`silence/${encodeURIComponent(id)}`, signal)) as Silence;
  }

  /** Makes a silence, or changes the one with its `id`. Gives the id that it has then, which may be another. */
  async setSilence(silence: PostableSilence): Promise<string> {
    return ((await this.#post('silences', silence)) as { readonly silenceID: string }).silenceID;
  }

  async expireSilence(id: string): Promise<void> {
    await fetchJson(`${this.baseUrl}/api/v2/silence/${encodeURIComponent(id)}`, { method: 'DELETE' });
  }

  /** What a silence would touch. Ours only. */
  async silenceReach(matchers: readonly SilenceMatcher[], signal?: AbortSignal): Promise<SilenceReach> {
    return (await this.#post('silences/reach', { matchers }, signal)) as SilenceReach;
  }

  /** What became of the alerts that `fingerprint` or `filter` names. Ours only. */
  async explain(wanted: URLSearchParams, signal?: AbortSignal): Promise<readonly AlertExplanation[]> {
    const answer = await this.#get(`alerts/explain?${wanted}`, signal);
    return (answer as { readonly alerts: readonly AlertExplanation[] }).alerts;
  }

  /** The log of notifications from the newest. Ours only. */
  async notifications(filter: URLSearchParams, signal?: AbortSignal): Promise<NotificationPage> {
    return (await this.#get(`notifications?${filter}`, signal)) as NotificationPage;
  }

  /** Sends a message that says it is a test. Ours only. */
  async testReceiver(receiver: string): Promise<readonly TestResult[]> {
    const answer = await this.#post('receivers/test', { receiver });
    return (answer as { readonly results: readonly TestResult[] }).results;
  }

  /** What a template makes of a past notification. Ours only. */
  async previewTemplate(trial: TemplateTrial, signal?: AbortSignal): Promise<string> {
    return ((await this.#post('templates/preview', trial, signal)) as { readonly output: string }).output;
  }
}
