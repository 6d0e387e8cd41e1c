/** A note at a time or over a range of time, as it is kept. Times in milliseconds since the epoch. */
export interface Annotation {
  readonly id: number;
  readonly time: number;
  readonly timeEnd: number;
  readonly text: string;
  readonly tags: readonly string[];
  /** '' and 0 for one that is of no dashboard and no panel. */
  readonly dashboardUID: string;
  readonly panelId: number;
  readonly created: number;
  readonly updated: number;
  readonly data?: unknown;
}

/** What whoever makes an annotation says; a time that is missing or 0 is now. */
export interface NewAnnotation {
  readonly time?: number | undefined;
  readonly timeEnd?: number | undefined;
  readonly text: string;
  readonly tags?: readonly string[] | undefined;
  readonly dashboardUID?: string | undefined;
  readonly panelId?: number | undefined;
  readonly data?: unknown;
}

/** Which annotations to find; what is not given, '' or 0 asks for nothing, as in Grafana. */
export interface AnnotationFilter {
  readonly from: number;
  readonly to: number;
  readonly tags: readonly string[];
  readonly matchAny: boolean;
  readonly dashboardUID: string;
  readonly panelId: number;
  readonly limit: number;
}

const LIMIT = 100;

/** Tags as Grafana keeps them: `key` or `key:value` without blanks around them, each once. What follows a second colon is lost. */
export function cleanTags(tags: readonly string[]): string[] {
  const pairs = tags.map((tag) => tag.split(':', 2).map((part) => part.trim()));
  const texts = pairs.flatMap(([key, value = '']) => (key === '' ? [] : value === '' ? [key] : [`${key}:${value}`]));
  return [...new Set(texts)];
}

/** A range of one moment where only one of its ends is said, and never one that ends before it begins. */
export function orderedRange(time: number, timeEnd: number): { readonly time: number; readonly timeEnd: number } {
  const [begin, end] = [time || timeEnd, timeEnd || time];
  return { time: Math.min(begin, end), timeEnd: Math.max(begin, end) };
}

/** The newest end first, then the newest beginning. */
export function findAnnotations(all: Iterable<Annotation>, filter: AnnotationFilter): Annotation[] {
  const wanted = cleanTags(filter.tags);
  const found: Annotation[] = [];
  for (const annotation of all) if (isWanted(annotation, filter, wanted)) found.push(annotation);
  found.sort((a, b) => b.timeEnd - a.timeEnd || b.time - a.time);
  return found.slice(0, filter.limit > 0 ? filter.limit : LIMIT);
}

function isWanted(annotation: Annotation, filter: AnnotationFilter, tags: readonly string[]): boolean {
  const { from, to, dashboardUID, panelId, matchAny } = filter;
  if (from > 0 && to > 0 && (annotation.time > to || annotation.timeEnd < from)) return false;
  if (dashboardUID !== '' && annotation.dashboardUID !== dashboardUID) return false;
  if (panelId !== 0 && annotation.panelId !== panelId) return false;
  if (tags.length === 0) return true;
  const matching = annotation.tags.filter((tag) => tags.some((wanted) => isTag(tag, wanted))).length;
  return matchAny ? matching > 0 : matching === tags.length;
}

/** A wanted tag without a value finds every value of its key. */
function isTag(tag: string, wanted: string): boolean {
  return tag === wanted || (!wanted.includes(':') && tag.startsWith(`${wanted}:`));
}

/** How often each tag is used, by tag; `part` stands anywhere in it, in any case. */
export function countTags(
  all: Iterable<Annotation>,
  part: string,
  limit: number,
): { readonly tag: string; readonly count: number }[] {
  const counts = new Map<string, number>();
  for (const { tags } of all) for (const tag of tags) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  return [...counts]
    .filter(([tag]) => tag.split(':').some((side) => side.toLowerCase().includes(part.toLowerCase())))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .slice(0, limit > 0 ? limit : LIMIT)
    .map(([tag, count]) => ({ tag, count }));
}
