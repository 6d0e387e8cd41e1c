import { type Labels, Matcher, quote } from '@avalanche/model';
import { matchesAll } from '../route/route.ts';

/** A matcher as API v2 writes it. */
export interface SilenceMatcher {
  readonly name: string;
  readonly value: string;
  readonly isRegex: boolean;
  readonly isEqual: boolean;
}

/** Matchers that must all accept an alert. */
export type MatcherSet = readonly SilenceMatcher[];

/** Times are milliseconds since the epoch. */
export interface Silence {
  readonly id: string;
  /** One of them must accept an alert. API v2 makes silences of one set. */
  readonly matcherSets: readonly MatcherSet[];
  readonly startsAt: number;
  readonly endsAt: number;
  readonly updatedAt: number;
  readonly createdBy: string;
  readonly comment: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/** A silence as it is asked for; an empty `id` makes a new one. */
export type WantedSilence = Omit<Silence, 'updatedAt'>;

export type SilenceState = 'pending' | 'active' | 'expired';

export function silenceState({ startsAt, endsAt }: Silence, now: number): SilenceState {
  if (now < startsAt) return 'pending';
  return now < endsAt ? 'active' : 'expired';
}

/** @throws Error where a regular expression is not valid RE2 */
export function compileMatchers(matchers: MatcherSet): readonly Matcher[] {
  return matchers.map(({ name, value, isRegex, isEqual }) => {
    const type = isRegex ? (isEqual ? '=~' : '!~') : isEqual ? '=' : '!=';
    return new Matcher(type, name, value);
  });
}

/** @throws Error with upstream's wording where a silence makes no sense or would mute everything */
export function validateSilence({ matcherSets, startsAt, endsAt }: WantedSilence): void {
  matcherSets.forEach(validateSet);
  if (endsAt < startsAt) throw new Error('end time must not be before start time');
}

function validateSet(matchers: MatcherSet, set: number): void {
  if (matchers.length === 0) throw new Error(`matcher set ${set} is empty`);
  matchers.forEach((matcher, i) => {
    const at = `invalid label matcher ${i} in set ${set}`;
    if (matcher.name === '') throw new Error(`${at}: invalid label name ""`);
    try {
      compileMatchers([matcher]);
    } catch (error) {
      throw new Error(`${at}: invalid regular expression ${quote(matcher.value)}: ${(error as Error).message}`);
    }
  });
  if (matchers.every(matchesEmpty)) {
    throw new Error(`matcher set ${set}: at least one matcher must not match the empty string`);
  }
}

function matchesEmpty(matcher: SilenceMatcher): boolean {
  return matcher.isEqual && compileMatchers([matcher])[0].matches('');
}

/** Whether `next` may replace `previous` in place without changing what was muted in the past (upstream canUpdate). */
export function canUpdate(previous: Silence, next: WantedSilence, now: number): boolean {
  if (!isSameMatcherSets(previous.matcherSets, next.matcherSets)) return false;
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

function isSameMatcherSets(a: readonly MatcherSet[], b: readonly MatcherSet[]): boolean {
  const print = (sets: readonly MatcherSet[]): string =>
    JSON.stringify(sets.map((set) => set.map(({ name, value, isRegex, isEqual }) => [name, value, isRegex, isEqual])));
  return print(a) === print(b);
}

export function silenceMatches(sets: readonly (readonly Matcher[])[], labels: Labels): boolean {
  return sets.some((set) => matchesAll(set, labels));
}
