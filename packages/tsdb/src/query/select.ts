import type { Matcher } from '@avalanche/model';
import { difference, intersect, NO_REFS, type Refs, union } from './refs.ts';

/** The inverted index of the head or of a block, as far as matchers need it. */
export interface LabelIndex {
  /** Every series. */
  all(): Refs;
  /** The values of a label name, in any order. */
  values(name: string): Iterable<string>;
  /** The series with exactly this label; empty where there is none. */
  postings(name: string, value: string): Refs;
}

/**
 * The series that satisfy every matcher, ascending. A matcher that accepts the empty string also accepts series without
 * the label: for those, the series with a refused value are subtracted (upstream's PostingsForMatchers).
 */
export function selectRefs(index: LabelIndex, matchers: readonly Matcher[]): Refs {
  let result: Refs | undefined;
  const subtract: Matcher[] = [];
  for (const matcher of cheapestFirst(matchers)) {
    if (matcher.matches('')) {
      subtract.push(matcher);
      continue;
    }
    const accepted = acceptedBy(index, matcher);
    result = result ? intersect(result, accepted) : accepted;
    if (result.length === 0) return NO_REFS;
  }
  result ??= index.all();
  for (const matcher of subtract) {
    const refused = refusedBy(index, matcher);
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

function acceptedBy(index: LabelIndex, matcher: Matcher): Refs {
  if (matcher.type === '=') return index.postings(matcher.name, matcher.value);
  if (matcher.type === '=~' && matcher.set) return unionOfValues(index, matcher.name, new Set(matcher.set));
  return unionOfValues(index, matcher.name, valuesWhere(index, matcher, true));
}

function refusedBy(index: LabelIndex, matcher: Matcher): Refs {
  if (matcher.type === '!=' && matcher.value !== '') return index.postings(matcher.name, matcher.value);
  if (matcher.type === '!~' && matcher.set) {
    return unionOfValues(index, matcher.name, new Set(matcher.set.filter((value) => value !== '')));
  }
  return unionOfValues(index, matcher.name, valuesWhere(index, matcher, false));
}

function* valuesWhere(index: LabelIndex, matcher: Matcher, accepted: boolean): Generator<string> {
  for (const value of index.values(matcher.name)) if (matcher.matches(value) === accepted) yield value;
}

function unionOfValues(index: LabelIndex, name: string, values: Iterable<string>): Refs {
  const lists: Refs[] = [];
  for (const value of values) {
    const refs = index.postings(name, value);
    if (refs.length > 0) lists.push(refs);
  }
  return union(lists);
}
