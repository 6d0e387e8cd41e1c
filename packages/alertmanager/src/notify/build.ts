import type { LoadedAlertmanagerConfig } from '../config/load.ts';
import type { ReceiverConfig } from '../config/receivers.ts';
import { discord } from './discord/discord.ts';
import { emailIntegration } from './email/email.ts';
import {
  type HttpKind,
  type HttpNotifierConfig,
  httpIntegration,
  type IntegrationContext,
} from './http-integration.ts';
import { incidentio } from './incidentio/incidentio.ts';
import type { Integration } from './integration.ts';
import { jira } from './jira/jira.ts';
import { mattermost } from './mattermost/mattermost.ts';
import { msteams } from './msteams/msteams.ts';
import { msteamsv2 } from './msteamsv2/msteamsv2.ts';
import { opsgenie } from './opsgenie/opsgenie.ts';
import { pagerduty } from './pagerduty/pagerduty.ts';
import { pushover } from './pushover/pushover.ts';
import { rocketchat } from './rocketchat/rocketchat.ts';
import { slack } from './slack/slack.ts';
import { sns } from './sns/sns.ts';
import { telegram } from './telegram/telegram.ts';
import { victorops } from './victorops/victorops.ts';
import { webex } from './webex/webex.ts';
import { webhook } from './webhook/webhook.ts';
import { wechat } from './wechat/wechat.ts';

/** The integrations of every receiver, by the receiver's name. */
export function buildIntegrations(loaded: LoadedAlertmanagerConfig, version: string): Map<string, Integration[]> {
  const { config, templates } = loaded;
  const shared = { templates, userAgent: `Alertmanager/${version}` };
  return new Map(config.receivers.map((receiver) => [receiver.name, integrationsOf(receiver, shared)]));
}

/** In upstream's order of kinds. */
function integrationsOf(
  receiver: ReceiverConfig,
  shared: Omit<IntegrationContext, 'receiver' | 'index'>,
): Integration[] {
  const context = (index: number): IntegrationContext => ({ ...shared, receiver: receiver.name, index });
  const http = <Config extends HttpNotifierConfig, Name extends string>(
    configs: readonly Config[],
    service: (config: Config) => HttpKind<Config, Name>,
  ): Integration[] => configs.map((config, i) => httpIntegration(service(config), config, context(i)));
  return [
    ...http(receiver.webhook_configs, () => webhook),
    ...receiver.email_configs.map((email, i) => emailIntegration(email, context(i))),
    ...http(receiver.pagerduty_configs, pagerduty),
    ...http(receiver.opsgenie_configs, () => opsgenie),
    ...http(receiver.wechat_configs, () => wechat()),
    ...http(receiver.slack_configs, () => slack),
    ...http(receiver.victorops_configs, () => victorops),
    ...http(receiver.pushover_configs, () => pushover),
    ...http(receiver.sns_configs, () => sns),
    ...http(receiver.telegram_configs, () => telegram),
    ...http(receiver.discord_configs, () => discord),
    ...http(receiver.webex_configs, () => webex),
    ...http(receiver.msteams_configs, () => msteams),
    ...http(receiver.msteamsv2_configs, () => msteamsv2),
    ...http(receiver.jira_configs, () => jira),
    ...http(receiver.incidentio_configs, () => incidentio),
    ...http(receiver.rocketchat_configs, () => rocketchat),
    ...http(receiver.mattermost_configs, () => mattermost),
  ];
}
