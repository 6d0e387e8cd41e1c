import { isValidLabelName, type Matcher } from '@avalanche/model';
import { parseClassicMatcher, parseClassicMatchers } from './classic.ts';
import { printMatchers } from './print.ts';
import { parseUtf8Matcher, parseUtf8Matchers } from './utf8.ts';

/**
 * How matchers are read (upstream matcher/compat): `fallback` by the new rules, and by the old ones where the new ones
 * refuse them or understand them otherwise; `classic` by the old ones and `utf8` by the new ones alone.
 */
export type MatcherMode = 'fallback' | 'classic' | 'utf8';

let mode: MatcherMode = 'fallback';

/** Sets how this process reads matchers: `--enable-feature=classic-mode` and `utf8-strict-mode`. */
export function setMatcherMode(next: MatcherMode): void {
  mode = next;
}

/** Whether a label may have this name in the mode in force. */
export function isValidMatcherName(name: string): boolean {
  return mode === 'classic' ? /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) : isValidLabelName(name);
}

/** Parses one matcher. @throws Error in upstream's words */
export function parseMatcher(text: string): Matcher {
  if (mode === 'classic') return parseClassicMatcher(text);
  if (text.startsWith('{') || text.endsWith('}')) throw new Error(`unexpected open or close brace: ${text}`);
  if (mode === 'utf8') return parseUtf8Matcher(text);
  return withFallback(
    () => [parseUtf8Matcher(text)],
    () => [parseClassicMatcher(text)],
  )[0];
}

/** Parses any number of matchers, with or without braces around. @throws Error in upstream's words */
export function parseMatchers(text: string): Matcher[] {
  if (mode === 'classic') return parseClassicMatchers(text);
  if (mode === 'utf8') return parseUtf8Matchers(text);
  return withFallback(
    () => parseUtf8Matchers(text),
    () => parseClassicMatchers(text),
  );
}

function withFallback(parseNew: () => Matcher[], parseOld: () => Matcher[]): Matcher[] {
  let old: Matcher[];
  try {
    old = parseOld();
  } catch (oldError) {
    try {
      return parseNew();
    } catch {
      throw oldError;
    }
  }
  try {
    const found = parseNew();
    return printMatchers(found) === printMatchers(old) ? found : old;
  } catch {
    return old;
  }
}
