import { join } from 'node:path';
import { type Clock, type Logger, Slices } from '@avalanche/model';
import type { Registry } from 'prom-client';
import type { Alert } from './alert/alert.ts';
import { AlertStore } from './alert/store.ts';
import type { ClusterPeer } from './cluster.ts';
import type { LoadedAlertmanagerConfig } from './config/load.ts';
import { Dispatcher } from './dispatch/dispatcher.ts';
import type { AggregationGroup } from './dispatch/group.ts';
import { NotificationHistory } from './history/history.ts';
import { SeenAlerts } from './history/seen.ts';
import { type Inhibition, Inhibitor } from './inhibit/inhibit.ts';
import { NotificationMetrics } from './metrics/notifications.ts';
import { type AlertCounts, stateMetrics } from './metrics/state.ts';
import { StoreMetrics } from './metrics/store.ts';
import { NotificationLog } from './nflog/nflog.ts';
import { buildIntegrations } from './notify/build.ts';
import { type Integration, integrationId } from './notify/integration.ts';
import { runPipeline } from './notify/pipeline.ts';
import { TroubleLog } from './notify/trouble-log.ts';
import { Silences } from './silence/silences.ts';
import { renderRouteLabels } from './template/templates.ts';

/** Bounds and intervals; upstream's flags of the same names. Times are milliseconds; a bound of 0 is none. */
export interface AlertmanagerLimits {
  readonly retentionMs: number;
  /** How long it is kept what was notified about. */
  readonly historyRetentionMs: number;
  readonly maintenanceIntervalMs: number;
  readonly alertsGcIntervalMs: number;
  readonly alertsPerName: number;
  readonly dispatchMaintenanceIntervalMs: number;
  readonly dispatchStartDelayMs: number;
  readonly silences: number;
  readonly silenceBytes: number;
  readonly logSilences: boolean;
}

/** What `--enable-feature` turns on. */
export interface AlertmanagerFeatures {
  readonly alertNamesInMetrics?: boolean;
  readonly receiverNameInMetrics?: boolean;
  readonly groupKeyInMetrics?: boolean;
}

export const DEFAULT_LIMITS: AlertmanagerLimits = {
  retentionMs: 120 * 3_600_000,
  historyRetentionMs: 30 * 86_400_000,
  maintenanceIntervalMs: 15 * 60_000,
  alertsGcIntervalMs: 30 * 60_000,
  alertsPerName: 0,
  dispatchMaintenanceIntervalMs: 30_000,
  dispatchStartDelayMs: 0,
  silences: 0,
  silenceBytes: 0,
  logSilences: false,
};

export interface AlertmanagerParts {
  /** An existing, writable directory. */
  readonly directory: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly version: string;
  readonly limits?: Partial<AlertmanagerLimits>;
  readonly features?: AlertmanagerFeatures;
  /** Ourselves, where there is a cluster. */
  readonly cluster?: ClusterPeer | undefined;
  readonly externalUrl: () => string;
  /** Makes a configuration's integrations; tests put recorders in their place. */
  readonly integrations?: (loaded: LoadedAlertmanagerConfig, version: string) => Map<string, Integration[]>;
  readonly random?: () => number;
}

/** What lives as long as a configuration. */
interface Generation {
  readonly loaded: LoadedAlertmanagerConfig;
  readonly inhibitor: Inhibitor;
  readonly integrations: Map<string, Integration[]>;
  readonly dispatcher: Dispatcher;
  readonly end: () => Promise<void>;
}

export interface AlertStatus {
  readonly state: 'active' | 'suppressed';
  readonly silencedBy: readonly string[];
  readonly inhibitedBy: readonly string[];
}

/** The role without its HTTP server: alerts in, notifications out. */
export class Alertmanager {
  readonly alerts: AlertStore;
  readonly silences: Silences;
  readonly nflog: NotificationLog;
  readonly history: NotificationHistory;
  readonly seen: SeenAlerts;
  readonly metrics: NotificationMetrics;
  private readonly limits: AlertmanagerLimits;
  /** When the first turns of groups may come, in milliseconds. */
  private readonly startAt: number;
  private readonly troubles: TroubleLog;
  private readonly stores: readonly (readonly [Silences | NotificationLog, StoreMetrics])[];
  private generation: Generation | undefined;
  /** The end of the last change of configuration: two reloads at once would leave two dispatchers running. */
  private applying: Promise<unknown> = Promise.resolve();
  private stopping: Promise<void> | undefined;
  private cancelMaintenance = (): void => {};
  private maintaining: Promise<void> = Promise.resolve();
  private readonly reload = { success: false, successTime: 0 };

  /** @throws the system's error where the directory cannot be written */
  constructor(private readonly parts: AlertmanagerParts) {
    const { directory, clock, registry, logger } = parts;
    this.limits = { ...DEFAULT_LIMITS, ...parts.limits };
    const { retentionMs } = this.limits;
    this.startAt = clock.now() + this.limits.dispatchStartDelayMs;
    this.silences = new Silences({
      file: join(directory, 'silences'),
      clock,
      retentionMs,
      max: this.limits.silences,
      maxBytes: this.limits.silenceBytes,
      ...(this.limits.logSilences ? { changes: logger } : {}),
    });
    this.nflog = new NotificationLog(join(directory, 'nflog'), clock, retentionMs);
    for (const [file, { dropped }] of Object.entries({ silences: this.silences, nflog: this.nflog })) {
      if (dropped === 0) continue;
      logger.warn('A state file was damaged; what cannot be read is left out', {
        file,
        bytes: dropped,
        kept: `${file}.damaged`,
      });
    }
    this.history = new NotificationHistory({
      directory: join(directory, 'notifications'),
      ...{ clock, logger, retentionMs: this.limits.historyRetentionMs },
    });
    this.alerts = new AlertStore({
      clock,
      gcIntervalMs: this.limits.alertsGcIntervalMs,
      perName: this.limits.alertsPerName,
      onLimited: (alertname) => {
        this.metrics.limited.inc(parts.features?.alertNamesInMetrics ? { alertname } : {});
        logger.warn('An alert is one too many of its name', { alertname });
      },
    });
    this.seen = new SeenAlerts(clock);
    this.alerts.subscribe(
      (alert) => this.seen.see(alert),
      ({ fingerprint }) => this.silences.forgetAlert(fingerprint),
    );
    this.metrics = new NotificationMetrics(registry, parts.features?.receiverNameInMetrics ?? false);
    this.stores = [
      [this.silences, new StoreMetrics('silences', registry, this.silences.counts)],
      [this.nflog, new StoreMetrics('nflog', registry, this.nflog.counts)],
    ];
    this.troubles = new TroubleLog(parts.logger);
    stateMetrics(registry, {
      alerts: () => this.countAlerts(),
      silences: () => this.silences.countStates(),
      inhibitionRules: () => this.generation?.loaded.config.inhibitRules.length ?? 0,
      perAlertNameLimit: this.limits.alertsPerName,
      cluster: parts.cluster,
      groups: () => this.generation?.dispatcher.groupCount ?? 0,
      receivers: () => this.generation?.loaded.config.receivers.length ?? 0,
      integrations: () => this.allIntegrations(),
      isConfigured: (integration) => !this.troubles.isNotConfigured(integrationId(integration)),
      configHash: () => this.generation?.loaded.hash ?? 0,
      reload: () => this.reload,
    });
    this.scheduleMaintenance();
  }

  /** The configuration in force. */
  get loaded(): LoadedAlertmanagerConfig {
    if (!this.generation) throw new Error('BUG: no configuration has been applied');
    return this.generation.loaded;
  }

  get dispatcher(): Dispatcher {
    if (!this.generation) throw new Error('BUG: no configuration has been applied');
    return this.generation.dispatcher;
  }

  /**
   * Puts a configuration in force: groups are made anew, the notification log keeps them from repeating themselves.
   * @returns whether it is; not where we stop
   */
  apply(loaded: LoadedAlertmanagerConfig): Promise<boolean> {
    const applied = this.applying.then(() => this.replaceGeneration(loaded));
    this.applying = applied.catch(() => {}); // told to the caller
    return applied;
  }

  private async replaceGeneration(loaded: LoadedAlertmanagerConfig): Promise<boolean> {
    if (this.stopping) return false;
    const { clock, logger, version, externalUrl, random } = this.parts;
    const integrations = (this.parts.integrations ?? buildIntegrations)(loaded, version);
    this.metrics.useReceivers(integrations.values());
    await this.generation?.end();
    const inhibitor = new Inhibitor(loaded.config.inhibitRules);
    // before the dispatcher, so that an alert inhibits from the moment that it is there
    const unsubscribe = this.alerts.subscribe(
      (alert) => inhibitor.update(alert),
      (alert) => inhibitor.remove(alert),
    );
    await this.alerts.each((alert) => inhibitor.update(alert));
    const pipeline = {
      ...{ clock, logger, inhibitor, integrations, externalUrl, metrics: this.metrics, troubles: this.troubles },
      silences: this.silences,
      nflog: this.nflog,
      history: this.history,
      timeIntervals: loaded.config.timeIntervals,
      templates: loaded.templates,
      ...(random ? { random } : {}),
    };
    const { route } = loaded;
    const dispatcher = new Dispatcher({
      ...{ route, clock, logger, metrics: this.metrics, alerts: this.alerts, startAt: this.startAt },
      maintenanceIntervalMs: this.limits.dispatchMaintenanceIntervalMs,
      flush: (flush) => runPipeline(pipeline, flush),
      prepare({ receiver }) {
        for (const integration of integrations.get(receiver) ?? []) integration.prepare?.();
      },
    });
    await dispatcher.fill();
    const end = async (): Promise<void> => {
      unsubscribe();
      await dispatcher.stop();
      for (const integration of [...integrations.values()].flat()) integration.close?.();
    };
    this.generation = { loaded, inhibitor, integrations, dispatcher, end };
    this.reload.success = true;
    this.reload.successTime = clock.now();
    await this.sayMissing();
    return true;
  }

  reloadFailed(): void {
    this.reload.success = false;
  }

  statusOf(alert: Alert): AlertStatus {
    const now = this.parts.clock.now();
    const silencedBy = this.silences.silencedBy(alert.fingerprint, alert.labels, now);
    const inhibiting = this.generation?.inhibitor.inhibitedBy(alert.labels, now);
    const inhibitedBy = inhibiting === undefined ? [] : [inhibiting];
    const state = silencedBy.length + inhibitedBy.length > 0 ? 'suppressed' : 'active';
    return { state, silencedBy, inhibitedBy };
  }

  /** What inhibits an alert now. */
  inhibitionOf(alert: Alert, now: number): Inhibition | undefined {
    return this.generation?.inhibitor.inhibition(alert.labels, now);
  }

  /** The labels of a group's route, rendered for its alerts of now; {} where a template fails. */
  routeLabelsOf(group: AggregationGroup, now: number): Readonly<Record<string, string>> {
    const { route, key } = group;
    if (Object.keys(route.labels).length === 0) return {};
    const base = { receiver: route.receiver, groupKey: key, groupLabels: group.labels.toJSON(), reason: 'unknown' };
    const about = {
      ...base,
      routeLabels: route.labels,
      alerts: group.list(),
      externalUrl: this.parts.externalUrl(),
      now,
    };
    try {
      return renderRouteLabels(this.loaded.templates, about);
    } catch {
      return {}; // told in the log when it is notified about
    }
  }

  integrationsOf(receiver: string): readonly Integration[] {
    return this.generation?.integrations.get(receiver) ?? [];
  }

  /** Ends every timer and turn and writes the state; nothing is written after it. Who asks again waits for the same end. */
  stop(): Promise<void> {
    this.stopping ??= this.end();
    return this.stopping;
  }

  private async end(): Promise<void> {
    this.cancelMaintenance();
    this.alerts.stop();
    await this.applying;
    await this.generation?.end();
    await this.maintaining;
    await this.history.flush();
    for (const [store] of this.stores) {
      try {
        store.close();
      } catch (error) {
        // all of it is in the file that was there before
        this.parts.logger.error('Writing a state file anew at the end failed', { error });
      }
    }
  }

  private allIntegrations(): Integration[] {
    return [...(this.generation?.integrations.values() ?? [])].flat();
  }

  private async sayMissing(): Promise<void> {
    for (const integration of this.allIntegrations()) {
      const reason = await integration.missing();
      if (reason !== undefined) this.troubles.report(integrationId(integration), { kind: 'not-configured', reason });
    }
  }

  private async countAlerts(): Promise<readonly AlertCounts[]> {
    const byGroup = this.parts.features?.groupKeyInMetrics ?? false;
    if (!byGroup) return [await this.countStates(this.alerts.pending())];
    const counts: AlertCounts[] = [];
    for (const group of this.generation?.dispatcher.allGroups() ?? []) {
      counts.push({ groupKey: group.key, ...(await this.countStates(group.list())) });
    }
    return counts;
  }

  private async countStates(alerts: readonly Alert[]): Promise<AlertCounts> {
    const counts = { active: 0, suppressed: 0, unprocessed: 0 };
    const slices = new Slices();
    for (const alert of alerts) {
      counts[this.statusOf(alert).state]++;
      if (slices.isOver()) await slices.next();
    }
    return counts;
  }

  /** 0: none, as upstream. */
  private scheduleMaintenance(): void {
    const { maintenanceIntervalMs } = this.limits;
    if (this.stopping || maintenanceIntervalMs <= 0) return;
    this.cancelMaintenance = this.parts.clock.after(maintenanceIntervalMs, () => {
      this.maintaining = this.maintain().then(() => this.scheduleMaintenance());
    });
  }

  /** What fails does not keep the others from making room on the disk. */
  private async maintain(): Promise<void> {
    const isKnown = (fingerprint: string): boolean => this.alerts.get(fingerprint) !== undefined;
    const steps = [
      ...this.stores.map(
        ([store, measured]) =>
          () =>
            measured.maintain(store),
      ),
      () => this.silences.forgetAlertsUnless(isKnown),
      () => this.history.maintain(),
    ];
    for (const step of steps) {
      try {
        await step();
      } catch (error) {
        this.parts.logger.error('Maintenance of silences, notification log or history failed', { error });
      }
    }
  }
}
