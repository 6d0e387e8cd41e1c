import type { TimeRange } from '../../dashboard/time-range.ts';
import type { VariableSource } from '../../dashboard/variables.ts';
import { fetchJson } from '../http.ts';
import { type Answer, type Labels, type QueryResult, seriesName } from './query.ts';
import type { RuleAlert, RuleGroup, RuleHistory } from './rules.ts';
import type { SyntaxNode } from './syntax-tree.ts';
import type { RelabelStep, Targets } from './targets.ts';

interface Envelope {
  readonly data?: unknown;
  readonly warnings?: readonly string[];
  readonly infos?: readonly string[];
}

export interface Alertmanagers {
  readonly activeAlertmanagers: readonly { readonly url: string }[];
  readonly droppedAlertmanagers: readonly { readonly url: string }[];
}

export interface RangeQuery {
  readonly expr: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
}

type Params = Readonly<Record<string, string | readonly string[]>>;

function encode(params: Params): URLSearchParams {
  const encoded = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    for (const item of typeof value === 'string' ? [value] : value) if (item !== '') encoded.append(key, item);
  }
  return encoded;
}

const seconds = (ms: number): string => String(ms / 1000);

/** Prometheus's HTTP API v1 at `baseUrl`. */
export class PrometheusClient implements VariableSource {
  constructor(readonly baseUrl: string) {}

  async #get(path: string, params: Params, signal: AbortSignal | undefined): Promise<Answer<unknown>> {
    const query = encode(params).toString();
    const url = `${this.baseUrl}/api/v1/${path}${query === '' ? '' : `?${query}`}`;
    return this.#answer(await fetchJson(url, signal ? { signal } : {}));
  }

  /** Queries go as forms, so that a long expression never meets a limit on addresses. */
  async #post(path: string, params: Params, signal: AbortSignal | undefined): Promise<Answer<unknown>> {
    const init: RequestInit = { method: 'POST', body: encode(params), ...(signal ? { signal } : {}) };
    return this.#answer(await fetchJson(`${this.baseUrl}/api/v1/${path}`, init));
  }

  #answer(body: unknown): Answer<unknown> {
    const { data, warnings = [], infos = [] } = (body ?? {}) as Envelope;
    return { data, warnings, infos };
  }

  async query(expr: string, atMs: number | undefined, signal?: AbortSignal): Promise<Answer<QueryResult>> {
    const time = atMs === undefined ? '' : seconds(atMs);
    return (await this.#post('query', { query: expr, time }, signal)) as Answer<QueryResult>;
  }

  async queryRange({ expr, startMs, endMs, stepMs }: RangeQuery, signal?: AbortSignal): Promise<Answer<QueryResult>> {
    const params = { query: expr, start: seconds(startMs), end: seconds(endMs), step: seconds(stepMs) };
    return (await this.#post('query_range', params, signal)) as Answer<QueryResult>;
  }

  async parseQuery(expr: string, signal?: AbortSignal): Promise<SyntaxNode> {
    return (await this.#post('parse_query', { query: expr }, signal)).data as SyntaxNode;
  }

  /** How the server would evaluate an expression; undefined where it does not tell, as Prometheus itself. */
  async explainQuery(expr: string, signal?: AbortSignal): Promise<string | undefined> {
    const answer = await this.#post('explain_query', { query: expr }, signal).catch(() => undefined);
    return (answer?.data as { readonly plan: string } | undefined)?.plan;
  }

  async labelValues(
    label: string,
    selector: string,
    { fromMs, toMs }: TimeRange,
    signal?: AbortSignal,
  ): Promise<readonly string[]> {
    const params = { 'match[]': selector, start: seconds(fromMs), end: seconds(toMs) };
    return (await this.#get(`label/${encodeURIComponent(label)}/values`, params, signal)).data as readonly string[];
  }

  async labelNames({ fromMs, toMs }: TimeRange, signal?: AbortSignal): Promise<readonly string[]> {
    return (await this.#get('labels', { start: seconds(fromMs), end: seconds(toMs) }, signal))
      .data as readonly string[];
  }

  async metricNames(signal?: AbortSignal): Promise<readonly string[]> {
    return (await this.#get('label/__name__/values', {}, signal)).data as readonly string[];
  }

  async queryResult(expr: string, range: TimeRange, signal?: AbortSignal): Promise<readonly string[]> {
    const { data } = await this.query(expr, range.toMs, signal);
    if (data.resultType !== 'vector') return [];
    return data.result.flatMap(({ metric, value }) =>
      value ? [`${seriesName(metric).replaceAll('", ', '",')} ${value[1]} ${Math.round(value[0] * 1000)}`] : [],
    );
  }

  async targets(signal?: AbortSignal): Promise<Targets> {
    return (await this.#get('targets', {}, signal)).data as Targets;
  }

  /** What each relabel rule of a job makes of these labels. */
  async relabelSteps(pool: string, labels: Labels, signal?: AbortSignal): Promise<readonly RelabelStep[]> {
    const params = { scrapePool: pool, labels: JSON.stringify(labels) };
    const { data } = await this.#get('targets/relabel_steps', params, signal);
    return (data as { readonly steps: readonly RelabelStep[] }).steps;
  }

  /** How the rules of a name came to their state; undefined where the server does not tell, as Prometheus itself. */
  async ruleHistory(name: string, signal?: AbortSignal): Promise<readonly RuleHistory[] | undefined> {
    const answer = await this.#get('rules/history', { 'rule_name[]': name }, signal).catch(() => undefined);
    return (answer?.data as { readonly rules: readonly RuleHistory[] } | undefined)?.rules;
  }

  /** Addresses that alerts are sent to, and those that relabelling left out. */
  async alertmanagers(signal?: AbortSignal): Promise<Alertmanagers> {
    return (await this.#get('alertmanagers', {}, signal)).data as Alertmanagers;
  }

  async rules(signal?: AbortSignal): Promise<readonly RuleGroup[]> {
    return ((await this.#get('rules', {}, signal)).data as { readonly groups: readonly RuleGroup[] }).groups;
  }

  async alerts(signal?: AbortSignal): Promise<readonly RuleAlert[]> {
    return ((await this.#get('alerts', {}, signal)).data as { readonly alerts: readonly RuleAlert[] }).alerts;
  }

  /** `status/buildinfo`, `runtimeinfo`, `config`, `flags`, `tsdb`. */
  async status(part: string, signal?: AbortSignal): Promise<unknown> {
    return (await this.#get(`status/${part}`, {}, signal)).data;
  }
}

/** The labels that a person tells alerts apart by. */
export function withoutName({ alertname: _, ...labels }: Labels): Labels {
  return labels;
}
