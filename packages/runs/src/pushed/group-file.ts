import type { MetricFamily } from '@avalanche/exposition';
import { textPieces } from '@avalanche/model';
import { readIfThere } from '../read-if-there.ts';
import { replaceFile } from '../replace-file.ts';
import type { Grouping } from './grouping.ts';
import type { PushedGroup } from './pushed-metrics.ts';

/** A group as it stands in the file, with numbers that JSON does not know as `{"$number":"NaN"}`. */
export interface SavedGroup extends Omit<PushedGroup, 'families' | 'hasFailed'> {
  /** Older files do not say. */
  readonly hasFailed?: boolean;
  readonly grouping: Grouping;
  readonly families: readonly SavedFamily[];
}

interface SavedFamily {
  readonly family: MetricFamily;
  readonly pushedAt: number;
}

/** Writes all groups in the place of the old file. Lets other work go on. @throws the system's error, after which the old file is still there */
export function writeGroups(file: string, groups: Iterable<PushedGroup>): Promise<void> {
  return replaceFile(file, textPieces(textsOf(groups)));
}

function* textsOf(groups: Iterable<PushedGroup>): Generator<string> {
  let before = '{"version":1,"groups":[';
  for (const { families, ...group } of groups) {
    yield `${before}${JSON.stringify(group).slice(0, -1)},"families":[`;
    before = ',\n';
    let comma = '';
    for (const { family, pushedAt } of families.values()) {
      yield `${comma}{"pushedAt":${pushedAt},"family":`;
      yield* familyTexts(family);
      yield '}';
      comma = ',';
    }
    yield ']}';
  }
  yield before.startsWith('{') ? `${before}]}` : ']}';
}

function* familyTexts({ metrics, ...family }: MetricFamily): Generator<string> {
  yield `${JSON.stringify(family).slice(0, -1)},"metrics":[`;
  let comma = '';
  for (const metric of metrics) {
    yield comma + JSON.stringify(metric, numbersAsText);
    comma = ',';
  }
  yield ']}';
}

/** @throws Error that names the file */
export function readGroups(file: string): readonly SavedGroup[] {
  const text = readIfThere(file);
  if (text === undefined) return [];
  try {
    const { groups } = JSON.parse(text) as { readonly groups: readonly SavedGroup[] };
    return groups.map((group) => ({ ...group, families: group.families.map(familyOf) }));
  } catch {
    throw new Error(`${file} is no file of pushed metrics (one of the Go Pushgateway cannot be read)`);
  }
}

function familyOf({ pushedAt, family }: SavedFamily): SavedFamily {
  const metrics = family.metrics.map((metric) => ({
    ...metric,
    value: numberOf(metric.value),
    count: numberOf(metric.count),
    sum: numberOf(metric.sum),
    parts: metric.parts.map(([bound, value]) => [numberOf(bound), numberOf(value)] as const),
  }));
  return { pushedAt, family: { ...family, metrics } };
}

function numberOf(saved: number | { readonly $number: string }): number {
  return typeof saved === 'number' ? saved : Number(saved.$number);
}

/** JSON knows no infinite numbers; no label has a name like this. */
function numbersAsText(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? { $number: String(value) } : value;
}
