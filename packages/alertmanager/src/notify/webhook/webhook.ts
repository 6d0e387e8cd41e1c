import { goTime, isResolved } from '../../alert/alert.ts';
import type { WebhookConfig } from '../../config/receivers.ts';
import type { HttpConfig } from '../../config/values.ts';
import {
  commonAnnotations,
  commonLabels,
  type Notification,
  notificationStatus,
  quoteMeta,
} from '../../template/data.ts';
import { HttpIdentity, outcomeOfError, outcomeOfStatus, postJson } from '../http.ts';
import type { Integration, Outcome } from '../integration.ts';
import { missingSecret, Secret } from '../secret-file.ts';

export interface IntegrationContext {
  readonly receiver: string;
  readonly index: number;
  readonly httpConfig: HttpConfig | undefined;
  readonly userAgent: string;
  readonly resolvePath: (path: string) => string;
}

/** The body that webhooks get, version "4", in upstream's order of keys. */
export function webhookMessage(notification: Notification, maxAlerts: number) {
  const { alerts, now } = notification;
  const kept = maxAlerts > 0 ? alerts.slice(0, maxAlerts) : alerts;
  const shown = { ...notification, alerts: kept };
  return {
    receiver: quoteMeta(notification.receiver),
    status: notificationStatus(shown),
    alerts: kept.map((alert) => ({
      status: isResolved(alert, now) ? 'resolved' : 'firing',
      labels: alert.labels.toJSON(),
      annotations: alert.annotations,
      startsAt: goTime(alert.startsAt),
      endsAt: goTime(alert.endsAt),
      generatorURL: alert.generatorURL,
      fingerprint: alert.fingerprint,
    })),
    groupLabels: notification.groupLabels,
    commonLabels: commonLabels(shown),
    commonAnnotations: commonAnnotations(shown),
    externalURL: notification.externalUrl,
    version: '4',
    groupKey: notification.groupKey,
    truncatedAlerts: alerts.length - kept.length,
  };
}

export function webhookIntegration(config: WebhookConfig, context: IntegrationContext): Integration {
  const url = Secret.of(config.url, config.url_file, context.resolvePath);
  const identity = new HttpIdentity(config.http_config ?? context.httpConfig, context.resolvePath);
  const post = async (notification: Notification, signal: AbortSignal): Promise<Outcome> => {
    const headers = { 'user-agent': context.userAgent, ...(await identity.headers()) };
    const body = `${JSON.stringify(webhookMessage(notification, config.max_alerts))}\n`;
    return outcomeOfStatus(
      await postJson({
        url: (await url?.read()) ?? '',
        body,
        headers,
        followRedirects: identity.followRedirects,
        timeoutMs: config.timeout,
        signal,
      }),
    );
  };
  return {
    receiver: context.receiver,
    kind: 'webhook',
    index: context.index,
    sendResolved: config.send_resolved,
    missing: () => missingSecret([url, ...identity.secrets]),
    notify: (notification, { signal }) => post(notification, signal).catch(outcomeOfError),
  };
}
