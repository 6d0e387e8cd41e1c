import { formatDuration, Labels, parseDuration, quote } from '@avalanche/model';
import type { ScrapeConfig } from '../config/schema.ts';
import { relabel } from '../relabel.ts';

export type TargetHealth = 'unknown' | 'up' | 'down';

/** What a scrape makes of histograms, by its job or by labels of the target. */
export interface HistogramChoice {
  /** `scrape_native_histograms` */
  readonly nativeHistograms: boolean;
  /** `always_scrape_classic_histograms` */
  readonly alwaysClassic: boolean;
  /** `convert_classic_histograms_to_nhcb` */
  readonly toCustomBuckets: boolean;
}

/** A scrape target after relabelling: what to fetch and which labels its series carry. */
export interface Target {
  /** Labels before relabelling, with the defaults filled in. */
  readonly discoveredLabels: Labels;
  /** Labels that every series of the target gets; those starting with `__` are gone. */
  readonly labels: Labels;
  readonly url: string;
  /** Path of the socket that is asked instead of the address (`__unix_socket__`); empty for none. */
  readonly unixSocket: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly histograms: HistogramChoice;
}

/**
 * Turns discovered labels into a target as upstream's PopulateLabels does.
 * @returns null where relabelling drops it
 * @throws Error where there is no usable address, interval or timeout
 */
export function makeTarget(
  found: Labels,
  config: ScrapeConfig,
): { readonly target: Target | null; readonly discoveredLabels: Labels } {
  const discoveredLabels = withDefaults(found, config);
  const relabelled = relabel(discoveredLabels, config.relabel_configs, config.metric_name_validation_scheme);
  if (!relabelled) return { target: null, discoveredLabels };
  const address = relabelled.get('__address__');
  if (address === '') throw new Error('no address');
  if (address.includes('/')) throw new Error(`${quote(address)} is not a valid hostname`);
  const { intervalMs, timeoutMs } = timesOf(relabelled);
  const instance = relabelled.get('instance') || address;
  const target: Target = {
    discoveredLabels,
    labels: relabelled.filter((name) => !name.startsWith('__')).with({ instance }),
    url: targetUrl(relabelled, config.params),
    unixSocket: relabelled.get('__unix_socket__'),
    intervalMs,
    timeoutMs,
    histograms: histogramsOf(relabelled, config),
  };
  return { target, discoveredLabels };
}

function histogramsOf(labels: Labels, config: ScrapeConfig): HistogramChoice {
  return {
    nativeHistograms: flag(labels.get('__scrape_native_histograms__')) ?? config.scrape_native_histograms,
    alwaysClassic: flag(labels.get('__always_scrape_classic_histograms__')) ?? config.always_scrape_classic_histograms,
    toCustomBuckets:
      flag(labels.get('__convert_classic_histograms_to_nhcb__')) ?? config.convert_classic_histograms_to_nhcb,
  };
}

/** As Go reads it; undefined where it is none. */
function flag(text: string): boolean | undefined {
  if (/^(?:1|t|T|TRUE|true|True)$/.test(text)) return true;
  return /^(?:0|f|F|FALSE|false|False)$/.test(text) ? false : undefined;
}

function timesOf(labels: Labels): { readonly intervalMs: number; readonly timeoutMs: number } {
  const interval = labels.get('__scrape_interval__');
  const timeout = labels.get('__scrape_timeout__');
  const intervalMs = durationOf(interval, 'interval');
  const timeoutMs = durationOf(timeout, 'timeout');
  if (timeoutMs > intervalMs) {
    const pair = `${quote(timeout)} > ${quote(interval)}`;
    throw new Error(`scrape timeout cannot be greater than scrape interval (${pair})`);
  }
  return { intervalMs, timeoutMs };
}

function durationOf(text: string, what: 'interval' | 'timeout'): number {
  let ms: number;
  try {
    ms = parseDuration(text);
  } catch (error) {
    throw new Error(`error parsing scrape ${what}: ${(error as Error).message}`);
  }
  if (ms === 0) throw new Error(`scrape ${what} cannot be 0`);
  return ms;
}

/** Labels before relabelling: what discovery found over what the job says. */
export function withDefaults(found: Labels, config: ScrapeConfig): Labels {
  const filled: Record<string, string> = {
    job: config.job_name,
    __scheme__: config.scheme,
    __metrics_path__: config.metrics_path,
    __scrape_interval__: formatDuration(config.scrape_interval),
    __scrape_timeout__: formatDuration(config.scrape_timeout),
    __convert_classic_histograms_to_nhcb__: String(config.convert_classic_histograms_to_nhcb),
    __always_scrape_classic_histograms__: String(config.always_scrape_classic_histograms),
    __scrape_native_histograms__: String(config.scrape_native_histograms),
  };
  for (const [name, values] of Object.entries(config.params)) filled[`__param_${name}`] = values[0] ?? '';
  return Labels.from({ ...filled, ...found.toJSON() });
}

/** A `__param_` label stands for the first value of its parameter; further ones come from the configuration alone. */
function targetUrl(labels: Labels, configured: Readonly<Record<string, readonly string[]>>): string {
  const values = new Map(Object.entries(configured).map(([name, all]) => [name, [...all]]));
  for (const [label, value] of labels.entries()) {
    if (!label.startsWith('__param_')) continue;
    const name = label.slice('__param_'.length);
    values.set(name, [value, ...(values.get(name) ?? []).slice(1)]);
  }
  const params = new URLSearchParams();
  const inOrder = [...values].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [name, all] of inOrder) for (const value of all) params.append(name, value);
  const query = params.size > 0 ? `?${params.toString()}` : '';
  // Part of the path, as upstream takes them.
  const path = labels.get('__metrics_path__').replace(/[?#]/g, encodeURIComponent);
  return `${labels.get('__scheme__')}://${labels.get('__address__')}${path.startsWith('/') ? '' : '/'}${path}${query}`;
}
