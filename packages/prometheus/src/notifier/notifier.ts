import { join } from 'node:path/posix';
import type { Labels, Logger } from '@avalanche/model';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { LoadedConfig } from '../config/load.ts';
import type { AlertmanagerConfig } from '../config/schema.ts';
import { discover } from '../discovery/discovery.ts';
import { type RelabelRule, relabel } from '../relabel.ts';
import type { RuleAlert } from '../rules/alerting.ts';
import { authorizationHeader } from '../scrape/fetch.ts';

const QUEUE_MAX = 10_000;
const BATCH_MAX = 64;

/** An alert as `POST /api/v2/alerts` of Alertmanager takes it. */
export interface PostedAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly endsAt: string;
  readonly generatorURL: string;
}

interface NotifierOptions {
  readonly logger: Logger;
  readonly registry: Registry;
  readonly resolvePath: (path: string) => string;
}

/**
 * Passes alerts on to every Alertmanager of the configuration. Alerts wait in one bounded queue; the oldest go first
 * when it is full. A batch counts as sent when one Alertmanager has taken it (upstream notifier).
 */
export class Notifier {
  private queue: PostedAlert[] = [];
  private externalLabels: Readonly<Record<string, string>> = {};
  private relabelRules: readonly RelabelRule[] = [];
  private pools: { readonly config: AlertmanagerConfig; urls: readonly string[]; readonly stop: () => void }[] = [];
  private sending = false;
  private readonly sent: Counter<'alertmanager'>;
  private readonly errors: Counter<'alertmanager'>;
  private readonly dropped: Counter;

  constructor(private readonly options: NotifierOptions) {
    const registers = [options.registry];
    const labelNames = ['alertmanager'] as const;
    this.sent = new Counter({
      name: 'prometheus_notifications_sent_total',
      help: 'Alerts sent to an Alertmanager.',
      labelNames,
      registers,
    });
    this.errors = new Counter({
      name: 'prometheus_notifications_errors_total',
      help: 'Alerts that an Alertmanager did not take.',
      labelNames,
      registers,
    });
    this.dropped = new Counter({
      name: 'prometheus_notifications_dropped_total',
      help: 'Alerts dropped because the queue was full or no Alertmanager took them.',
      registers,
    });
    const notifier = this;
    new Gauge({
      name: 'prometheus_notifications_queue_length',
      help: 'Alerts waiting to be sent.',
      registers,
      collect() {
        this.set(notifier.queue.length);
      },
    });
    new Gauge({
      name: 'prometheus_notifications_alertmanagers_discovered',
      help: 'Alertmanagers that alerts are sent to.',
      registers,
      collect() {
        this.set(notifier.alertmanagers.length);
      },
    });
  }

  /** URLs that alerts are posted to. */
  get alertmanagers(): string[] {
    return this.pools.flatMap((pool) => pool.urls);
  }

  apply({ config }: LoadedConfig): void {
    this.stop();
    this.externalLabels = config.global.external_labels;
    this.relabelRules = config.alerting.alert_relabel_configs;
    this.pools = config.alerting.alertmanagers.map((alertmanager) => {
      const pool = { config: alertmanager, urls: [] as readonly string[], stop: () => {} };
      pool.stop = discover(alertmanager, this.options, (found) => {
        pool.urls = found.flatMap((labels) => alertsUrl(labels, alertmanager));
      });
      return pool;
    });
  }

  stop(): void {
    for (const pool of this.pools) pool.stop();
    this.pools = [];
  }

  /** Queues alerts; `validUntil` (milliseconds) is when Alertmanager may take a firing one for resolved. */
  send(alerts: readonly RuleAlert[], validUntil: number, generatorUrl: string): void {
    for (const alert of alerts) {
      const labels = relabel(alert.labels.with(withoutOwn(this.externalLabels, alert.labels)), this.relabelRules);
      if (!labels) continue;
      this.queue.push({
        labels: labels.toJSON(),
        annotations: alert.annotations,
        startsAt: new Date(alert.firedAt).toISOString(),
        endsAt: new Date(alert.resolvedAt || validUntil).toISOString(),
        generatorURL: generatorUrl,
      });
    }
    if (this.queue.length > QUEUE_MAX) {
      const excess = this.queue.length - QUEUE_MAX;
      this.queue = this.queue.slice(excess);
      this.dropped.inc(excess);
      this.options.logger.warn('Alert notification queue full, dropping the oldest', { dropped: excess });
    }
    if (!this.sending) void this.drain();
  }

  private async drain(): Promise<void> {
    this.sending = true;
    while (this.queue.length > 0) {
      const batch = this.queue.splice(0, BATCH_MAX);
      const results = await Promise.all(
        this.pools.flatMap((pool) => pool.urls.map((url) => this.post(url, batch, pool.config))),
      );
      if (results.length > 0 && !results.includes(true)) this.dropped.inc(batch.length);
    }
    this.sending = false;
  }

  private async post(url: string, batch: readonly PostedAlert[], config: AlertmanagerConfig): Promise<boolean> {
    const alertmanager = { alertmanager: url };
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...authorizationHeader(config) },
        body: JSON.stringify(batch),
        signal: AbortSignal.timeout(config.timeout),
      });
      if (!response.ok) throw new Error(`HTTP status ${response.status}: ${(await response.text()).slice(0, 200)}`);
      await response.arrayBuffer();
      this.sent.inc(alertmanager, batch.length);
      return true;
    } catch (error) {
      this.errors.inc(alertmanager, batch.length);
      // What fetch throws says only that it failed; why is in its cause.
      const reason = error instanceof Error && error.cause instanceof Error ? error.cause : error;
      this.options.logger.error('Error sending alerts', { ...alertmanager, count: batch.length, error: reason });
      return false;
    }
  }
}

/** External labels that an alert does not have itself. */
function withoutOwn(external: Readonly<Record<string, string>>, labels: Labels): Record<string, string> {
  return Object.fromEntries(Object.entries(external).filter(([name]) => !labels.has(name)));
}

function alertsUrl(found: Labels, config: AlertmanagerConfig): string[] {
  const labels = relabel(
    withDefaults(found, { __scheme__: config.scheme, __alerts_path__: join('/', config.path_prefix, 'api/v2/alerts') }),
    config.relabel_configs,
  );
  if (!labels) return [];
  return [`${labels.get('__scheme__')}://${labels.get('__address__')}${labels.get('__alerts_path__')}`];
}

function withDefaults(labels: Labels, defaults: Readonly<Record<string, string>>): Labels {
  return labels.with(withoutOwn(defaults, labels));
}
