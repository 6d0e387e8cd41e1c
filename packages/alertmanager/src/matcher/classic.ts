import type { Matcher, MatchType } from '@avalanche/model';
import { makeMatcher } from './make.ts';
import { trimSpace } from './tokens.ts';

/** Go’s `\s` knows no other spaces. */
const MATCHER = /^[\t\n\f\r ]*([a-zA-Z_:][a-zA-Z0-9_:]*)[\t\n\f\r ]*(=~|=|!=|!~)[\t\n\f\r ]*(.*?)[\t\n\f\r ]*$/s;

/**
 * Parses one matcher in the way of old versions: `foo="bar"`, `foo=~a|b`. The value may stand without quotes; within it
 * `\"`, `\n` and `\\` are escapes and any other backslash is itself (upstream pkg/labels ParseMatcher).
 * @throws Error with upstream's wording
 */
export function parseClassicMatcher(text: string): Matcher {
  const match = MATCHER.exec(text);
  if (!match) throw new Error(`bad matcher format: ${text}`);
  const [, name, type, value] = match;
  return makeMatcher(type as MatchType, name, plainValue(value));
}

/** Parses `{a="b", c=~"d|e"}` or the same without braces into its matchers. @throws Error */
export function parseClassicMatchers(text: string): Matcher[] {
  const inner = text.replace(/^\{/, '').replace(/\}$/, '');
  return splitOutsideQuotes(inner).map(parseClassicMatcher);
}

function splitOutsideQuotes(text: string): string[] {
  const parts: string[] = [];
  let isQuoted = false;
  let isEscaped = false;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === ',') {
      if (isQuoted) continue;
      parts.push(text.slice(start, i));
      start = i + 1;
      continue;
    }
    if (c === '"' && !isEscaped) isQuoted = !isQuoted;
    isEscaped = c === '\\' && !isEscaped;
  }
  const last = trimSpace(text.slice(start));
  return last === '' ? parts : [...parts, last];
}

function plainValue(text: string): string {
  const quoted = text.startsWith('"');
  const inner = quoted ? text.slice(1) : text;
  let out = '';
  let closed = false;
  for (let i = 0; i < inner.length; i++) {
    const c = inner[i];
    if (c === '\\' && i < inner.length - 1) {
      const next = inner[++i];
      out += next === 'n' ? '\n' : next === '"' || next === '\\' ? next : `\\${next}`;
    } else if (c === '"') {
      if (!quoted || i < inner.length - 1) throw new Error(`matcher value contains unescaped double quote: ${text}`);
      closed = true;
    } else out += c;
  }
  if (quoted && !closed) throw new Error(`matcher value contains unescaped double quote: ${text}`);
  return out;
}
