import { Counter, Gauge, Histogram, type Registry, Summary } from 'prom-client';

/** What one Alertmanager has to do with alerts, by its URL. */
export interface SendMetrics {
  /** Shows the Alertmanager, with zeros where it is new. */
  appeared(alertmanager: string): void;
  /** Takes everything about it away, unless it has appeared more often: a reload replaces one queue by another. */
  gone(alertmanager: string): void;
  sent(alertmanager: string, alerts: number, seconds: number): void;
  failed(alertmanager: string, alerts: number): void;
  dropped(alertmanager: string, alerts: number): void;
  queued(alertmanager: string, alerts: number): void;
}

/** `prometheus_notifications_…` (upstream notifier/metric.go). */
export function notificationMetrics(registry: Registry, capacity: number, alertmanagers: () => number): SendMetrics {
  const registers = [registry];
  const labelNames = ['alertmanager'] as const;
  const named = (name: string, help: string) => ({
    name: `prometheus_notifications_${name}`,
    help,
    labelNames,
    registers,
  });
  const latency = new Summary({
    ...named('latency_seconds', 'Latency quantiles for sending alert notifications.'),
    percentiles: [0.5, 0.9, 0.99],
    maxAgeSeconds: 600,
    ageBuckets: 5,
  });
  const latencies = new Histogram({
    ...named('latency_histogram_seconds', 'Latency histogram for sending alert notifications.'),
    buckets: [0.01, 0.1, 1, 10],
  });
  const errors = new Counter(named('errors_total', 'Total number of sent alerts affected by errors.'));
  const sent = new Counter(named('sent_total', 'Total number of alerts sent.'));
  const dropped = new Counter(
    named('dropped_total', 'Total number of alerts dropped due to errors when sending to Alertmanager.'),
  );
  const length = new Gauge(named('queue_length', 'The number of alert notifications in the queue.'));
  new Gauge({
    name: 'prometheus_notifications_queue_capacity',
    help: 'The capacity of the alert notifications queue.',
    registers,
  }).set(capacity);
  new Gauge({
    name: 'prometheus_notifications_alertmanagers_discovered',
    help: 'The number of alertmanagers discovered and active.',
    registers,
    collect() {
      this.set(alertmanagers());
    },
  });
  const queues = new Map<string, number>();
  return {
    appeared(alertmanager) {
      const others = queues.get(alertmanager) ?? 0;
      queues.set(alertmanager, others + 1);
      if (others > 0) return;
      for (const counter of [errors, sent, dropped]) counter.inc({ alertmanager }, 0);
      length.set({ alertmanager }, 0);
    },
    gone(alertmanager) {
      const left = (queues.get(alertmanager) ?? 1) - 1;
      if (left > 0) {
        queues.set(alertmanager, left);
        return;
      }
      queues.delete(alertmanager);
      for (const metric of [latency, latencies, errors, sent, dropped, length]) metric.remove({ alertmanager });
    },
    sent(alertmanager, alerts, seconds) {
      sent.inc({ alertmanager }, alerts);
      latency.observe({ alertmanager }, seconds);
      latencies.observe({ alertmanager }, seconds);
    },
    failed: (alertmanager, alerts) => errors.inc({ alertmanager }, alerts),
    dropped: (alertmanager, alerts) => dropped.inc({ alertmanager }, alerts),
    queued: (alertmanager, alerts) => length.set({ alertmanager }, alerts),
  };
}
