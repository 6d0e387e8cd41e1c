import { registerFamily, sample } from '@avalanche/web';
import { Counter, Histogram, type Registry } from 'prom-client';
import { type FailureCategory, INTEGRATION_KINDS, type Integration } from '../notify/integration.ts';

const FAILURE_CATEGORIES: readonly FailureCategory[] = [
  'other',
  'clientError',
  'serverError',
  'contextCanceled',
  'contextDeadlineExceeded',
  'authError',
  'rateLimited',
];

/** What happens to alerts and notifications, counted under upstream's names. */
export class NotificationMetrics {
  readonly received: Counter<'status' | 'version'>;
  readonly invalid: Counter<'version'>;
  readonly limited: Counter<'alertname'>;
  readonly suppressed: Counter<'reason'>;
  /** Alerts routed, and the time that it took. */
  readonly processing = { seconds: 0, count: 0 };
  readonly groupLimitReached: Counter;
  private readonly sent: Counter<'integration' | 'receiver_name'>;
  private readonly failed: Counter<'integration' | 'receiver_name' | 'reason'>;
  private readonly requests: Counter<'integration' | 'receiver_name'>;
  private readonly requestsFailed: Counter<'integration' | 'receiver_name'>;
  private readonly latency: Histogram<'integration' | 'receiver_name'>;

  /** @param byReceiver whether receivers are told apart (`--enable-feature=receiver-name-in-metrics`) */
  constructor(
    registry: Registry,
    private readonly byReceiver: boolean,
  ) {
    const registers = [registry];
    const labelNames = ['integration' as const, ...(byReceiver ? ['receiver_name' as const] : [])];
    const perIntegration = (name: string, help: string) => new Counter({ name, help, labelNames, registers });
    this.received = new Counter({
      name: 'alertmanager_alerts_received_total',
      help: 'Alerts received.',
      labelNames: ['status', 'version'],
      registers,
    });
    this.invalid = new Counter({
      name: 'alertmanager_alerts_invalid_total',
      help: 'Alerts received that were not valid.',
      labelNames: ['version'],
      registers,
    });
    this.limited = new Counter({
      name: 'alertmanager_alerts_limited_total',
      help: 'Alerts kept out by --alerts.per-alertname-limit.',
      labelNames: ['alertname'],
      registers,
    });
    this.suppressed = new Counter({
      name: 'alertmanager_notifications_suppressed_total',
      help: 'Alerts kept out of notifications.',
      labelNames: ['reason'],
      registers,
    });
    const name = 'alertmanager_dispatcher_alert_processing_duration_seconds';
    registerFamily(registry, { name, help: 'How long routing an alert takes.', type: 'summary' }, () => [
      sample(`${name}_sum`, this.processing.seconds),
      sample(`${name}_count`, this.processing.count),
    ]);
    this.groupLimitReached = new Counter({
      name: 'alertmanager_dispatcher_aggregation_group_limit_reached_total',
      help: 'Groups that were not made, as there were too many.',
      registers,
    });
    this.sent = perIntegration('alertmanager_notifications_total', 'Notifications attempted.');
    this.failed = new Counter({
      name: 'alertmanager_notifications_failed_total',
      help: 'Notifications that failed for good.',
      labelNames: [...labelNames, 'reason'],
      registers,
    });
    this.requests = perIntegration('alertmanager_notification_requests_total', 'Single attempts to notify.');
    this.requestsFailed = perIntegration(
      'alertmanager_notification_requests_failed_total',
      'Single attempts to notify that failed.',
    );
    this.latency = new Histogram({
      name: 'alertmanager_notification_latency_seconds',
      help: 'How long single attempts to notify took.',
      labelNames,
      buckets: [1, 5, 10, 15, 20],
      registers,
    });
    for (const status of ['firing', 'resolved']) this.received.inc({ status, version: 'v2' }, 0);
    this.invalid.inc({ version: 'v2' }, 0);
    if (!byReceiver) for (const integration of INTEGRATION_KINDS) this.startAtZero({ integration });
  }

  /** Series of the receivers of a configuration, where these are told apart. */
  useReceivers(integrations: Iterable<readonly Integration[]>): void {
    if (!this.byReceiver) return;
    for (const metric of [this.sent, this.failed, this.requests, this.requestsFailed, this.latency]) metric.reset();
    for (const { kind, receiver } of [...integrations].flat()) {
      this.startAtZero({ integration: kind, receiver_name: receiver });
    }
  }

  /** One attempt that took `seconds`. */
  attempted(integration: Integration, seconds: number, failed: boolean): void {
    const labels = this.labelsOf(integration);
    this.requests.inc(labels);
    this.latency.observe(labels, seconds);
    if (failed) this.requestsFailed.inc(labels);
  }

  /** The end of all attempts. */
  notified(integration: Integration, failure: FailureCategory | undefined): void {
    const labels = this.labelsOf(integration);
    this.sent.inc(labels);
    if (failure !== undefined) this.failed.inc({ ...labels, reason: failure });
  }

  private labelsOf({ kind, receiver }: Integration) {
    return this.byReceiver ? { integration: kind, receiver_name: receiver } : { integration: kind };
  }

  private startAtZero(labels: { integration: string; receiver_name?: string }): void {
    for (const counter of [this.sent, this.requests, this.requestsFailed]) counter.inc(labels, 0);
    this.latency.zero(labels);
    for (const reason of FAILURE_CATEGORIES) this.failed.inc({ ...labels, reason }, 0);
  }
}
