import { ClassicHistogram, type Labels, METRIC_NAME } from '@avalanche/model';
import { parseBound } from '../functions/histogram.ts';
import { HistogramLiteral } from '../histogram-literal.ts';
import type { MemoryQueryable } from '../memory-queryable.ts';
import type { LoadStatement } from './script.ts';
import type { SeriesLine } from './series-line.ts';

/** Puts the samples of a `load` into the store. Of two lines for one series the last counts. @throws Error */
export function load(store: MemoryQueryable, { series, intervalMs, withNhcb }: LoadStatement): void {
  const lines = [...new Map(series.map((line) => [line.labels.key, line])).values()];
  for (const line of lines) append(store, line, intervalMs);
  if (withNhcb) appendConverted(store, lines, intervalMs);
}

function append(store: MemoryQueryable, { labels, values, starts }: SeriesLine, intervalMs: number): void {
  values.forEach((value, i) => {
    if (value === undefined) return;
    const timeMs = i * intervalMs;
    const offset = starts?.[i];
    const stored = value instanceof HistogramLiteral ? value.histogram : value;
    store.append(labels, timeMs, stored, offset === undefined ? 0 : timeMs + offset);
  });
}

/** One classic histogram at all times, by their index. */
interface Classic {
  readonly labels: Labels;
  readonly at: Map<number, ClassicHistogram>;
}

/** The classic histograms of a statement as native ones with custom buckets, beside them. */
function appendConverted(store: MemoryQueryable, lines: readonly SeriesLine[], intervalMs: number): void {
  const classics = new Map<string, Classic>();
  for (const line of lines) collect(line, classics);
  for (const { labels, at } of classics.values()) {
    for (const i of [...at.keys()].sort((a, b) => a - b)) {
      const histogram = (at.get(i) as ClassicHistogram).convert();
      histogram.validate();
      store.append(labels, i * intervalMs, histogram);
    }
  }
}

function collect({ labels, values }: SeriesLine, classics: Map<string, Classic>): void {
  const [, name, suffix] = /^(.*)_(bucket|sum|count)$/.exec(labels.metricName) ?? [];
  if (name === undefined) return;
  const bound = suffix === 'bucket' ? parseBound(labels.get('le')) : 0;
  if (bound === null) return;
  const identity = labels.without('le').with({ [METRIC_NAME]: name });
  const classic = classics.get(identity.key) ?? { labels: identity, at: new Map<number, ClassicHistogram>() };
  classics.set(identity.key, classic);
  values.forEach((value, i) => {
    if (typeof value !== 'number') return;
    const histogram = classic.at.get(i) ?? new ClassicHistogram();
    classic.at.set(i, histogram);
    if (suffix === 'bucket') histogram.addBucket(bound, value);
    else if (suffix === 'sum') histogram.setSum(value);
    else histogram.setCount(value);
  });
}
