import { Labels } from '@avalanche/model';
import type { Alert } from '../alert/alert.ts';
import type { Alertmanager } from '../alertmanager.ts';
import type { NotificationRecord, NotifiedAlert } from '../history/record.ts';
import type { Notification } from '../template/data.ts';

const HOUR_MS = 3_600_000;

interface Surroundings {
  readonly now: number;
  readonly externalUrl: string;
}

/** What a template is tried out on: the recorded notification with `id`, else the newest one, else an example. */
export async function previewedNotification(
  { history }: Alertmanager,
  id: string,
  { now, externalUrl }: Surroundings,
): Promise<Notification> {
  for await (const record of history.newestFirst()) {
    if (id === '' || record.id === id) return notificationOf(record, externalUrl);
  }
  return exampleNotification(now, externalUrl);
}

function notificationOf(record: NotificationRecord, externalUrl: string): Notification {
  const { receiver, groupKey, groupLabels, reason, at, alerts } = record;
  const now = Date.parse(at);
  return {
    ...{ receiver, groupKey, groupLabels, routeLabels: {}, reason, externalUrl, now },
    alerts: alerts.map((alert) => alertOf(alert, now)),
  };
}

function alertOf(
  { fingerprint, labels, annotations, startsAt, endsAt, generatorURL }: NotifiedAlert,
  now: number,
): Alert {
  return {
    ...{ fingerprint, annotations, generatorURL, updatedAt: now, timeout: false },
    labels: Labels.from(labels),
    startsAt: Date.parse(startsAt),
    endsAt: endsAt === '' ? 0 : Date.parse(endsAt),
  };
}

function exampleNotification(now: number, externalUrl: string): Notification {
  const labels = { alertname: 'ExampleAlert', severity: 'warning', instance: 'worker-1:8000', job: 'edna' };
  const annotations = {
    summary: 'An example, as nothing has been notified about yet',
    description: 'Nothing is wrong.',
  };
  const alert = (instance: string, endsAt: number): Alert => ({
    ...{ fingerprint: '', annotations, generatorURL: '', updatedAt: now, timeout: false },
    labels: Labels.from({ ...labels, instance }),
    startsAt: now - HOUR_MS,
    endsAt,
  });
  return {
    ...{ receiver: 'example', groupKey: '{}:{alertname="ExampleAlert"}', groupLabels: { alertname: 'ExampleAlert' } },
    ...{ routeLabels: {}, reason: 'first notification', externalUrl, now },
    alerts: [alert('worker-1:8000', 0), alert('worker-2:8000', now - 60_000)],
  };
}
