import { formatDuration, Labels, METRIC_NAME, parseDuration } from '@avalanche/model';
import type { ScrapeConfig } from '../config/schema.ts';
import { relabel } from '../relabel.ts';

export type TargetHealth = 'unknown' | 'up' | 'down';

/** A scrape target after relabelling: what to fetch and which labels its series carry. */
export interface Target {
  /** Labels before relabelling, with the defaults filled in. */
  readonly discoveredLabels: Labels;
  /** Labels that every series of the target gets; those starting with `__` are gone. */
  readonly labels: Labels;
  readonly url: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

export interface JobDefaults {
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

/**
 * Turns discovered labels into a target as upstream's PopulateLabels does.
 * @returns null where relabelling drops it
 * @throws Error where there is no usable address
 */
export function makeTarget(
  found: Labels,
  config: ScrapeConfig,
  defaults: JobDefaults,
): { readonly target: Target | null; readonly discoveredLabels: Labels } {
  const discoveredLabels = withDefaults(found, config, defaults);
  const relabelled = relabel(discoveredLabels, config.relabel_configs);
  if (!relabelled) return { target: null, discoveredLabels };
  const address = relabelled.get('__address__');
  if (address === '') throw new Error('no address');
  if (address.includes('/')) throw new Error(`${JSON.stringify(address)} is not a valid hostname`);
  const instance = relabelled.get('instance') || address;
  const labels = relabelled.filter((name) => !name.startsWith('__')).with({ instance });
  const intervalMs = parseDuration(relabelled.get('__scrape_interval__'));
  const timeoutMs = parseDuration(relabelled.get('__scrape_timeout__'));
  if (intervalMs === 0) throw new Error('scrape interval cannot be 0');
  if (timeoutMs === 0) throw new Error('scrape timeout cannot be 0');
  if (timeoutMs > intervalMs) throw new Error('scrape timeout cannot be greater than scrape interval');
  const target = { discoveredLabels, labels, url: targetUrl(relabelled, config.params), intervalMs, timeoutMs };
  return { target, discoveredLabels };
}

function withDefaults(found: Labels, config: ScrapeConfig, defaults: JobDefaults): Labels {
  const filled: Record<string, string> = {
    job: config.job_name,
    __scheme__: config.scheme,
    __metrics_path__: config.metrics_path,
    __scrape_interval__: formatDuration(defaults.intervalMs),
    __scrape_timeout__: formatDuration(defaults.timeoutMs),
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
  for (const [name, all] of values) for (const value of all) params.append(name, value);
  const query = params.size > 0 ? `?${params.toString()}` : '';
  const path = labels.get('__metrics_path__');
  return `${labels.get('__scheme__')}://${labels.get('__address__')}${path.startsWith('/') ? '' : '/'}${path}${query}`;
}

/**
 * Lays a target's labels over a scraped series. Where both have a label, the scraped one moves to `exported_<name>`,
 * unless `honorLabels` says that it wins; then an empty one, as the Pushgateway sends it, keeps the target's away.
 */
export function withTargetLabels(scraped: ReadonlyMap<string, string>, target: Labels, honorLabels: boolean): Labels {
  const map = new Map(scraped);
  for (const [name, value] of target.entries()) {
    const own = map.get(name);
    if (own === undefined || (own === '' && !honorLabels)) map.set(name, value);
    else if (!honorLabels) {
      let exported = `exported_${name}`;
      while (map.has(exported) || target.has(exported)) exported = `exported_${exported}`;
      map.set(exported, own);
      map.set(name, value);
    }
  }
  return Labels.fromMap(map);
}

/** A synthetic series of a target, such as `up`. */
export function reportLabels(name: string, target: Labels): Labels {
  return target.with({ [METRIC_NAME]: name });
}
