import type { Labels, Logger } from '@avalanche/model';
import type { Registry } from 'prom-client';
import { fingerprintOf } from '../config/fingerprint.ts';
import type { LoadedConfig } from '../config/load.ts';
import type { AlertmanagerConfig } from '../config/schema.ts';
import type { DiscoveryContext } from '../discovery/discovery.ts';
import type { RuleAlert } from '../rules/alerting.ts';
import { AlertmanagerSet, relabelAlerts } from './alertmanager-set.ts';
import { notificationMetrics } from './metrics.ts';
import type { OutgoingAlert, SendContext, SendOptions } from './send-loop.ts';

/** Upstream's defaults of `--alertmanager.…`. */
export const DEFAULT_SENDING: SendOptions = { capacity: 10_000, batchSize: 256, drainOnShutdown: true };

interface NotifierOptions extends DiscoveryContext {
  readonly logger: Logger;
  readonly registry: Registry;
  readonly sending?: Partial<SendOptions>;
}

interface RunningSet {
  readonly fingerprint: string;
  readonly set: AlertmanagerSet;
}

/** Passes alerts on to every Alertmanager of the configuration (upstream notifier/manager.go). */
export class Notifier {
  private externalLabels: Readonly<Record<string, string>> = {};
  private relabelRules: AlertmanagerConfig['alert_relabel_configs'] = [];
  private sets: readonly RunningSet[] = [];
  /** Of sets that a reload has replaced: what waits there is still being sent. */
  private readonly ending = new Set<Promise<void>>();
  private stopped = false;
  private readonly context: SendContext;

  constructor(private readonly options: NotifierOptions) {
    const { logger, registry, sending } = options;
    const sendOptions = { ...DEFAULT_SENDING, ...sending };
    const metrics = notificationMetrics(registry, sendOptions.capacity, () => this.alertmanagers.length);
    this.context = { options: sendOptions, metrics, logger };
  }

  /** URLs that alerts are posted to. */
  get alertmanagers(): string[] {
    return this.sets.flatMap(({ set }) => set.urls);
  }

  /** URLs that relabelling dropped. */
  get droppedAlertmanagers(): string[] {
    return this.sets.flatMap(({ set }) => set.dropped);
  }

  /** Moves to a configuration; sets that it has unchanged go on with their queues. */
  apply({ config }: LoadedConfig): void {
    this.externalLabels = config.global.external_labels;
    this.relabelRules = config.alerting.alert_relabel_configs;
    const before = [...this.sets];
    const wanted = config.alerting.alertmanagers.map((alertmanager) => {
      const fingerprint = fingerprintOf(alertmanager);
      const same = before.findIndex((running) => running.fingerprint === fingerprint);
      return { alertmanager, fingerprint, running: same >= 0 ? before.splice(same, 1)[0] : undefined };
    });
    for (const { set } of before) this.end(set);
    this.sets = wanted.map(({ alertmanager, fingerprint, running }, i) => {
      if (running) return running;
      const discovery = { ...this.options, seeker: 'notify', setName: `config-${i}` } as const;
      return { fingerprint, set: new AlertmanagerSet(alertmanager, discovery, this.context) };
    });
  }

  /** Takes no more alerts; settles when those that wait have been sent, or dropped where that is wanted. */
  async stop(): Promise<void> {
    this.stopped = true;
    for (const { set } of this.sets) this.end(set);
    this.sets = [];
    await Promise.all(this.ending);
  }

  private end(set: AlertmanagerSet): void {
    const ended = set.stop().finally(() => this.ending.delete(ended));
    this.ending.add(ended);
  }

  /** Queues alerts; `validUntil` (milliseconds) is when Alertmanager may take a firing one for resolved. */
  send(alerts: readonly RuleAlert[], validUntil: number, generatorURL: string): void {
    if (this.stopped) return;
    const outgoing = alerts.map(
      (alert): OutgoingAlert => ({
        labels: this.withExternal(alert.labels),
        annotations: alert.annotations,
        startsAt: new Date(alert.firedAt).toISOString(),
        endsAt: new Date(alert.resolvedAt || validUntil).toISOString(),
        generatorURL,
      }),
    );
    const kept = relabelAlerts(outgoing, this.relabelRules);
    if (kept.length === 0) return;
    for (const { set } of this.sets) set.send(kept);
  }

  /** With the external labels that an alert does not have itself. */
  private withExternal(labels: Labels): Labels {
    return labels.with(Object.fromEntries(Object.entries(this.externalLabels).filter(([name]) => !labels.has(name))));
  }
}
