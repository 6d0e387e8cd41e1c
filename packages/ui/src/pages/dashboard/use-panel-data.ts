import { errorMessage, isAbort } from '../../api/http.ts';
import type { PrometheusClient } from '../../api/prometheus/client.ts';
import type { Answer, QueryResult } from '../../api/prometheus/query.ts';
import { type Remote, useRemote } from '../../api/use-remote.ts';
import type { Frame } from '../../dashboard/frame.ts';
import { framesOfResult } from '../../dashboard/frames-of-result.ts';
import type { Panel } from '../../dashboard/model.ts';
import type { PlannedQuery } from '../../dashboard/query-plan.ts';
import { transform } from '../../dashboard/transformations.ts';

export interface PanelData {
  readonly frames: readonly Frame[];
  /** What is missing from the picture, in words. */
  readonly partial: readonly string[];
}

/** Runs a panel's queries; rejects only where all of them failed. `round` changes on every refresh. */
export function usePanelData(
  panel: Panel,
  queries: readonly PlannedQuery[],
  prometheus: PrometheusClient | undefined,
  enabled: boolean,
  round: number,
): Remote<PanelData> {
  const key = JSON.stringify([round, queries.map(({ target, ...rest }) => [rest, target.legendFormat, target.format])]);
  return useRemote(key, (signal) => runQueries(panel, queries, prometheus, signal), { keep: true, enabled });
}

async function runQueries(
  panel: Panel,
  queries: readonly PlannedQuery[],
  prometheus: PrometheusClient | undefined,
  signal: AbortSignal,
): Promise<PanelData> {
  if (!prometheus) throw new Error('There is no Prometheus here to ask.');
  const settled = await Promise.allSettled(queries.map((query) => runQuery(query, prometheus, signal)));
  signal.throwIfAborted();
  const failures = settled.flatMap((part) =>
    part.status === 'rejected' && !isAbort(part.reason) ? [part.reason as unknown] : [],
  );
  if (failures.length > 0 && failures.length === settled.length) throw failures[0];
  const tables = queries.filter(({ target }) => target.format === 'table').length;
  const frames = settled.flatMap((part, i) =>
    part.status === 'fulfilled' ? framesOfResult(queries[i]!, part.value.data, tables) : [],
  );
  const transformed = transform(frames, panel.transformations);
  return {
    frames: transformed.frames,
    partial: [
      ...failures.map((failure) => `A query failed: ${errorMessage(failure)}`),
      ...transformed.unknown.map((id) => `Transformation “${id}” is not done here yet`),
      ...settled.flatMap((part) => (part.status === 'fulfilled' ? part.value.warnings : [])),
    ],
  };
}

async function runQuery(
  query: PlannedQuery,
  prometheus: PrometheusClient,
  signal: AbortSignal,
): Promise<Answer<QueryResult>> {
  return query.kind === 'instant'
    ? prometheus.query(query.expr, query.endMs, signal)
    : prometheus.queryRange(query, signal);
}
