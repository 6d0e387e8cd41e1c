import type { SlackConfig } from '../../config/receivers.ts';
import { type Notification, templateData } from '../../template/data.ts';
import type { NotificationTemplates } from '../../template/templates.ts';
import { type HttpAnswer, HttpIdentity, outcomeOfError, outcomeOfStatus, postJson } from '../http.ts';
import type { Integration, Outcome } from '../integration.ts';
import { missingSecret, Secret } from '../secret-file.ts';
import type { IntegrationContext } from '../webhook/webhook.ts';

/** Slack cuts off longer titles itself, without a word (upstream maxTitleLenRunes). */
const TITLE_CHARACTERS_MAX = 1024;

/** The message for Slack's incoming webhooks: one attachment. @throws TemplateError */
export function slackMessage(config: SlackConfig, notification: Notification, templates: NotificationTemplates) {
  const data = templateData(notification);
  const text = (source: string): string => templates.text(source, data);
  const fields = config.fields.map(({ title, value, short }) => ({
    title: text(title),
    value: text(value),
    short: short ?? config.short_fields,
  }));
  const actions = config.actions.map(({ type, text: label, url, style, name, value }) =>
    withoutEmpty({
      type: text(type),
      text: text(label),
      url: text(url ?? ''),
      style: text(style ?? ''),
      name: text(name ?? ''),
      value: text(value ?? ''),
    }),
  );
  const attachment = withoutEmpty({
    title: truncate(text(config.title), TITLE_CHARACTERS_MAX),
    title_link: text(config.title_link),
    pretext: text(config.pretext),
    text: text(config.text),
    fallback: text(config.fallback),
    callback_id: text(config.callback_id),
    image_url: text(config.image_url),
    thumb_url: text(config.thumb_url),
    footer: text(config.footer),
    color: text(config.color),
  });
  return {
    ...withoutEmpty({
      channel: text(config.channel),
      username: text(config.username),
      icon_emoji: text(config.icon_emoji),
      icon_url: text(config.icon_url),
    }),
    ...(config.link_names ? { link_names: true } : {}),
    attachments: [
      {
        ...attachment,
        ...(fields.length > 0 ? { fields } : {}),
        ...(actions.length > 0 ? { actions } : {}),
        mrkdwn_in: config.mrkdwn_in,
      },
    ],
  };
}

export function slackIntegration(
  config: SlackConfig,
  global: { readonly slack_api_url?: string | undefined; readonly slack_api_url_file?: string | undefined },
  templates: NotificationTemplates,
  context: IntegrationContext,
): Integration {
  const url =
    Secret.of(config.api_url, config.api_url_file, context.resolvePath) ??
    Secret.of(global.slack_api_url, global.slack_api_url_file, context.resolvePath);
  const identity = new HttpIdentity(config.http_config ?? context.httpConfig, context.resolvePath);
  const post = async (notification: Notification, signal: AbortSignal): Promise<Outcome> => {
    const headers = { 'user-agent': context.userAgent, ...(await identity.headers()) };
    return outcomeOfAnswer(
      await postJson({
        url: (await url?.read()) ?? '',
        body: JSON.stringify(slackMessage(config, notification, templates)),
        headers,
        followRedirects: identity.followRedirects,
        timeoutMs: config.timeout,
        signal,
      }),
    );
  };
  return {
    receiver: context.receiver,
    kind: 'slack',
    index: context.index,
    sendResolved: config.send_resolved,
    missing: () => missingSecret([url, ...identity.secrets]),
    notify: (notification, { signal }) => post(notification, signal).catch(outcomeOfError),
  };
}

/** Slack may answer 200 and say in the body that it did not take the message. */
function outcomeOfAnswer(answer: HttpAnswer): Outcome {
  const outcome = outcomeOfStatus(answer);
  if (outcome.kind !== 'sent' || 'error' in answer || !answer.type.startsWith('application/json')) return outcome;
  try {
    const body = JSON.parse(answer.text) as { ok?: boolean; error?: string };
    if (body.ok !== false) return outcome;
    return { kind: 'failed', reason: `Slack: ${body.error ?? 'not ok'}`, retry: false, category: 'clientError' };
  } catch {
    return outcome;
  }
}

function withoutEmpty(record: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== ''));
}

function truncate(text: string, max: number): string {
  const characters = [...text];
  return characters.length <= max ? text : `${characters.slice(0, max - 1).join('')}…`;
}
