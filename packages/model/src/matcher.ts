import { RE2JS } from 're2js';
import { regexLiterals } from './regex-literals.ts';

export type MatchType = '=' | '!=' | '=~' | '!~';

/**
 * One label matcher. Regular expressions are RE2, anchored at both ends, and never reach JavaScript's backtracking
 * engine; one that accepts only a few texts becomes a set of them (design.md 6.7).
 */
export class Matcher {
  /** The values that a regular expression accepts, where they are few and known; else null. */
  readonly set: readonly string[] | null;
  private readonly accepts: (value: string) => boolean;

  /** @throws Error where `value` is not a valid RE2 expression */
  constructor(
    readonly type: MatchType,
    readonly name: string,
    readonly value: string,
  ) {
    if (type === '=' || type === '!=') {
      this.set = null;
      this.accepts = (candidate) => candidate === value;
    } else {
      const regex = compileAlone(value);
      this.set = regex.set;
      this.accepts = regex.accepts;
    }
  }

  matches(value: string): boolean {
    const positive = this.type === '=' || this.type === '=~';
    return this.accepts(value) === positive;
  }

  toString(): string {
    const name = /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(this.name) ? this.name : JSON.stringify(this.name);
    return `${name}${this.type}${JSON.stringify(this.value)}`;
  }
}

/** The anchors must not lend an expression the parenthesis that it lacks, nor stand in what an error quotes. */
function compileAlone(pattern: string): AnchoredRegex {
  if (pattern.includes(')') && wordsOf(pattern) === null) checkAlone(pattern);
  try {
    return compileAnchored(pattern);
  } catch (error) {
    checkAlone(pattern);
    throw error;
  }
}

/** @throws Error in the words of Go's regexp */
function checkAlone(pattern: string): void {
  try {
    RE2JS.compile(pattern);
  } catch (error) {
    const { message } = error as Error;
    throw message.endsWith('trailing backslash at end of expression') ? new Error(`${message}: \`\``) : error;
  }
}

export interface AnchoredRegex {
  /** The expression as written, without the anchors. */
  readonly pattern: string;
  readonly set: readonly string[] | null;
  accepts(value: string): boolean;
  /** The capture groups of a full match as `[whole, $1, $2, …]`, or null. Groups that took no part are ''. */
  captures(value: string): readonly string[] | null;
  /** Replaces `$1`, `${1}`, `${name}` and `$$` in `template` with what a full match captured; null where it does not match. */
  expand(value: string, template: string): string | null;
}

const RESULT_CACHE_MAX = 1_000;

/** Words with `|` between them, perhaps in `(…)`, as dashboards make of the values of a variable: a set, however many. */
const WORDS = /^(\(?)((?:[\w:/ ,-]|\\\.|\|)+)(\)?)$/;

/** The words, each once, or null where the expression is more than that. */
function wordsOf(pattern: string): readonly string[] | null {
  const [, open, words, close] = WORDS.exec(pattern) ?? [];
  if (words === undefined || (open === '') !== (close === '')) return null;
  return [...new Set(words.replaceAll('\\.', '.').split('|'))];
}

/** Compiles `pattern` as RE2, anchored (`^(?s:pattern)$`) as Prometheus anchors all its regular expressions. */
export function compileAnchored(pattern: string): AnchoredRegex {
  const words = wordsOf(pattern);
  let compiled = words ? undefined : compileWhole(pattern);
  const fullMatch = (value: string): readonly string[] | null => {
    compiled ??= compileWhole(pattern);
    const matcher = compiled.matcher(value);
    if (!matcher.find()) return null;
    const groups: string[] = [];
    for (let i = 0; i <= matcher.groupCount(); i++) groups.push(matcher.group(i) ?? '');
    return groups;
  };
  let namedGroups: Record<string, number> | undefined;
  const expand = (value: string, template: string): string | null => {
    const groups = fullMatch(value);
    if (groups === null) return null;
    namedGroups ??= (compiled as RE2JS).namedGroups() as Record<string, number>;
    return expandTemplate(template, groups, namedGroups);
  };
  const { set, prefix, suffix } = words ? { set: words, prefix: '', suffix: '' } : regexLiterals(pattern);
  if (set) {
    const values = new Set(set);
    return { pattern, set, accepts: (value) => values.has(value), captures: fullMatch, expand };
  }
  if (pattern === '.*') return { pattern, set: null, accepts: () => true, captures: fullMatch, expand };
  if (pattern === '.+') return { pattern, set: null, accepts: (value) => value !== '', captures: fullMatch, expand };
  const results = new Map<string, boolean>();
  const accepts = (value: string): boolean => {
    if (!value.startsWith(prefix) || !value.endsWith(suffix)) return false;
    let result = results.get(value);
    if (result === undefined) {
      result = (compiled as RE2JS).matcher(value).find();
      if (results.size < RESULT_CACHE_MAX) results.set(value, result);
    }
    return result;
  };
  return { pattern, set: null, accepts, captures: fullMatch, expand };
}

function compileWhole(pattern: string): RE2JS {
  return RE2JS.compile(`^(?s:${pattern}${hasOpenQuote(pattern) ? '\\E' : ''})$`);
}

/** Whether a `\Q` is left open, which is allowed but would swallow the anchor. */
function hasOpenQuote(pattern: string): boolean {
  let at = pattern.indexOf('\\');
  while (at >= 0) {
    if (pattern[at + 1] === 'Q') {
      at = pattern.indexOf('\\E', at + 2);
      if (at < 0) return true;
    }
    at = pattern.indexOf('\\', at + 2);
  }
  return false;
}

/** Whether RE2 `pattern` matches anywhere in `text`. @throws Error for an invalid pattern */
export function matchesAnywhere(pattern: string, text: string): boolean {
  return compileAnywhere(pattern)(text);
}

/** Compiles RE2 `pattern` into a test whether it matches anywhere in a text. @throws Error for an invalid pattern */
export function compileAnywhere(pattern: string): (text: string) => boolean {
  const compiled = RE2JS.compile(pattern);
  return (text) => compiled.matcher(text).find();
}

/** Replaces every match of RE2 `pattern`, with `$1` and `${name}` as Go's ReplaceAllString. @throws Error for an invalid pattern */
export function replaceAllMatches(pattern: string, replacement: string, text: string): string {
  const compiled = RE2JS.compile(pattern);
  const named = compiled.namedGroups() as Record<string, number>;
  const matcher = compiled.matcher(text);
  let out = '';
  let end = 0;
  while (matcher.find()) {
    const groups = Array.from({ length: matcher.groupCount() + 1 }, (_, i) => matcher.group(i) ?? '');
    out += text.slice(end, matcher.start()) + expandTemplate(replacement, groups, named);
    end = matcher.end();
  }
  return out + text.slice(end);
}

/** Go's regexp.Expand: `$name` takes the longest run of word characters; an unknown group is empty. */
function expandTemplate(template: string, groups: readonly string[], named: Record<string, number>): string {
  return template.replace(/\$(?:\$|(\w+)|\{(\w+)\})/g, (whole, bare?: string, braced?: string) => {
    if (whole === '$$') return '$';
    const name = bare ?? braced ?? '';
    const index = /^\d+$/.test(name) ? Number(name) : named[name];
    return index === undefined ? '' : (groups[index] ?? '');
  });
}
