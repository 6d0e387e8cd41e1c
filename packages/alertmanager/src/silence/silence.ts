import { type Labels, Matcher } from '@avalanche/model';
import { matchesAll } from '../route/route.ts';

/** A matcher as API v2 and the silences file write it. */
export interface SilenceMatcher {
  readonly name: string;
  readonly value: string;
  readonly isRegex: boolean;
  readonly isEqual: boolean;
}

/** Times are milliseconds since the epoch. */
export interface Silence {
  readonly id: string;
  readonly matchers: readonly SilenceMatcher[];
  readonly startsAt: number;
  readonly endsAt: number;
  readonly updatedAt: number;
  readonly createdBy: string;
  readonly comment: string;
}

export type SilenceState = 'pending' | 'active' | 'expired';

export function silenceState({ startsAt, endsAt }: Silence, now: number): SilenceState {
  if (now < startsAt) return 'pending';
  return now < endsAt ? 'active' : 'expired';
}

/** @throws Error where a regular expression is not valid RE2 */
export function compileMatchers(matchers: readonly SilenceMatcher[]): readonly Matcher[] {
  return matchers.map(({ name, value, isRegex, isEqual }) => {
    const type = isRegex ? (isEqual ? '=~' : '!~') : isEqual ? '=' : '!=';
    return new Matcher(type, name, value);
  });
}

/** @throws Error with upstream's wording where a silence makes no sense or would mute everything */
export function validateSilence({ matchers, startsAt, endsAt }: Omit<Silence, 'id' | 'updatedAt'>): void {
  if (matchers.length === 0) throw new Error('at least one matcher required');
  matchers.forEach((matcher, i) => {
    if (matcher.name === '') throw new Error(`invalid label matcher ${i}: invalid label name ""`);
    try {
      compileMatchers([matcher]);
    } catch (error) {
      const reason = `invalid regular expression ${JSON.stringify(matcher.value)}: ${(error as Error).message}`;
      throw new Error(`invalid label matcher ${i}: ${reason}`);
    }
  });
  if (matchers.every(matchesEmpty)) throw new Error('at least one matcher must not match the empty string');
  if (endsAt < startsAt) throw new Error('end time must not be before start time');
}

function matchesEmpty(matcher: SilenceMatcher): boolean {
  return matcher.isEqual && compileMatchers([matcher])[0].matches('');
}

/** Whether `next` may replace `previous` in place without changing what was muted in the past (upstream canUpdate). */
export function canUpdate(previous: Silence, next: Omit<Silence, 'id' | 'updatedAt'>, now: number): boolean {
  if (JSON.stringify(previous.matchers) !== JSON.stringify(next.matchers)) return false;
  const state = silenceState(previous, now);
  switch (state) {
    case 'active':
      return Math.floor(next.startsAt / 1000) === Math.floor(previous.startsAt / 1000) && next.endsAt >= now;
    case 'pending':
      return next.startsAt >= now;
    case 'expired':
      return false;
    default:
      return state satisfies never;
  }
}

export function silenceMatches(matchers: readonly Matcher[], labels: Labels): boolean {
  return matchesAll(matchers, labels);
}
