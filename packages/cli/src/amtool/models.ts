import { goJson } from '../tools/go-format.ts';
import { ZonedTime } from './dates.ts';

// Answers of API v2, and how upstream's client writes them again: in the order of its models, without what it does not know.

export type LabelSet = Readonly<Record<string, string>>;

export interface SilenceMatcher {
  /** Old servers do not say. */
  readonly isEqual?: boolean;
  readonly isRegex: boolean;
  readonly name: string;
  readonly value: string;
}

export interface Silence {
  readonly id: string;
  readonly status: { readonly state: string };
  readonly updatedAt: string;
  readonly annotations?: LabelSet;
  readonly comment: string;
  readonly createdBy: string;
  readonly endsAt: string;
  readonly matchers: readonly SilenceMatcher[];
  readonly startsAt: string;
}

export interface AlertJson {
  readonly annotations: LabelSet;
  readonly endsAt: string;
  readonly fingerprint: string;
  readonly receivers: readonly { readonly name: string; readonly labels?: LabelSet }[];
  readonly startsAt: string;
  readonly status: {
    readonly inhibitedBy: readonly string[];
    readonly mutedBy?: readonly string[];
    readonly silencedBy: readonly string[];
    readonly state: string;
  };
  readonly updatedAt: string;
  readonly generatorURL?: string;
  readonly labels: LabelSet;
}

export interface ClusterStatus {
  readonly name?: string;
  readonly peers?: readonly { readonly address: string; readonly name: string }[];
  readonly status: string;
}

export interface ServerStatus {
  readonly cluster: ClusterStatus;
  readonly config: { readonly original: string };
  readonly uptime: string;
  readonly versionInfo: Readonly<Record<VersionKey, string>>;
}

const VERSION_KEYS = ['branch', 'buildDate', 'buildUser', 'goVersion', 'revision', 'version'] as const;
type VersionKey = (typeof VERSION_KEYS)[number];

export function silencesJson(silences: readonly Silence[]): string {
  return `${goJson(
    silences.map(({ id, status, updatedAt, annotations, ...silence }) => ({
      ...{ id, status: { state: status.state }, updatedAt: date(updatedAt) },
      ...notEmpty('annotations', annotations),
      ...postedSilence(silence),
    })),
  )}\n`;
}

/** What of a silence is written by its author, without annotations. */
export function postedSilence({
  comment,
  createdBy,
  endsAt,
  matchers,
  startsAt,
}: Omit<Silence, 'id' | 'status' | 'updatedAt'>) {
  return { comment, createdBy, endsAt: date(endsAt), matchers: matchers.map(matcherJson), startsAt: date(startsAt) };
}

function matcherJson({ isEqual, isRegex, name, value }: SilenceMatcher) {
  return { ...(isEqual === undefined ? {} : { isEqual }), isRegex, name, value };
}

export function alertsJson(alerts: readonly AlertJson[]): string {
  return `${goJson(
    alerts.map(
      ({ annotations, endsAt, fingerprint, receivers, startsAt, status, updatedAt, generatorURL, labels }) => ({
        ...{ annotations: sorted(annotations), endsAt: date(endsAt), fingerprint },
        receivers: receivers.map((receiver) => ({ ...notEmpty('labels', receiver.labels), name: receiver.name })),
        startsAt: date(startsAt),
        status: {
          inhibitedBy: status.inhibitedBy,
          mutedBy: status.mutedBy ?? null,
          silencedBy: status.silencedBy,
          state: status.state,
        },
        updatedAt: date(updatedAt),
        ...(generatorURL ? { generatorURL } : {}),
        labels: sorted(labels),
      }),
    ),
  )}\n`;
}

export function statusJson({ cluster, config, uptime, versionInfo }: ServerStatus): string {
  const version = Object.fromEntries(VERSION_KEYS.map((key) => [key, versionInfo[key]]));
  const { original } = config;
  return `${goJson({ cluster: clusterModel(cluster), config: { original }, uptime: date(uptime), versionInfo: version })}\n`;
}

export function clusterJson(cluster: ClusterStatus): string {
  return `${goJson(clusterModel(cluster))}\n`;
}

function clusterModel({ name, peers = [], status }: ClusterStatus) {
  return {
    ...(name ? { name } : {}),
    peers: peers.map((peer) => ({ address: peer.address, name: peer.name })),
    status,
  };
}

/** With milliseconds. */
function date(text: string): string {
  return ZonedTime.parse(text).toJSON();
}

function notEmpty(key: string, labels: LabelSet = {}): Readonly<Record<string, LabelSet>> {
  return Object.keys(labels).length > 0 ? { [key]: sorted(labels) } : {};
}

function sorted(labels: LabelSet): LabelSet {
  return Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}
