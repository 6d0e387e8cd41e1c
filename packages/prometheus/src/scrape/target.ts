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
  const target = {
    discoveredLabels,
    labels,
    url: targetUrl(relabelled),
    intervalMs: parseDuration(relabelled.get('__scrape_interval__')),
    timeoutMs: parseDuration(relabelled.get('__scrape_timeout__')),
  };
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

function targetUrl(labels: Labels): string {
  const params = new URLSearchParams();
  for (const [name, value] of labels.entries()) {
    if (name.startsWith('__param_')) params.append(name.slice('__param_'.length), value);
  }
  const query = params.size > 0 ? `?${params.toString()}` : '';
  const path = labels.get('__metrics_path__');
  return `${labels.get('__scheme__')}://${labels.get('__address__')}${path.startsWith('/') ? '' : '/'}${path}${query}`;
}

/**
 * Lays a target's labels over a scraped series. Where both have a label, the scraped one moves to `exported_<name>`,
 * unless `honorLabels` says that it wins.
 */
export function withTargetLabels(scraped: Labels, target: Labels, honorLabels: boolean): Labels {
  const map = new Map(scraped.entries());
  for (const [name, value] of target.entries()) {
    const own = map.get(name);
    if (own === undefined) map.set(name, value);
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
