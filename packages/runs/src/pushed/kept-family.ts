import { dividerOf, type FamilyMetric, type FamilyType, type MetricFamily, renderLabels } from '@avalanche/exposition';
import { compareStrings, formatG, formatValue } from '@avalanche/model';
import type { Grouping } from './grouping.ts';

/** Lines are rendered in texts of about so many characters. */
const PIECE_CHARACTERS = 32 * 1024;

type Label = readonly [name: string, value: string];

/** A family of a group, as it is shown and compared. It does not change. */
export class KeptFamily {
  private lines: readonly string[] | undefined;

  /**
   * @param family with the labels of its group
   * @param series the labels of each metric as text, in the order of the metrics
   * @param pushedAt milliseconds
   */
  private constructor(
    readonly family: MetricFamily,
    readonly series: readonly string[],
    readonly pushedAt: number,
  ) {}

  /** With the labels of the group in place of its own, and a label `instance`, so that the scrape adds none. Yields between metrics. */
  static *of(family: MetricFamily, grouping: Grouping, pushedAt: number): Generator<void, KeptFamily> {
    const metrics: FamilyMetric[] = [];
    const series: string[] = [];
    for (const metric of family.metrics) {
      const labels = grouped(metric.labels, grouping);
      metrics.push({ ...metric, labels });
      series.push(renderLabels(Object.fromEntries(labels)));
      yield;
    }
    return new KeptFamily({ ...family, metrics }, series, pushedAt);
  }

  get name(): string {
    return this.family.name;
  }

  get type(): FamilyType {
    const { type } = this.family;
    return type === 'GAUGE_HISTOGRAM' ? 'histogram' : ((type ?? 'UNTYPED').toLowerCase() as FamilyType);
  }

  /** As text, whole lines, in pieces: what was scraped before costs no formatting again. Yields between metrics. */
  *rendered(): Generator<void, readonly string[]> {
    if (this.lines) return this.lines;
    const pieces: string[] = [];
    let piece = '';
    for (const [i, metric] of this.family.metrics.entries()) {
      piece += linesOf(this.family, metric, this.series[i]);
      if (piece.length >= PIECE_CHARACTERS) {
        pieces.push(piece);
        piece = '';
      }
      yield;
    }
    if (piece !== '') pieces.push(piece);
    this.lines = pieces;
    return pieces;
  }
}

function grouped(labels: readonly Label[], grouping: Grouping): readonly Label[] {
  const out = labels.filter(([name]) => !Object.hasOwn(grouping, name));
  for (const name in grouping) out.push([name, grouping[name]]);
  if (!out.some(([name]) => name === 'instance')) out.push(['instance', '']);
  return out.sort(([a], [b]) => compareStrings(a, b));
}

function linesOf(family: MetricFamily, metric: FamilyMetric, series: string): string {
  const { name } = family;
  const divider = dividerOf(family);
  if (divider === null) return `${name}${series} ${formatValue(metric.value)}\n`;
  const suffix = divider === 'le' ? '_bucket' : '';
  // each has a label at least, that of its job
  const begin = `${name}${suffix}${series.slice(0, -1)},${divider}="`;
  let out = '';
  for (const [bound, value] of partsOf(metric, divider)) out += `${begin}${formatG(bound)}"} ${formatValue(value)}\n`;
  return `${out}${name}_sum${series} ${formatValue(metric.sum)}\n${name}_count${series} ${formatValue(metric.count)}\n`;
}

/** A histogram's last bucket may be left out by whoever pushes. */
function partsOf({ parts, count }: FamilyMetric, divider: 'le' | 'quantile') {
  const isWhole = divider === 'quantile' || parts.some(([bound]) => bound === Infinity);
  return isWhole ? parts : [...parts, [Infinity, count] as const];
}
