import type { LoadedAlertmanagerConfig } from '../config/load.ts';
import { emailIntegration } from './email/email.ts';
import type { Integration } from './integration.ts';
import { slackIntegration } from './slack/slack.ts';
import { type IntegrationContext, webhookIntegration } from './webhook/webhook.ts';

/** The integrations of every receiver, by the receiver's name. */
export function buildIntegrations(loaded: LoadedAlertmanagerConfig, version: string): Map<string, Integration[]> {
  const { config, templates, resolvePath } = loaded;
  const { global } = config;
  return new Map(
    config.receivers.map((receiver) => {
      const context = (index: number): IntegrationContext => ({
        receiver: receiver.name,
        index,
        httpConfig: global.http_config,
        userAgent: `Alertmanager/${version}`,
        resolvePath,
      });
      return [
        receiver.name,
        [
          ...receiver.webhook_configs.map((webhook, i) => webhookIntegration(webhook, context(i))),
          ...receiver.email_configs.map((email, i) => emailIntegration(email, global, templates, context(i))),
          ...receiver.slack_configs.map((slack, i) => slackIntegration(slack, global, templates, context(i))),
        ],
      ];
    }),
  );
}
