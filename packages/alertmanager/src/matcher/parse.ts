import { Matcher, type MatchType } from '@avalanche/model';

const MATCHER = /^\s*("(?:[^"\\]|\\.)*"|[a-zA-Z_:][a-zA-Z0-9_:]*)\s*(=~|=|!=|!~)\s*(.*?)\s*$/s;

/**
 * Parses one matcher: `foo="bar"`, `foo=~a|b`, `"a name"!="x"`. The value may stand without quotes; within it `\"`, `\n`
 * and `\\` are escapes and any other backslash is itself (upstream pkg/labels ParseMatcher, names in UTF-8 mode).
 * @throws Error with upstream's wording
 */
export function parseMatcher(text: string): Matcher {
  const match = MATCHER.exec(text);
  if (!match) throw new Error(`bad matcher format: ${text}`);
  const [, name, type, value] = match;
  const plainName = name.startsWith('"') ? unquote(name) : name;
  if (plainName === '') throw new Error(`bad matcher format: ${text}`);
  return new Matcher(type as MatchType, plainName, unquote(value));
}

/** Parses `{a="b", c=~"d|e"}` or the same without braces into its matchers. @throws Error */
export function parseMatchers(text: string): Matcher[] {
  const inner = text.trim().replace(/^\{/, '').replace(/\}$/, '');
  return splitOutsideQuotes(inner).map(parseMatcher);
}

function splitOutsideQuotes(text: string): string[] {
  const parts: string[] = [];
  let quoted = false;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '"') quoted = !quoted;
    else if (text[i] === ',' && !quoted) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  const last = text.slice(start);
  return last.trim() === '' ? parts : [...parts, last];
}

function unquote(text: string): string {
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

/** Matchers as upstream prints them in group keys: `{a="b",c=~"d"}`. */
export function printMatchers(matchers: readonly Matcher[]): string {
  return `{${matchers.map(printMatcher).join(',')}}`;
}

export function printMatcher({ name, type, value }: Matcher): string {
  const escaped = value.replace(/\\/g, '\\\\').replace(/\n/g, '\\n').replace(/"/g, '\\"');
  const printedName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name) ? name : JSON.stringify(name);
  return `${printedName}${type}"${escaped}"`;
}
