import { METRIC_NAME } from '@avalanche/model';
import type { Aggregate } from './ast.ts';
import type { SeriesMeta } from './columns.ts';
import type { QueryRun } from './query-run.ts';

/** Which group each input series belongs to, found once per query. */
export interface Groups {
  readonly metas: readonly SeriesMeta[];
  readonly groupOf: Int32Array;
}

export async function groupSeries(
  series: readonly SeriesMeta[],
  { grouping, without }: Aggregate,
  run: QueryRun,
): Promise<Groups> {
  const metas: SeriesMeta[] = [];
  const index = new Map<string, number>();
  const groupOf = new Int32Array(series.length);
  for (let i = 0; i < series.length; i++) {
    const { labels, dropName } = series[i];
    const key = without ? labels.keyWithout(grouping) : labels.keyOf(grouping);
    let group = index.get(key);
    if (group === undefined) {
      group = metas.length;
      index.set(key, group);
      metas.push({ labels: without ? labels.without(METRIC_NAME, ...grouping) : labels.keep(...grouping), dropName });
    } else if (dropName && !metas[group].dropName) {
      metas[group] = { labels: metas[group].labels, dropName };
    }
    groupOf[i] = group;
    if (run.dueAt(i)) await run.pause();
  }
  return { metas, groupOf };
}
