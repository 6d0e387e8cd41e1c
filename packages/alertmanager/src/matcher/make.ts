import { Matcher, type MatchType, matchesAnywhere } from '@avalanche/model';

/** A matcher. @throws Error where a regular expression is not valid, with the anchors that upstream puts around it */
export function makeMatcher(type: MatchType, name: string, value: string): Matcher {
  if (type === '=~' || type === '!~') checkAnchored(value);
  return new Matcher(type, name, value);
}

/** @throws Error in upstream's words where an expression is not valid RE2 */
export function checkAnchored(expression: string): void {
  matchesAnywhere(`^(?:${expression})$`, '');
}
