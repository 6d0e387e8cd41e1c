import { z } from 'zod';
import { completeDiscord, discordSchema } from '../notify/discord/config.ts';
import { completeEmail, emailSchema } from '../notify/email/config.ts';
import { completeIncidentio, incidentioSchema } from '../notify/incidentio/config.ts';
import type { IntegrationKind } from '../notify/integration.ts';
import { completeJira, jiraSchema } from '../notify/jira/config.ts';
import { completeMattermost, mattermostSchema } from '../notify/mattermost/config.ts';
import { completeMsteams, msteamsSchema } from '../notify/msteams/config.ts';
import { completeMsteamsv2, msteamsv2Schema } from '../notify/msteamsv2/config.ts';
import { completeOpsgenie, opsgenieSchema } from '../notify/opsgenie/config.ts';
import { completePagerduty, pagerdutySchema } from '../notify/pagerduty/config.ts';
import { completePushover, pushoverSchema } from '../notify/pushover/config.ts';
import { completeRocketchat, rocketchatSchema } from '../notify/rocketchat/config.ts';
import { completeSlack, slackSchema } from '../notify/slack/config.ts';
import { completeSns, snsSchema } from '../notify/sns/config.ts';
import { completeTelegram, telegramSchema } from '../notify/telegram/config.ts';
import { completeVictorops, victoropsSchema } from '../notify/victorops/config.ts';
import { completeWebex, webexSchema } from '../notify/webex/config.ts';
import { completeWebhook, webhookSchema } from '../notify/webhook/config.ts';
import { completeWechat, wechatSchema } from '../notify/wechat/config.ts';
import type { GlobalConfig } from './global.ts';
import { list, refuse, text, textMap } from './values.ts';

/** A list of `…_configs`, in which an item with nothing in it is a mistake. */
function configs<Schema extends z.ZodType>(kind: IntegrationKind, schema: Schema) {
  const present = z.unknown().superRefine((value, context) => {
    if (value === null) refuse(context, `missing ${kind} config`);
  });
  return list(present.pipe(schema));
}

export const receiverSchema = z
  .strictObject({
    name: text(),
    labels: textMap,
    discord_configs: configs('discord', discordSchema),
    email_configs: configs('email', emailSchema),
    incidentio_configs: configs('incidentio', incidentioSchema),
    pagerduty_configs: configs('pagerduty', pagerdutySchema),
    slack_configs: configs('slack', slackSchema),
    webhook_configs: configs('webhook', webhookSchema),
    opsgenie_configs: configs('opsgenie', opsgenieSchema),
    wechat_configs: configs('wechat', wechatSchema),
    pushover_configs: configs('pushover', pushoverSchema),
    victorops_configs: configs('victorops', victoropsSchema),
    sns_configs: configs('sns', snsSchema),
    telegram_configs: configs('telegram', telegramSchema),
    webex_configs: configs('webex', webexSchema),
    msteams_configs: configs('msteams', msteamsSchema),
    msteamsv2_configs: configs('msteamsv2', msteamsv2Schema),
    jira_configs: configs('jira', jiraSchema),
    rocketchat_configs: configs('rocketchat', rocketchatSchema),
    mattermost_configs: configs('mattermost', mattermostSchema),
  })
  .superRefine(({ name, labels }, context) => {
    if (name === '') refuse(context, 'missing name in receiver');
    else if (Object.hasOwn(labels, 'name') && labels.name !== name) {
      const [want, got] = [name, labels.name].map((value) => JSON.stringify(value));
      refuse(context, `receiver label "name" must match receiver name ${want}, got ${got}`, ['labels', 'name']);
    }
  })
  .transform((receiver) => ({ ...receiver, labels: { ...receiver.labels, name: receiver.name } }));

export type ReceiverConfig = z.output<typeof receiverSchema>;

type Refuse = (path: readonly PropertyKey[], message: string) => void;

/** The receiver with what it inherits from `global`; what is missing in both is refused at its entry. */
export function completeReceiver(receiver: ReceiverConfig, global: GlobalConfig, refuseAt: Refuse): ReceiverConfig {
  function each<Config>(
    key: keyof ReceiverConfig,
    complete: (config: Config, global: GlobalConfig) => Config,
  ): Config[] {
    return (receiver[key] as Config[]).map((config, i) => {
      try {
        return complete(config, global);
      } catch (error) {
        refuseAt([key, i], (error as Error).message);
        return config;
      }
    });
  }
  return {
    ...receiver,
    discord_configs: each('discord_configs', completeDiscord),
    email_configs: each('email_configs', completeEmail),
    incidentio_configs: each('incidentio_configs', completeIncidentio),
    pagerduty_configs: each('pagerduty_configs', completePagerduty),
    slack_configs: each('slack_configs', completeSlack),
    webhook_configs: each('webhook_configs', completeWebhook),
    opsgenie_configs: each('opsgenie_configs', completeOpsgenie),
    wechat_configs: each('wechat_configs', completeWechat),
    pushover_configs: each('pushover_configs', completePushover),
    victorops_configs: each('victorops_configs', completeVictorops),
    sns_configs: each('sns_configs', completeSns),
    telegram_configs: each('telegram_configs', completeTelegram),
    webex_configs: each('webex_configs', completeWebex),
    msteams_configs: each('msteams_configs', completeMsteams),
    msteamsv2_configs: each('msteamsv2_configs', completeMsteamsv2),
    jira_configs: each('jira_configs', completeJira),
    rocketchat_configs: each('rocketchat_configs', completeRocketchat),
    mattermost_configs: each('mattermost_configs', completeMattermost),
  };
}
