import {
  type GoDuration,
  type GoTime,
  GoTime as GoTimeClass,
  humanizeDuration,
  loadLocation,
  parseTime,
  SafeHtml,
  SafeUrl,
  type TemplateFunctions,
  toFloat,
  typed,
} from '@avalanche/gotemplate';
import { matchesAnywhere, replaceAllMatches } from '@avalanche/model';
import { toGoJson } from './json.ts';
import { escapeMarkdown, escapeSlack, linkOrNothing, shortened, silenceUrl } from './own-functions.ts';

/** The first letter of each word in upper case, the others in lower case (Go's cases.Title). */
function titleCase(text: string): string {
  const word = /[\p{L}\p{N}\p{M}_]+(?:[.:'’·][\p{L}\p{N}\p{M}_]+)*/gu;
  return text.replace(word, (found) => found.toLowerCase().replace(/\p{L}/u, (letter) => letter.toUpperCase()));
}

/** Go knows no letter that becomes several. */
function eachCharacter(text: string, change: (char: string) => string): string {
  return text.replace(/[^\p{ASCII}]|[\p{ASCII}]+/gu, (part) => {
    const changed = change(part);
    return [...part].length === [...changed].length ? changed : part;
  });
}

function join(separator: string, list: readonly string[]): string {
  if (!Array.isArray(list)) throw new Error('a list of strings is wanted');
  return list.join(separator);
}

/** @throws Error in Go's words (url.QueryUnescape) */
function queryUnescape(text: string): string {
  const wrong = /%(?![0-9a-fA-F]{2}).{0,2}/s.exec(text)?.[0];
  if (wrong !== undefined) throw new Error(`invalid URL escape ${JSON.stringify(wrong)}`);
  const bytes = text
    .replaceAll('+', ' ')
    .replace(/(?:%[0-9a-fA-F]{2})+/g, (escapes) => Buffer.from(escapes.replaceAll('%', ''), 'hex').toString('utf8'));
  return bytes;
}

/** @throws Error in Go's words (base64.URLEncoding.DecodeString) */
function base64Decode(text: string): string {
  const at = text.search(/[^A-Za-z0-9_\-=\r\n]/);
  const bare = text.replace(/[\r\n]/g, '');
  if (at >= 0 || bare.length % 4 !== 0 || /=(?!=?$)/.test(bare)) {
    throw new Error(`illegal base64 data at input byte ${at >= 0 ? at : bare.length - (bare.length % 4)}`);
  }
  return Buffer.from(bare, 'base64url').toString('utf8');
}

function base64Encode(text: string): string {
  const encoded = Buffer.from(text).toString('base64url');
  return encoded + '='.repeat((4 - (encoded.length % 4)) % 4);
}

function dictionary(...pairs: readonly unknown[]): ReadonlyMap<string, unknown> {
  if (pairs.length % 2 !== 0) throw new Error('dict requires an even number of arguments');
  const out = new Map<string, unknown>();
  for (let i = 0; i < pairs.length; i += 2) {
    const key = pairs[i];
    if (typeof key !== 'string') throw new Error('dict keys must be strings');
    out.set(key, pairs[i + 1]);
  }
  return out;
}

function toDate(layout: string, text: string): GoTime {
  try {
    return parseTime(layout, text);
  } catch {
    return GoTimeClass.zero;
  }
}

const TIME = '*time.Time';

/** The functions of notification templates (upstream template.DefaultFuncs), and ours, which begin with `avalanche`. */
export const notificationFunctions: TemplateFunctions = {
  toUpper: typed(['string'], (text: string) => eachCharacter(text, (char) => char.toUpperCase())),
  toLower: typed(['string'], (text: string) => eachCharacter(text, (char) => char.toLowerCase())),
  title: typed(['string'], titleCase),
  trimSpace: typed(['string'], (text: string) => text.trim()),
  join: typed(['string', 'any'], join),
  match: typed(['string', 'string'], matchesAnywhere),
  safeHtml: typed(['string'], (text: string) => new SafeHtml(text)),
  safeUrl: typed(['string'], (text: string) => new SafeUrl(text)),
  urlUnescape: typed(['string'], queryUnescape),
  reReplaceAll: typed(['string', 'string', 'string'], replaceAllMatches),
  stringSlice: typed([], (...items: readonly string[]) => items, 'string'),
  /** Stands for what `renderTemplate` puts in its place. */
  routeLabels: typed(['string'], () => ''),
  date: typed(['string', TIME], (layout: string, time: GoTime) => time.Format(layout)),
  tz: typed(['string', TIME], (zone: string, time: GoTime) => time.In(loadLocation(zone))),
  now: typed([], () => new GoTimeClass(Date.now())),
  since: typed([TIME], (time: GoTime): GoDuration => new GoTimeClass(Date.now()).Sub(time)),
  humanizeDuration: typed(['any'], (value: unknown) => humanizeDuration(toFloat(value))),
  toDate: typed(['string', 'string'], toDate),
  mustToDate: typed(['string', 'string'], parseTime),
  toJson: typed(['any'], toGoJson),
  base64encode: typed(['string'], base64Encode),
  base64decode: typed(['string'], base64Decode),
  list: typed([], (...items: readonly unknown[]) => items, 'any'),
  append: typed(['any'], (list: readonly unknown[], ...items: readonly unknown[]) => [...list, ...items], 'any'),
  dict: typed([], dictionary, 'any'),
  avalancheSlackText: typed(['any'], escapeSlack),
  avalancheMarkdown: typed(['any'], escapeMarkdown),
  avalancheLink: typed(['any'], linkOrNothing),
  avalancheShort: typed(['any', 'any'], shortened),
  avalancheSilenceUrl: typed(['string', 'any'], silenceUrl),
};
