import { GoTime } from '@avalanche/gotemplate';
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
export type TemplateData = Readonly<Record<string, unknown>>;

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
  const { receiver, groupLabels, alerts, externalUrl, now } = notification;
  return {
    Receiver: quoteMeta(receiver),
    Status: notificationStatus(notification),
    Alerts: alertList(alerts.map((alert) => alertData(alert, now))),
    GroupLabels: kv(groupLabels),
    CommonLabels: kv(commonLabels(notification)),
    CommonAnnotations: kv(commonAnnotations(notification)),
    ExternalURL: externalUrl,
  };
}

interface AlertData {
  readonly Status: 'firing' | 'resolved';
}

function alertData(alert: Alert, now: number): AlertData & Readonly<Record<string, unknown>> {
  return {
    Status: isResolved(alert, now) ? 'resolved' : 'firing',
    Labels: kv(alert.labels.toJSON()),
    Annotations: kv(alert.annotations),
    StartsAt: new GoTime(alert.startsAt),
    EndsAt: new GoTime(alert.endsAt),
    GeneratorURL: alert.generatorURL,
    Fingerprint: alert.fingerprint,
  };
}

/** `.Alerts` with its methods, which templates call as fields. */
function alertList(alerts: readonly AlertData[]): readonly AlertData[] {
  const list = [...alerts];
  return withMethods(list, {
    Firing: () => list.filter((alert) => alert.Status === 'firing'),
    Resolved: () => list.filter((alert) => alert.Status === 'resolved'),
  });
}

interface Pair {
  readonly Name: string;
  readonly Value: string;
}

/** A map with upstream's KV methods, which do not show when it is ranged over. */
function kv(map: StringMap): StringMap {
  const pairs = (): readonly Pair[] => {
    const sorted = Object.entries(map)
      .sort(([a], [b]) => (a === 'alertname' ? -1 : b === 'alertname' ? 1 : compareStrings(a, b)))
      .map(([Name, Value]) => ({ Name, Value }));
    return withMethods(sorted, {
      Names: () => sorted.map(({ Name }) => Name),
      Values: () => sorted.map(({ Value }) => Value),
      String: () => sorted.map(({ Name, Value }) => `${Name}=${Value}`).join(', '),
    });
  };
  return withMethods(
    { ...map },
    {
      SortedPairs: pairs,
      Names: () => pairs().map(({ Name }) => Name),
      Values: () => pairs().map(({ Value }) => Value),
      Remove: (names: readonly string[]) =>
        kv(Object.fromEntries(Object.entries(map).filter(([name]) => !names.includes(name)))),
    },
  );
}

/** Adds methods that enumeration does not see; a label of the same name stays what it is. */
function withMethods<Target extends object>(target: Target, methods: Readonly<Record<string, unknown>>): Target {
  for (const [name, value] of Object.entries(methods)) {
    if (!Object.hasOwn(target, name)) Object.defineProperty(target, name, { value, enumerable: false });
  }
  return target;
}
