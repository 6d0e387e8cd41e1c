import { GoStruct, GoTime, named, type TemplateFunction, typed, withMethods } from '@avalanche/gotemplate';
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
  return commonEntries(alerts.map(({ labels }) => labels.toJSON()));
}

export function commonAnnotations({ alerts }: Notification): Record<string, string> {
  return commonEntries(alerts.map(({ annotations }) => annotations));
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

function alertData(alert: Alert, now: number): GoStruct {
  return new GoStruct('template.Alert', {
    Status: isResolved(alert, now) ? 'resolved' : 'firing',
    Labels: kv(alert.labels.toJSON()),
    Annotations: kv(alert.annotations),
    StartsAt: goTimeOf(alert.startsAt),
    EndsAt: goTimeOf(alert.endsAt),
    GeneratorURL: alert.generatorURL,
    Fingerprint: alert.fingerprint,
  });
}

/** 0 is a time that is not set. */
function goTimeOf(milliseconds: number): GoTime {
  return milliseconds === 0 ? GoTime.zero : new GoTime(milliseconds);
}

/** `.Alerts` with its methods, which templates call as fields. */
function alertList(alerts: readonly GoStruct[]): readonly GoStruct[] {
  const withStatus = (status: string) => named('[]template.Alert', alerts.filter(({ fields }) => fields.Status === status));
  return named('template.Alerts', withMethods([...alerts], {
    Firing: typed([], () => withStatus('firing')),
    Resolved: typed([], () => withStatus('resolved')),
  }));
}

interface Pair {
  readonly Name: string;
  readonly Value: string;
}

/** Upstream's Strings: `.Join ", "`. */
function strings(items: readonly string[]): readonly string[] {
  return withMethods([...items], {
    Join: typed(['string'], (separator: string) => items.join(separator)) as TemplateFunction,
  });
}

/** A map with upstream's KV methods. */
function kv(map: StringMap): StringMap {
  const sorted = (): readonly Pair[] =>
    Object.entries(map)
      .sort(([a], [b]) => (a === 'alertname' ? -1 : b === 'alertname' ? 1 : compareStrings(a, b)))
      .map(([Name, Value]) => ({ Name, Value }));
  const names = typed([], () => strings(sorted().map(({ Name }) => Name)));
  const values = typed([], () => strings(sorted().map(({ Value }) => Value)));
  const text = typed([], () =>
    sorted()
      .map(({ Name, Value }) => `${Name}=${Value}`)
      .join(', '),
  );
  const methods = { Names: names, Values: values, String: text };
  const pairs = typed([], () => {
    const list = sorted().map((pair) => new GoStruct('template.Pair', { ...pair }));
    return named('template.Pairs', withMethods(list, methods));
  });
  const remove = typed(['any'], (without: readonly string[]) =>
    kv(Object.fromEntries(Object.entries(map).filter(([name]) => !without.includes(name)))),
  );
  return named('template.KV', withMethods({ ...map }, { ...methods, SortedPairs: pairs, Remove: remove }));
}
