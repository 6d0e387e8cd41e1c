import { GoStruct, GoTime, method, named, withMethods } from '@avalanche/gotemplate';
import { compareStrings } from '@avalanche/model';
import { type Alert, isResolved } from '../alert/alert.ts';

/** What a notification is about, before it becomes text. */
export interface Notification {
  readonly receiver: string;
  readonly groupKey: string;
  readonly groupLabels: Readonly<Record<string, string>>;
  /** The route's `labels`, rendered. */
  readonly routeLabels: Readonly<Record<string, string>>;
  /** Why it is sent, as upstream words it: `first notification`, `repeat interval elapsed`, … */
  readonly reason: string;
  readonly alerts: readonly Alert[];
  readonly externalUrl: string;
  /** Milliseconds; decides which alerts are resolved. */
  readonly now: number;
}

export type StringMap = Readonly<Record<string, string>>;

/** The data of notification templates (upstream template.Data). */
export type TemplateData = GoStruct;

export function notificationStatus({ alerts, now }: Notification): 'firing' | 'resolved' {
  return alerts.every((alert) => isResolved(alert, now)) ? 'resolved' : 'firing';
}

/** The entries that all of the maps have. */
export function commonEntries(maps: readonly StringMap[]): Record<string, string> {
  const [first = {}, ...rest] = maps;
  return Object.fromEntries(
    Object.entries(first).filter(([name, value]) =>
      rest.every((map) => Object.hasOwn(map, name) && map[name] === value),
    ),
  );
}

export function commonLabels({ alerts }: Notification): Record<string, string> {
  const entries = [...(alerts[0]?.labels.entries() ?? [])];
  return Object.fromEntries(
    entries.filter(([name, value]) => alerts.every(({ labels }) => labels.get(name) === value)),
  );
}

export function commonAnnotations({ alerts }: Notification): Record<string, string> {
  return commonEntries(alerts.map(({ annotations }) => annotations));
}

/** The notification with its first alerts only; 0 keeps all. */
export function truncateAlerts(notification: Notification, maxAlerts: number): Notification {
  const { alerts } = notification;
  return maxAlerts > 0 && alerts.length > maxAlerts
    ? { ...notification, alerts: alerts.slice(0, maxAlerts) }
    : notification;
}

/** Upstream quotes the receiver's name as for a regular expression (regexp.QuoteMeta). */
export function quoteMeta(text: string): string {
  return text.replace(/[\\.+*?()|[\]{}^$]/g, '\\$&');
}

export function templateData(notification: Notification): TemplateData {
  const { receiver, groupLabels, routeLabels, alerts, externalUrl, now, reason } = notification;
  return new GoStruct('*template.Data', {
    Receiver: quoteMeta(receiver),
    Status: notificationStatus(notification),
    Alerts: alertList(alerts.map((alert) => alertData(alert, now))),
    NotificationReason: reason,
    GroupLabels: kv(groupLabels),
    CommonLabels: kv(commonLabels(notification)),
    CommonAnnotations: kv(commonAnnotations(notification)),
    RouteLabels: kv(routeLabels),
    ExternalURL: externalUrl,
  });
}

/** An alert of a template, whose status is known without its other fields. */
export class AlertStruct extends GoStruct {
  constructor(
    readonly status: string,
    fields: () => Readonly<Record<string, unknown>>,
  ) {
    super('template.Alert', () => ({ Status: status, ...fields() }));
  }
}

function alertData(alert: Alert, now: number): AlertStruct {
  return new AlertStruct(isResolved(alert, now) ? 'resolved' : 'firing', () => ({
    Labels: kv(alert.labels.toJSON()),
    Annotations: kv(alert.annotations),
    StartsAt: goTimeOf(alert.startsAt),
    EndsAt: goTimeOf(alert.endsAt),
    GeneratorURL: alert.generatorURL,
    Fingerprint: alert.fingerprint,
  }));
}

/** 0 is a time that is not set. */
function goTimeOf(milliseconds: number): GoTime {
  return milliseconds === 0 ? GoTime.zero : new GoTime(milliseconds);
}

type AlertList = readonly AlertStruct[];

function withStatus(alerts: AlertList, status: string): AlertList {
  return named(
    '[]template.Alert',
    alerts.filter((alert) => alert.status === status),
  );
}

const ALERTS_METHODS = {
  Firing: method<AlertList>([], function () {
    return withStatus(this, 'firing');
  }),
  Resolved: method<AlertList>([], function () {
    return withStatus(this, 'resolved');
  }),
};

/** A list with upstream's methods of Alerts. */
export function alertList(alerts: AlertList): AlertList {
  return named('template.Alerts', withMethods([...alerts], ALERTS_METHODS));
}

const STRINGS_METHODS = {
  Join: method<readonly string[]>(['string'], function (separator: string) {
    return this.join(separator);
  }),
};

function strings(items: readonly string[]): readonly string[] {
  return named('template.Strings', withMethods([...items], STRINGS_METHODS));
}

type Pair = readonly [name: string, value: string];

/** The alert's name first, as people look for it. */
function sorted(map: StringMap): readonly Pair[] {
  return Object.entries(map).sort(([a], [b]) =>
    a === 'alertname' ? -1 : b === 'alertname' ? 1 : compareStrings(a, b),
  );
}

function printPairs(pairs: readonly Pair[]): string {
  return pairs.map(([name, value]) => `${name}=${value}`).join(', ');
}

type PairList = readonly GoStruct[];

function pairsOf(list: PairList): readonly Pair[] {
  return list.map(({ fields }) => [fields.Name as string, fields.Value as string]);
}

const PAIRS_METHODS = {
  Names: method<PairList>([], function () {
    return strings(pairsOf(this).map(([name]) => name));
  }),
  Values: method<PairList>([], function () {
    return strings(pairsOf(this).map(([, value]) => value));
  }),
  String: method<PairList>([], function () {
    return printPairs(pairsOf(this));
  }),
};

const KV_METHODS = {
  SortedPairs: method<StringMap>([], function () {
    const list = sorted(this).map(([Name, Value]) => new GoStruct('template.Pair', { Name, Value }));
    return named('template.Pairs', withMethods(list, PAIRS_METHODS));
  }),
  Names: method<StringMap>([], function () {
    return strings(sorted(this).map(([name]) => name));
  }),
  Values: method<StringMap>([], function () {
    return strings(sorted(this).map(([, value]) => value));
  }),
  Remove: method<StringMap>(['any'], function (without: readonly string[]) {
    return kv(Object.fromEntries(Object.entries(this).filter(([name]) => !without.includes(name))));
  }),
  String: method<StringMap>([], function () {
    return printPairs(sorted(this));
  }),
};

/** A map with upstream's KV methods. */
export function kv(map: StringMap): StringMap {
  return named('template.KV', withMethods({ ...map }, KV_METHODS));
}
