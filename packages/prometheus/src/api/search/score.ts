/** How well a value fits what is searched: up to 1, or null where it does not fit. */
export type Score = (value: string) => number | null;

export const FUZZ_ALGORITHMS = ['subsequence', 'jarowinkler'] as const;
export type FuzzAlgorithm = (typeof FUZZ_ALGORITHMS)[number];

export interface SearchTerms {
  readonly terms: readonly string[];
  readonly algorithm: FuzzAlgorithm;
  /** From 0 to 1: what scores less does not fit. */
  readonly threshold: number;
  readonly caseSensitive: boolean;
}

/** The score by the best of several terms; null where there is none to search. (upstream web/api/v1/search_filters.go) */
export function scoreOf({ terms, algorithm, threshold, caseSensitive }: SearchTerms): Score | null {
  const wanted = terms.filter((term) => term !== '').map((term) => (caseSensitive ? term : term.toLowerCase()));
  if (wanted.length === 0) return null;
  const scores = wanted.map((term) =>
    algorithm === 'subsequence' ? subsequence(term, threshold) : similar(term, threshold),
  );
  return (value) => {
    const text = caseSensitive ? value : value.toLowerCase();
    let best: number | null = null;
    for (const score of scores) {
      const own = score(text);
      if (own !== null && own > (best ?? -1)) best = own;
      if (best !== null && best >= 1) break;
    }
    return best;
  };
}

/** What has the term in it, the better the sooner; else, where a threshold is set, what is similar enough. */
function similar(term: string, threshold: number): Score {
  const length = [...term].length;
  return (value) => {
    const at = value.indexOf(term);
    if (at === 0) return 1;
    if (at > 0) return 1 - (0.9 * [...value.slice(0, at)].length) / ([...value].length - length);
    if (threshold <= 0) return null;
    const score = jaroWinkler([...term], [...value]);
    return score >= threshold ? score : null;
  };
}

/** What has the characters of the term in their order. */
function subsequence(term: string, threshold: number): Score {
  const pattern = [...term];
  return (value) => {
    if (value.startsWith(term)) return 1;
    const score = subsequenceScore(pattern, [...value]);
    return score > 0 && score >= threshold ? score : null;
  };
}

/** What is not the same is worth a little less than what is. */
const NOT_THE_SAME = 0.999;

/** The best score over all places where the pattern may begin, each followed greedily; 0 where there is none. */
export function subsequenceScore(pattern: readonly string[], text: readonly string[]): number {
  let best = -1;
  for (let start = 0; start <= text.length - pattern.length; start++) {
    if (text[start] !== pattern[0]) continue;
    const score = scoreFrom(pattern, text, start);
    if (score === null) break; // nor does it fit in what is left later
    best = Math.max(best, score);
  }
  return best < 0 ? 0 : (best / (pattern.length * pattern.length)) * NOT_THE_SAME;
}

/** Squares of the lengths of runs, less the gaps before and between them, and half of that behind. */
function scoreFrom(pattern: readonly string[], text: readonly string[], start: number): number | null {
  const perCharacter = 1 / text.length;
  let score = 0;
  let end = -1;
  let found = 0;
  for (let at = start; found < pattern.length; ) {
    while (at < text.length && text[at] !== pattern[found]) at++;
    if (at === text.length) return null;
    const from = at;
    while (at < text.length && found < pattern.length && text[at] === pattern[found]) {
      at++;
      found++;
    }
    score -= (from - end - 1) * perCharacter;
    score += (at - from) * (at - from);
    end = at - 1;
  }
  return score - (text.length - 1 - end) * perCharacter * 0.5;
}

const PREFIX_MAX = 4;
const PREFIX_WEIGHT = 0.1;

/** The similarity of Jaro and Winkler: 1 for the same, 0 where no character is near one of the other. */
export function jaroWinkler(a: readonly string[], b: readonly string[]): number {
  const [short, long] = a.length > b.length ? [b, a] : [a, b];
  const reach = Math.max(Math.floor(long.length / 2) - 1, 0);
  const taken = new Array<boolean>(long.length).fill(false);
  const matched: string[] = [];
  for (const [i, character] of short.entries()) {
    const end = Math.min(i + reach + 1, long.length);
    for (let j = Math.max(i - reach, 0); j < end; j++) {
      if (taken[j] || long[j] !== character) continue;
      taken[j] = true;
      matched.push(character);
      break;
    }
  }
  const matches = matched.length;
  if (matches === 0) return 0;
  const others = long.filter((_, j) => taken[j]);
  const transposed = matched.filter((character, i) => character !== others[i]).length;
  const jaro =
    (matches * (1 / short.length) + matches * (1 / long.length) + (matches - transposed * 0.5) / matches) / 3;
  let prefix = 0;
  while (prefix < Math.min(PREFIX_MAX, short.length) && short[prefix] === long[prefix]) prefix++;
  return jaro + prefix * PREFIX_WEIGHT * (1 - jaro);
}
