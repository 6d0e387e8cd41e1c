import type { Labels } from '../prometheus/query.ts';
import type { SilenceMatcher } from './types.ts';

const BARE_NAME = /^[A-Za-z_:][\w:]*$/;

/** `severity="critical"`, `job=~"a|b"`, `x!="y"`, `x!~"y"`, as amtool and Alertmanager write a matcher. */
export function formatMatcher({ name, value, isRegex, isEqual = true }: SilenceMatcher): string {
  const operator = isEqual ? (isRegex ? '=~' : '=') : isRegex ? '!~' : '!=';
  return `${BARE_NAME.test(name) ? name : JSON.stringify(name)}${operator}${JSON.stringify(value)}`;
}

const MATCHER =
  /^\s*(?:"((?:[^"\\]|\\.)+)"|([^\s"{}!=~,][^\s"{}!=~,]*))\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|([^"\s,][^,]*?))\s*$/;

const unescaped = (text: string): string =>
  text.replaceAll(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char));

/** Reads one matcher; undefined where it is none. Quotes may be left out. */
export function parseMatcher(text: string): SilenceMatcher | undefined {
  const match = MATCHER.exec(text);
  if (!match) return undefined;
  const [, quotedName, bareName = '', operator = '=', quoted, bare] = match;
  const name = quotedName === undefined ? bareName : unescaped(quotedName);
  const value = quoted === undefined ? (bare ?? '') : unescaped(quoted);
  return { name, value, isRegex: operator.endsWith('~'), isEqual: operator.startsWith('=') };
}

/** Parts between commas and line breaks that do not stand in quotes. */
const PARTS = /(?:"(?:[^"\\]|\\.)*"|[^,\n"])+(?:"[^\n]*)?|"[^\n]*/g;

export interface ReadMatchers {
  readonly matchers: readonly SilenceMatcher[];
  /** Parts that are no matcher. */
  readonly bad: readonly string[];
}

/** Reads matchers between commas or one per line, also in upstream's braces. */
export function parseMatchers(text: string): ReadMatchers {
  const inner = text.trim().replace(/^\{([\s\S]*)\}$/, '$1');
  const parts = [...inner.matchAll(PARTS)].map(([part]) => part.trim()).filter(Boolean);
  const read = parts.map((part) => ({ part, matcher: parseMatcher(part) }));
  return {
    matchers: read.flatMap(({ matcher }) => (matcher ? [matcher] : [])),
    bad: read.filter(({ matcher }) => !matcher).map(({ part }) => part),
  };
}

/** Whether the matchers mute an alert with these labels. A pattern that this browser cannot read matches nothing. */
export function matchesLabels(matchers: readonly SilenceMatcher[], labels: Labels): boolean {
  return matchers.every(({ name, value, isRegex, isEqual = true }) => {
    const actual = labels[name] ?? '';
    try {
      return (isRegex ? new RegExp(`^(?:${value})$`, 's').test(actual) : actual === value) === isEqual;
    } catch {
      return false;
    }
  });
}
