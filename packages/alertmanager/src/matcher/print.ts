import type { Matcher } from '@avalanche/model';
import { quote } from '@avalanche/model';
import { isReserved } from './tokens.ts';

/** A matcher of which only the text counts. */
export type MatcherText = Pick<Matcher, 'name' | 'type' | 'value'>;

/** Matchers as upstream prints them in group keys: `{a="b",c=~"d"}`. */
export function printMatchers(matchers: readonly MatcherText[]): string {
  return `{${matchers.map(printMatcher).join(',')}}`;
}

/** One matcher as both parsers read it. */
export function printMatcher({ name, type, value }: MatcherText): string {
  if ([...name].some(isReserved)) return `${quote(name)}${type}${quote(value)}`;
  const escaped = value.replace(/\\/g, '\\\\').replace(/\n/g, '\\n').replace(/"/g, '\\"');
  return `${name}${type}"${escaped}"`;
}
