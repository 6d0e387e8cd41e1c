import { join } from 'node:path/posix';
import type { Labels } from '@avalanche/model';
import { HttpClient } from '@avalanche/web';
import type { AlertmanagerConfig } from '../config/schema.ts';
import { type DiscoveryContext, discover } from '../discovery/discovery.ts';
import { relabel } from '../relabel.ts';
import { type OutgoingAlert, type SendContext, SendLoop } from './send-loop.ts';

/** The Alertmanagers that one item of the configuration finds (upstream notifier/alertmanagerset.go). */
export class AlertmanagerSet {
  /** URLs of those that relabelling dropped. */
  dropped: readonly string[] = [];
  private readonly loops = new Map<string, SendLoop>();
  /** Of Alertmanagers that discovery no longer finds: what waits for them is still being sent. */
  private readonly ending = new Set<Promise<void>>();
  private readonly client: HttpClient;
  private readonly stopDiscovery: () => void;

  constructor(
    private readonly config: AlertmanagerConfig,
    discovery: DiscoveryContext,
    private readonly context: SendContext,
  ) {
    this.client = new HttpClient(config);
    this.stopDiscovery = discover(config, discovery, (targets) => this.found(targets));
  }

  /** URLs that alerts are posted to. */
  get urls(): string[] {
    return [...this.loops.keys()];
  }

  send(alerts: readonly OutgoingAlert[]): void {
    const kept = relabelAlerts(alerts, this.config.alert_relabel_configs);
    if (kept.length === 0) return;
    for (const loop of this.loops.values()) loop.add(kept);
  }

  async stop(): Promise<void> {
    this.stopDiscovery();
    await Promise.all([...this.ending, ...[...this.loops.values()].map((loop) => loop.stop())]);
    this.client.close();
  }

  private found(targets: readonly Labels[]): void {
    const active = new Set<string>();
    const dropped: string[] = [];
    for (const target of targets) {
      const before = withDefaults(target, this.config);
      const labels = relabel(before, this.config.relabel_configs);
      if (!labels) dropped.push(urlOf(before));
      else if (this.isUsable(labels)) active.add(urlOf(labels));
    }
    this.dropped = dropped;
    for (const url of active) {
      if (!this.loops.has(url)) this.loops.set(url, new SendLoop(url, this.client, this.config.timeout, this.context));
    }
    for (const [url, loop] of this.loops) {
      if (active.has(url)) continue;
      this.loops.delete(url);
      const ended = loop.stop().finally(() => this.ending.delete(ended));
      this.ending.add(ended);
    }
  }

  private isUsable(labels: Labels): boolean {
    const address = labels.get('__address__');
    if (address !== '' && !address.includes('/') && URL.canParse(urlOf(labels))) return true;
    const error = `${JSON.stringify(address)} is not a valid hostname`;
    this.context.logger.error('Creating discovered Alertmanagers failed', { error });
    return false;
  }
}

/** Alerts with their labels changed; those that the rules drop are gone. */
export function relabelAlerts(
  alerts: readonly OutgoingAlert[],
  rules: AlertmanagerConfig['alert_relabel_configs'],
): readonly OutgoingAlert[] {
  if (rules.length === 0) return alerts;
  return alerts.flatMap((alert) => {
    const labels = relabel(alert.labels, rules);
    return labels ? [{ ...alert, labels }] : [];
  });
}

function withDefaults(target: Labels, { scheme, path_prefix }: AlertmanagerConfig): Labels {
  const defaults = { __scheme__: scheme, __alerts_path__: join('/', path_prefix, 'api/v2/alerts') };
  return target.with({ ...defaults, ...target.toJSON() });
}

function urlOf(labels: Labels): string {
  return `${labels.get('__scheme__')}://${labels.get('__address__')}${labels.get('__alerts_path__')}`;
}
