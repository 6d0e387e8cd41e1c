import { type MatcherText, printMatcher, printMatchers } from '@avalanche/alertmanager';
import { UsageError } from '../flags.ts';
import { alignTabs } from '../tools/tab-writer.ts';
import type { ToolInput } from '../tools/tool-command.ts';
import { ZonedTime } from './dates.ts';
import {
  type AlertJson,
  alertsJson,
  type ClusterStatus,
  clusterJson,
  type LabelSet,
  type ServerStatus,
  type Silence,
  type SilenceMatcher,
  silencesJson,
  statusJson,
} from './models.ts';

/** How answers are written: `--output`. */
export interface Format {
  silences(silences: readonly Silence[]): string;
  alerts(alerts: readonly AlertJson[]): string;
  config(status: ServerStatus): string;
  cluster(cluster: ClusterStatus): string;
}

const jsonFormat: Format = { silences: silencesJson, alerts: alertsJson, config: statusJson, cluster: clusterJson };

type PrintDate = (text: string) => string;

/** The format that the flags ask for. @throws UsageError */
export function formatOf({ flags }: ToolInput): Format {
  const output = flags.string('output');
  const layout = flags.string('date.format');
  const date: PrintDate = (text) => ZonedTime.parse(text).format(layout);
  if (output === 'json') return jsonFormat;
  if (output === 'simple') return simpleFormat(date);
  if (output === 'extended') return extendedFormat(date);
  throw new UsageError(`enum value must be one of simple,extended,json, got '${output}'`);
}

function simpleFormat(date: PrintDate): Format {
  return {
    silences: (silences) =>
      table(
        ['ID', 'Matchers', 'Ends At', 'Created By', 'Comment'],
        byTime(silences, 'endsAt').map(({ id, matchers, endsAt, createdBy, comment }) => [
          ...[id, matchers.map(matcherText).map(printMatcher).join(' '), date(endsAt), createdBy, comment],
        ]),
      ),
    alerts: (alerts) =>
      table(
        ['Alertname', 'Starts At', 'Summary', 'State'],
        byTime(alerts, 'startsAt').map(({ labels, startsAt, annotations, status }) => [
          ...[labels.alertname ?? '', date(startsAt), annotations.summary ?? '', status.state],
        ]),
      ),
    config: ({ config }) => `${config.original}\n`,
    cluster: ({ status, name = '' }) => alignTabs(`Cluster Status:\t${status}\nNode Name:\t${name}\n`),
  };
}

function extendedFormat(date: PrintDate): Format {
  return {
    silences: (silences) =>
      table(
        ['ID', 'Matchers', 'Starts At', 'Ends At', 'Updated At', 'Created By', 'Comment'],
        byTime(silences, 'endsAt').map(({ id, matchers, startsAt, endsAt, updatedAt, createdBy, comment }) => [
          ...[id, printMatchers(matchers.map(matcherText)), date(startsAt), date(endsAt), date(updatedAt)],
          ...[createdBy, comment],
        ]),
      ),
    alerts: (alerts) =>
      table(
        ['Labels', 'Annotations', 'Starts At', 'Ends At', 'Generator URL', 'State'],
        byTime(alerts, 'startsAt').map(({ labels, annotations, startsAt, endsAt, generatorURL = '', status }) => [
          ...[pairs(labels), pairs(annotations), date(startsAt), date(endsAt), generatorURL, status.state],
        ]),
      ),
    // Upstream prints where its memory holds the texts.
    config: ({ config, versionInfo, uptime }) =>
      [
        config.original,
        ...(['buildUser', 'goVersion', 'revision', 'version', 'branch', 'buildDate'] as const).map(
          (key) => `${key} ${versionInfo[key]}`,
        ),
        `uptime ${ZonedTime.parse(uptime).toJSON()}\n`,
      ].join('\n'),
    cluster: ({ status, name = '', peers = [] }) =>
      alignTabs(
        `Cluster Status:\t${status}\nNode Name:\t${name}\n\nAddress\tName\n${[...peers]
          .sort((a, b) => compareAddresses(a.address, b.address))
          .map((peer) => `${peer.address}\t${peer.name}\t\n`)
          .join('')}`,
      ),
  };
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return alignTabs([head, ...rows].map((row) => `${row.map((cell) => `${cell}\t`).join('')}\n`).join(''));
}

function byTime<Key extends string, Item extends Readonly<Record<Key, string>>>(
  items: readonly Item[],
  key: Key,
): readonly Item[] {
  return [...items].sort((a, b) => ZonedTime.parse(a[key]).ms - ZonedTime.parse(b[key]).ms);
}

function pairs(labels: LabelSet): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${value}"`)
    .sort()
    .join(' ');
}

function matcherText({ isEqual = true, isRegex, name, value }: SilenceMatcher): MatcherText {
  const type = isRegex ? (isEqual ? '=~' : '!~') : isEqual ? '=' : '!=';
  return { name, type, value };
}

/** By the bytes of the address, then by the port. */
function compareAddresses(a: string, b: string): number {
  const [[hostA, portA], [hostB, portB]] = [hostAndPort(a), hostAndPort(b)];
  if (hostA === hostB) return portA - portB;
  return Buffer.compare(ipBytes(hostA), ipBytes(hostB));
}

function hostAndPort(address: string): readonly [host: string, port: number] {
  const [, host = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(address) ?? [];
  return [host, Number(port)];
}

/** 16 bytes, as Go has addresses of both kinds; none of what is no address. */
function ipBytes(host: string): Buffer {
  if (/^\d+(\.\d+){3}$/.test(host)) {
    return Buffer.concat([Buffer.alloc(10), Buffer.from([0xff, 0xff, ...host.split('.').map(Number)])]);
  }
  if (!host.includes(':')) return Buffer.alloc(0);
  const [head, tail = ''] = host.split('::').map((half) => half.split(':').filter(Boolean));
  const missing = Math.max(0, 8 - head.length - tail.length);
  const groups = [...head, ...Array<string>(missing).fill('0'), ...tail];
  return Buffer.from(groups.map((group) => group.padStart(4, '0')).join(''), 'hex');
}
