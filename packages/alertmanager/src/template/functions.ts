import { type GoTime, SafeHtml, type TemplateFunctions } from '@avalanche/gotemplate';
import { compileAnchored } from '@avalanche/model';
import { RE2JS } from 're2js';

/** The functions of notification templates (upstream template.DefaultFuncs), and ours, which begin with `avalanche`. */
export const notificationFunctions: TemplateFunctions = {
  toUpper: (text: string) => text.toUpperCase(),
  toLower: (text: string) => text.toLowerCase(),
  title: (text: string) => text.replace(/(^|\s)(\S)/g, (_all, space: string, c: string) => space + c.toUpperCase()),
  trimSpace: (text: string) => text.trim(),
  join: (separator: string, list: readonly string[]) => list.join(separator),
  match: (pattern: string, text: string) => compileAnchored(`.*(?:${pattern}).*`).accepts(text),
  safeHtml: (text: string) => new SafeHtml(text),
  safeUrl: (text: string) => text,
  urlUnescape: (text: string) => decodeURIComponent(text.replaceAll('+', ' ')),
  reReplaceAll: (pattern: string, replacement: string, text: string) =>
    RE2JS.compile(pattern).matcher(text).replaceAll(replacement),
  stringSlice: (...items: readonly string[]) => items,
  list: (...items: readonly unknown[]) => items,
  append: (list: readonly unknown[], ...items: readonly unknown[]) => [...list, ...items],
  dict: (...pairs: readonly unknown[]) => dictionary(pairs),
  date: (layout: string, time: GoTime) => time.Format(layout),
  tz: (zone: string, time: GoTime) => time.In(zone),
  since: (time: GoTime) => (Date.now() - time.milliseconds) / 1000,
  humanizeDuration: (seconds: number | bigint) => humanizeSeconds(Number(seconds)),
  toJson: (value: unknown) =>
    JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? Number(item) : item)),
  avalancheSlackText: escapeSlack,
  avalancheLink: linkOrNothing,
  avalancheSilenceUrl: silenceUrl,
};

function dictionary(pairs: readonly unknown[]): Record<string, unknown> {
  if (pairs.length % 2 !== 0) throw new Error('dict takes names and values in turn');
  const entries: [string, unknown][] = [];
  for (let i = 0; i < pairs.length; i += 2) entries.push([String(pairs[i]), pairs[i + 1]]);
  return Object.fromEntries(entries);
}

function humanizeSeconds(seconds: number): string {
  const total = Math.floor(Math.abs(seconds));
  const units: readonly (readonly [number, string])[] = [
    [Math.floor(total / 86_400), 'd'],
    [Math.floor(total / 3600) % 24, 'h'],
    [Math.floor(total / 60) % 60, 'm'],
    [total % 60, 's'],
  ];
  const first = units.findIndex(([count]) => count > 0);
  if (first < 0) return '0s';
  const text = units.slice(first).map(([count, unit]) => `${count}${unit}`);
  return `${seconds < 0 ? '-' : ''}${text.join(' ')}`;
}

/** Keeps text from being markup for Slack: a label cannot mention `<!channel>` or hide a link. */
export function escapeSlack(text: unknown): string {
  return String(text).replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}

/** An address that may become a link, percent-encoded; '' of anything but http(s), so that no `javascript:` gets through. */
function linkOrNothing(text: unknown): string {
  try {
    const url = new URL(String(text));
    return url.protocol === 'http:' || url.protocol === 'https:' ? url.href.replace(/[|>]/g, encodeURIComponent) : '';
  } catch {
    return '';
  }
}

/** Where the alerts with these labels can be silenced, in upstream's form of the address. */
function silenceUrl(externalUrl: string, labels: Readonly<Record<string, string>>): string {
  const matchers = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return `${externalUrl}/#/silences/new?filter=${encodeURIComponent(`{${matchers.join(',')}}`)}`;
}
