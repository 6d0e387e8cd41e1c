import { unsupported } from '@avalanche/yamlfile';
import { z } from 'zod';
import { timeIntervalSchema } from '../timeinterval/schema.ts';
import { globalSchema } from './global.ts';
import { completeReceiver, type ReceiverConfig, receiverSchema } from './receivers.ts';
import { checkNames, checkRoot, inhibitRuleSchema, type RouteConfig, routeSchema } from './routing.ts';
import { list, optional, refuse as refuseIn, text } from './values.ts';

export type { RouteConfig } from './routing.ts';

function intervals(kind: string) {
  return list(
    z.strictObject({ name: text(), time_intervals: list(timeIntervalSchema) }).superRefine(({ name }, context) => {
      if (name === '') refuseIn(context, `missing name in ${kind}`);
    }),
  );
}

type NamedIntervals = z.output<ReturnType<typeof intervals>>;
type Refuse = (path: PropertyKey[], message: string) => void;

/** `alertmanager.yml`. Every duration is in milliseconds; receivers have what they inherit. */
export const configSchema = z
  .strictObject({
    global: z.preprocess((value) => value ?? {}, globalSchema),
    route: optional(routeSchema),
    inhibit_rules: list(inhibitRuleSchema),
    receivers: list(receiverSchema),
    templates: list(text()),
    mute_time_intervals: intervals('mute time interval'),
    time_intervals: intervals('time interval'),
    ...unsupported('tracing', 'event_recorder'),
  })
  .transform((config, context) => {
    const refuse: Refuse = (path, message) => refuseIn(context, message, path);
    checkUnique(config.receivers, refuse);
    const receivers = config.receivers.map((receiver, i) =>
      completeReceiver(receiver, config.global, (path, message) => refuse(['receivers', i, ...path], message)),
    );
    checkRoot(config.route, refuse);
    const timeIntervals = namedIntervals(config.mute_time_intervals, config.time_intervals, refuse);
    if (config.route) {
      const names = { receivers: new Set(receivers.map(({ name }) => name)), intervals: timeIntervals };
      checkNames(config.route, ['route'], names, refuse);
    }
    return {
      global: config.global,
      receivers,
      templates: config.templates,
      timeIntervals,
      inhibitRules: config.inhibit_rules,
      route: config.route as RouteConfig,
    };
  });

export type AlertmanagerConfig = z.output<typeof configSchema>;

function checkUnique(receivers: readonly ReceiverConfig[], refuse: Refuse): void {
  const names = receivers.map(({ name }) => name);
  names.forEach((name, i) => {
    if (names.indexOf(name) === i) return;
    refuse(['receivers', i, 'name'], `notification config name ${JSON.stringify(name)} is not unique`);
  });
}

function namedIntervals(mute: NamedIntervals, active: NamedIntervals, refuse: Refuse) {
  const found = new Map<string, NamedIntervals[number]['time_intervals']>();
  const add = (key: string, kind: string, items: NamedIntervals): void => {
    items.forEach(({ name, time_intervals }, i) => {
      if (found.has(name)) refuse([key, i, 'name'], `${kind} ${JSON.stringify(name)} is not unique`);
      found.set(name, time_intervals);
    });
  };
  add('mute_time_intervals', 'mute time interval', mute);
  add('time_intervals', 'time interval', active);
  return found;
}
