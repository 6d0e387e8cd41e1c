import { type Matcher, runToEnd } from '@avalanche/model';
import { difference, intersect, NO_REFS, type Refs, RefUnion } from './refs.ts';

/** The inverted index of the head or of a block, as far as matchers need it. */
export interface LabelIndex {
  /** Every series. */
  all(): Refs;
  /** The values of a label name, in any order. */
  values(name: string): Iterable<string>;
  /** The series with exactly this label, a view that is valid until series are added; empty where there is none. */
  postings(name: string, value: string): Refs;
}

/** The series that satisfy every matcher, ascending, found without a pause. */
export function selectRefs(index: LabelIndex, matchers: readonly Matcher[]): Refs {
  return runToEnd(selectSteps(index, matchers));
}

/**
 * The series that satisfy every matcher, ascending. A matcher that accepts the empty string also accepts series without
 * the label: for those, the series with a refused value are subtracted (upstream's PostingsForMatchers). Yields between
 * values; series may be added meanwhile, and are found or not.
 */
export function* selectSteps(index: LabelIndex, matchers: readonly Matcher[]): Generator<void, Refs> {
  let result: Refs | undefined;
  const subtract: Matcher[] = [];
  for (const matcher of cheapestFirst(matchers)) {
    if (matcher.matches('')) {
      subtract.push(matcher);
      continue;
    }
    const accepted = yield* acceptedBy(index, matcher);
    result = result ? intersect(result, accepted) : accepted;
    if (result.length === 0) return NO_REFS;
  }
  result ??= index.all();
  for (const matcher of subtract) {
    const refused = yield* refusedBy(index, matcher);
    if (refused.length > 0) result = difference(result, refused);
  }
  return result;
}

/** Sorted by cost of the first look-up, so that an empty result is found before long lists are merged. */
function cheapestFirst(matchers: readonly Matcher[]): readonly Matcher[] {
  if (matchers.length < 2) return matchers;
  const cost = (matcher: Matcher) => (matcher.type === '=' ? 0 : matcher.set && matcher.type === '=~' ? 1 : 2);
  return [...matchers].sort((a, b) => cost(a) - cost(b));
}

function* acceptedBy(index: LabelIndex, matcher: Matcher): Generator<void, Refs> {
  // A copy: what the index gives may change at the next turn of the event loop.
  if (matcher.type === '=') return index.postings(matcher.name, matcher.value).slice();
  const set = matcher.type === '=~' ? matcher.set : null;
  return yield* unionOfValues(index, matcher, set ? new Set(set) : null, true);
}

function* refusedBy(index: LabelIndex, matcher: Matcher): Generator<void, Refs> {
  if (matcher.type === '!=' && matcher.value !== '') return index.postings(matcher.name, matcher.value);
  const set = matcher.type === '!~' ? matcher.set : null;
  return yield* unionOfValues(index, matcher, set ? new Set(set.filter((value) => value !== '')) : null, false);
}

/** The series with one of the values in `set`, or, where there is none, with a value that the matcher accepts or does not. */
function* unionOfValues(
  index: LabelIndex,
  matcher: Matcher,
  set: Iterable<string> | null,
  accepted: boolean,
): Generator<void, Refs> {
  const union = new RefUnion();
  for (const value of set ?? index.values(matcher.name)) {
    if (set || matcher.matches(value) === accepted) union.add(index.postings(matcher.name, value));
    yield;
  }
  return union.refs();
}
