import type { FamilyType } from '@avalanche/exposition';
import { quote } from '@avalanche/model';
import { PushError } from './grouping.ts';
import type { KeptFamily } from './kept-family.ts';
import type { SeriesIndex } from './series-index.ts';

export const PUSH_TIME = 'push_time_seconds';
export const PUSH_FAILURE_TIME = 'push_failure_time_seconds';

/** What a push is compared with. */
export interface Surroundings {
  /** Of the group that is pushed to. */
  readonly key: string;
  /** The families that the group will have, by name. */
  readonly families: ReadonlyMap<string, KeptFamily>;
  /** What all groups have. */
  readonly index: SeriesIndex;
  /** Type of a metric of the server's own. */
  readonly ownType: (name: string) => FamilyType | undefined;
}

/** Refuses what upstream's registry would not scrape, in its words. Yields between series. @throws PushError */
export function* checkFamily(family: KeptFamily, around: Surroundings): Generator<void, void> {
  const { name, type } = family;
  const { key, index, ownType } = around;
  const other = ownType(name) ?? index.typeBeside(key, name);
  if (name === PUSH_TIME || name === PUSH_FAILURE_TIME) throw invalid(`${name} is set by the Pushgateway itself`);
  if (other !== undefined && other !== type) {
    throw invalid(`collected metric ${name} should be a ${other} and is a ${type}`);
  }
  checkSuffixes(
    family,
    (wanted) => ownType(wanted) ?? around.families.get(wanted)?.type ?? index.typeBeside(key, wanted),
  );
  yield* checkSeries(family, (series) => index.hasBeside(key, name, series));
}

/** `h_count` is a series of a histogram `h`, and no family beside it. */
function checkSuffixes({ name, type }: KeptFamily, typeOf: (name: string) => FamilyType | undefined): void {
  const [, base = '', suffix = ''] = /^(.*)(_count|_sum|_bucket)$/s.exec(name) ?? [];
  const owner = base === '' ? undefined : typeOf(base);
  if (owner !== undefined && suffixesOf(owner).includes(suffix)) {
    throw invalid(
      `collected metric named ${quote(name)} collides with previously collected ${owner} named ${quote(base)}`,
    );
  }
  for (const taken of suffixesOf(type)) {
    if (typeOf(name + taken) === undefined) continue;
    const what = taken === '_bucket' ? 'histogram' : 'histogram or summary';
    throw invalid(
      `collected ${what} named ${quote(name)} collides with previously collected metric named ${quote(name + taken)}`,
    );
  }
}

function suffixesOf(type: FamilyType): readonly string[] {
  if (type === 'histogram') return ['_count', '_sum', '_bucket'];
  return type === 'summary' ? ['_count', '_sum'] : [];
}

function* checkSeries({ name, series }: KeptFamily, isTaken: (series: string) => boolean): Generator<void, void> {
  const seen = new Set<string>();
  for (const one of series) {
    if (seen.has(one) || isTaken(one)) {
      throw invalid(`collected metric ${name}${one} was collected before with the same name and label values`);
    }
    seen.add(one);
    yield;
  }
}

export function invalid(reason: string): PushError {
  return new PushError(`pushed metrics are invalid or inconsistent with existing metrics: ${reason}`);
}
