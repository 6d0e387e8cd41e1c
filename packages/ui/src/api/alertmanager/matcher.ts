import type { Labels } from '../prometheus/query.ts';
import type { SilenceMatcher } from './types.ts';

/** `severity="critical"`, `job=~"a|b"`, `x!="y"`, `x!~"y"`, as amtool and Alertmanager write a matcher. */
export function formatMatcher({ name, value, isRegex, isEqual = true }: SilenceMatcher): string {
  return `${name}${isEqual ? (isRegex ? '=~' : '=') : isRegex ? '!~' : '!='}${JSON.stringify(value)}`;
}

const MATCHER = /^\s*([A-Za-z_][\w.:-]*)\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|([^"\s,][^,]*?))\s*$/;

/** Reads one matcher; undefined where it is none. Quotes may be left out. */
export function parseMatcher(text: string): SilenceMatcher | undefined {
  const match = MATCHER.exec(text);
  if (!match) return undefined;
  const [, name = '', operator = '=', quoted, bare] = match;
  const value = quoted === undefined ? (bare ?? '') : quoted.replaceAll(/\\(.)/g, '$1');
  return { name, value, isRegex: operator.endsWith('~'), isEqual: operator.startsWith('=') };
}

/** Whether the matchers mute an alert with these labels. A pattern that this browser cannot read matches nothing. */
export function matchesLabels(matchers: readonly SilenceMatcher[], labels: Labels): boolean {
  return matchers.every(({ name, value, isRegex, isEqual = true }) => {
    const actual = labels[name] ?? '';
    try {
      return (isRegex ? new RegExp(`^(?:${value})$`).test(actual) : actual === value) === isEqual;
    } catch {
      return false;
    }
  });
}
