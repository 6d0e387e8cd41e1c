import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Integration } from './notify/integration.ts';

const FAILURE_REASONS = ['clientError', 'serverError', 'contextCanceled', 'contextDeadlineExceeded', 'other'];

/** What the role counts, under upstream's names. */
export interface AlertmanagerMetrics {
  readonly received: Counter<'status' | 'version'>;
  readonly invalid: Counter<'version'>;
  readonly limited: Counter;
  readonly notifications: Counter<'integration'>;
  readonly failed: Counter<'integration' | 'reason'>;
  readonly requests: Counter<'integration'>;
  readonly requestsFailed: Counter<'integration'>;
  readonly latency: Histogram<'integration'>;
  readonly suppressed: Counter<'reason'>;
}

export function alertmanagerMetrics(registry: Registry): AlertmanagerMetrics {
  const registers = [registry];
  const integration = ['integration'] as const;
  const metrics = {
    received: new Counter({
      name: 'alertmanager_alerts_received_total',
      help: 'Alerts received.',
      labelNames: ['status', 'version'] as const,
      registers,
    }),
    invalid: new Counter({
      name: 'alertmanager_alerts_invalid_total',
      help: 'Alerts received that were not valid.',
      labelNames: ['version'] as const,
      registers,
    }),
    limited: new Counter({
      name: 'alertmanager_alerts_limited_total',
      help: 'Alerts kept out by --alerts.per-alertname-limit.',
      registers,
    }),
    notifications: new Counter({
      name: 'alertmanager_notifications_total',
      help: 'Notifications attempted.',
      labelNames: integration,
      registers,
    }),
    failed: new Counter({
      name: 'alertmanager_notifications_failed_total',
      help: 'Notifications that failed for good.',
      labelNames: ['integration', 'reason'] as const,
      registers,
    }),
    requests: new Counter({
      name: 'alertmanager_notification_requests_total',
      help: 'Single attempts to notify.',
      labelNames: integration,
      registers,
    }),
    requestsFailed: new Counter({
      name: 'alertmanager_notification_requests_failed_total',
      help: 'Single attempts to notify that failed.',
      labelNames: integration,
      registers,
    }),
    latency: new Histogram({
      name: 'alertmanager_notification_latency_seconds',
      help: 'How long single attempts to notify took.',
      labelNames: integration,
      buckets: [1, 5, 10, 15, 20],
      registers,
    }),
    suppressed: new Counter({
      name: 'alertmanager_notifications_suppressed_total',
      help: 'Alerts kept out of notifications.',
      labelNames: ['reason'] as const,
      registers,
    }),
  };
  for (const status of ['firing', 'resolved']) metrics.received.inc({ status, version: 'v2' }, 0);
  metrics.invalid.inc({ version: 'v2' }, 0);
  for (const kind of ['email', 'slack', 'webhook'] as const) {
    metrics.notifications.inc({ integration: kind }, 0);
    metrics.requests.inc({ integration: kind }, 0);
    metrics.requestsFailed.inc({ integration: kind }, 0);
    for (const reason of FAILURE_REASONS) metrics.failed.inc({ integration: kind, reason }, 0);
  }
  return metrics;
}

/** Numbers that are read from the running state when scraped. */
export interface StateNumbers {
  alerts(): Readonly<Record<'active' | 'suppressed' | 'unprocessed', number>>;
  silences(): Readonly<Record<'active' | 'pending' | 'expired', number>>;
  groups(): number;
  nflogEntries(): number;
  receivers(): number;
  integrations(): readonly Integration[];
  isConfigured(integration: Integration): boolean;
  configHash(): number;
  reload(): { readonly success: boolean; readonly successTime: number };
}

export function stateMetrics(registry: Registry, state: StateNumbers): void {
  const registers = [registry];
  const byState = (name: string, help: string, read: () => Readonly<Record<string, number>>) =>
    new Gauge({
      name,
      help,
      labelNames: ['state'],
      registers,
      collect() {
        for (const [label, value] of Object.entries(read())) this.set({ state: label }, value);
      },
    });
  const single = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  byState('alertmanager_alerts', 'Alerts by state.', () => state.alerts());
  byState('alertmanager_silences', 'Silences by state.', () => state.silences());
  single('alertmanager_dispatcher_aggregation_groups', 'Aggregation groups.', () => state.groups());
  single('avalanche_alertmanager_nflog_entries', 'Entries of the notification log.', () => state.nflogEntries());
  single('alertmanager_receivers', 'Configured receivers.', () => state.receivers());
  single('alertmanager_integrations', 'Configured integrations.', () => state.integrations().length);
  single('alertmanager_config_hash', 'Hash of the loaded configuration file.', () => state.configHash());
  single('alertmanager_config_last_reload_successful', 'Whether the last load of the configuration succeeded.', () =>
    Number(state.reload().success),
  );
  single(
    'alertmanager_config_last_reload_success_timestamp_seconds',
    'When the configuration was last loaded with success, in seconds since the epoch.',
    () => state.reload().successTime / 1000,
  );
  new Gauge({
    name: 'avalanche_alertmanager_integration_configured',
    help: 'Whether an integration has its secrets (1) or waits for them and sends nothing (0).',
    labelNames: ['receiver', 'integration', 'index'],
    registers,
    collect() {
      this.reset();
      for (const integration of state.integrations()) {
        const { receiver, kind, index } = integration;
        this.set({ receiver, integration: kind, index }, Number(state.isConfigured(integration)));
      }
    },
  });
}

export function buildInfo(registry: Registry, version: string): void {
  new Gauge({
    name: 'alertmanager_build_info',
    help: 'Constantly 1, with the version in labels.',
    labelNames: ['version', 'revision', 'branch', 'goversion', 'goos', 'goarch', 'tags'],
    registers: [registry],
  }).set(
    { version, revision: '', branch: '', goversion: '', goos: process.platform, goarch: process.arch, tags: '' },
    1,
  );
}
