import type { Matcher } from '@avalanche/model';
import { durationMs, orEmpty, scalarString, unsupported } from '@avalanche/yamlfile';
import { z } from 'zod';
import type { InhibitRule } from '../inhibit/inhibit.ts';
import { timeIntervalSchema } from '../timeinterval/schema.ts';
import { type ReceiverConfig, receiverSchema } from './receivers.ts';
import {
  equalMatchers,
  httpConfig,
  httpUrl,
  matcherList,
  positiveDuration,
  regexMatchers,
  tlsConfig,
} from './values.ts';

const OTHER_GLOBALS = [
  ...['incidentio_url', 'jira_api_url', 'mattermost_webhook_url', 'mattermost_webhook_url_file', 'opsgenie_api_key'],
  ...['opsgenie_api_key_file', 'opsgenie_api_url', 'pagerduty_url', 'rocketchat_api_url', 'rocketchat_token'],
  ...['rocketchat_token_file', 'rocketchat_token_id', 'rocketchat_token_id_file', 'slack_app_token'],
  ...['slack_app_token_file', 'slack_app_url', 'smtp_auth_secret_file', 'smtp_force_implicit_tls', 'telegram_api_url'],
  ...['telegram_bot_token', 'telegram_bot_token_file', 'victorops_api_key', 'victorops_api_key_file'],
  ...['victorops_api_url', 'webex_api_url', 'wechat_api_corp_id', 'wechat_api_secret', 'wechat_api_secret_file'],
  ...['wechat_api_url'],
];

const globalSchema = z.strictObject({
  resolve_timeout: durationMs.default(5 * 60_000),
  http_config: httpConfig.optional(),
  smtp_from: z.string().optional(),
  smtp_hello: z.string().default('localhost'),
  smtp_smarthost: z.string().optional(),
  smtp_auth_username: scalarString.optional(),
  smtp_auth_password: scalarString.optional(),
  smtp_auth_password_file: z.string().optional(),
  smtp_auth_secret: scalarString.optional(),
  smtp_auth_identity: z.string().optional(),
  smtp_require_tls: z.boolean().default(true),
  smtp_tls_config: tlsConfig.optional(),
  slack_api_url: httpUrl.optional(),
  slack_api_url_file: z.string().optional(),
  ...unsupported(...OTHER_GLOBALS),
});

export type GlobalConfig = z.output<typeof globalSchema>;

/** A node of the route tree as the file has it; `matchers` holds those of match and match_re too. */
export interface RouteConfig {
  readonly receiver?: string | undefined;
  readonly group_by?: readonly string[] | undefined;
  readonly group_wait?: number | undefined;
  readonly group_interval?: number | undefined;
  readonly repeat_interval?: number | undefined;
  readonly matchers: readonly Matcher[];
  readonly continue: boolean;
  readonly mute_time_intervals: readonly string[];
  readonly active_time_intervals: readonly string[];
  readonly routes: readonly RouteConfig[];
}

const routeSchema: z.ZodType<RouteConfig> = z
  .strictObject({
    receiver: scalarString.optional(),
    group_by: z.array(z.string().min(1, 'invalid label name in group_by list')).optional(),
    group_wait: durationMs.optional(),
    group_interval: positiveDuration.optional(),
    repeat_interval: positiveDuration.optional(),
    match: equalMatchers,
    match_re: regexMatchers,
    matchers: matcherList,
    continue: z.boolean().default(false),
    mute_time_intervals: z.array(z.string()).default([]),
    active_time_intervals: z.array(z.string()).default([]),
    routes: orEmpty(z.array(z.lazy(() => routeSchema)).default([])),
  })
  .superRefine(({ group_by = [] }, context) => {
    const refuse = (message: string) => context.addIssue({ code: 'custom', message, path: ['group_by'] });
    if (group_by.includes('...') && group_by.length > 1) {
      refuse('cannot have wildcard group_by (`...`) and other labels at the same time');
    }
    if (new Set(group_by).size < group_by.length) refuse('duplicated label in group_by');
  })
  .transform(({ match, match_re, matchers, ...route }) => ({
    ...route,
    matchers: [...match, ...match_re, ...matchers],
  }));

const inhibitRuleSchema = z
  .strictObject({
    source_match: equalMatchers,
    source_match_re: regexMatchers,
    source_matchers: matcherList,
    target_match: equalMatchers,
    target_match_re: regexMatchers,
    target_matchers: matcherList,
    equal: z.array(z.string()).default([]),
    ...unsupported('sources'),
  })
  .transform(
    (rule): InhibitRule => ({
      sourceMatchers: [...rule.source_match, ...rule.source_match_re, ...rule.source_matchers],
      targetMatchers: [...rule.target_match, ...rule.target_match_re, ...rule.target_matchers],
      equal: rule.equal,
    }),
  );

const intervalList = orEmpty(
  z.array(z.strictObject({ name: z.string().min(1), time_intervals: z.array(timeIntervalSchema) })).default([]),
);

/** `alertmanager.yml`. Every duration is in milliseconds. */
export const configSchema = z
  .strictObject({
    global: orEmpty(globalSchema.default(() => globalSchema.parse({}))),
    route: routeSchema.optional(),
    inhibit_rules: orEmpty(z.array(inhibitRuleSchema).default([])),
    receivers: orEmpty(z.array(receiverSchema).default([])),
    templates: orEmpty(z.array(z.string()).default([])),
    time_intervals: intervalList,
    mute_time_intervals: intervalList,
    ...unsupported('tracing'),
  })
  .transform((config, context) => {
    const refuse = (path: PropertyKey[], message: string) => context.addIssue({ code: 'custom', path, message });
    checkRoot(config.route, refuse);
    checkReceivers(config.receivers, config.global, refuse);
    const timeIntervals = new Map(
      [...config.mute_time_intervals, ...config.time_intervals].map((item) => [item.name, item.time_intervals]),
    );
    if (config.route) {
      const names = { receivers: new Set(config.receivers.map(({ name }) => name)), intervals: timeIntervals };
      checkNames(config.route, ['route'], names, refuse);
    }
    const { route, global, receivers, templates } = config;
    return {
      global,
      receivers,
      templates,
      timeIntervals,
      inhibitRules: config.inhibit_rules,
      route: route as RouteConfig,
    };
  });

export type AlertmanagerConfig = z.output<typeof configSchema>;

type Refuse = (path: PropertyKey[], message: string) => void;

function checkRoot(route: RouteConfig | undefined, refuse: Refuse): void {
  if (!route) {
    refuse([], 'no routes provided');
    return;
  }
  if (!route.receiver) refuse(['route'], 'root route must specify a default receiver');
  if (route.matchers.length > 0) refuse(['route'], 'root route must not have any matchers');
  if (route.mute_time_intervals.length > 0) refuse(['route'], 'root route must not have any mute time intervals');
  if (route.active_time_intervals.length > 0) refuse(['route'], 'root route must not have any active time intervals');
}

function checkNames(
  route: RouteConfig,
  path: PropertyKey[],
  known: { readonly receivers: ReadonlySet<string>; readonly intervals: ReadonlyMap<string, unknown> },
  refuse: Refuse,
): void {
  if (route.receiver && !known.receivers.has(route.receiver)) {
    refuse([...path, 'receiver'], `undefined receiver ${JSON.stringify(route.receiver)} used in route`);
  }
  for (const key of ['mute_time_intervals', 'active_time_intervals'] as const) {
    for (const name of route[key]) {
      if (!known.intervals.has(name)) {
        refuse([...path, key], `undefined time interval ${JSON.stringify(name)} used in route`);
      }
    }
  }
  route.routes.forEach((child, i) => {
    checkNames(child, [...path, 'routes', i], known, refuse);
  });
}

function checkReceivers(receivers: readonly ReceiverConfig[], global: GlobalConfig, refuse: Refuse): void {
  const names = receivers.map(({ name }) => name);
  receivers.forEach((receiver, i) => {
    const at = ['receivers', i];
    if (names.indexOf(receiver.name) !== i) {
      refuse([...at, 'name'], `notification config name ${JSON.stringify(receiver.name)} is not unique`);
    }
    receiver.slack_configs.forEach((slack, j) => {
      const has = slack.api_url ?? slack.api_url_file ?? global.slack_api_url ?? global.slack_api_url_file;
      if (has === undefined)
        refuse([...at, 'slack_configs', j], 'no global Slack API URL set either inline or in a file');
    });
    receiver.email_configs.forEach((email, j) => {
      const path = [...at, 'email_configs', j];
      const smarthost = email.smarthost ?? global.smtp_smarthost;
      if (smarthost === undefined) refuse(path, 'no global SMTP smarthost set');
      else if (!/^(\[[^\]]+\]|[^:]+):\d+$/.test(smarthost)) refuse(path, `smarthost is not HOST:PORT: ${smarthost}`);
      if ((email.from ?? global.smtp_from) === undefined) refuse(path, 'no global SMTP from set');
    });
  });
}
