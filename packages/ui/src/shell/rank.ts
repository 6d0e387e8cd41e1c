/** Items whose text contains every word, best first: a match at the start before one inside, the shorter before the longer. */
export function rank<T extends { readonly text: string }>(
  items: readonly T[],
  search: string,
  limit: number,
): readonly T[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const scored: { item: T; score: number }[] = [];
  for (const item of items) {
    const text = item.text.toLowerCase();
    const places = words.map((word) => text.indexOf(word));
    if (places.includes(-1)) continue;
    const score = places.reduce((sum, place) => sum + (place === 0 ? 0 : /\W|_/.test(text[place - 1]!) ? 2 : 5), 0);
    scored.push({ item, score: words.length === 0 ? 0 : score * 100 + text.length });
  }
  return scored
    .sort((a, b) => a.score - b.score)
    .slice(0, limit)
    .map(({ item }) => item);
}
