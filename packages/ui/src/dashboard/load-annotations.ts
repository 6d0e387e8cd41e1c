import { grafana } from '../api/grafana/client.ts';
import { errorMessage } from '../api/http.ts';
import type { PrometheusClient } from '../api/prometheus/client.ts';
import { type MatrixSeries, sampleValue } from '../api/prometheus/query.ts';
import type { DashboardAnnotation } from './annotation-query.ts';
import { parseDuration } from './duration.ts';
import { interpolate, type Scope } from './interpolate.ts';
import { fillLabels } from './legend-format.ts';
import type { AnnotationQuery, PromqlAnnotations } from './model.ts';
import { stepBuiltins } from './query-plan.ts';
import type { TimeRange } from './time-range.ts';

export interface AnnotationContext {
  readonly dashboardUid: string;
  readonly range: TimeRange;
  readonly scope: Scope;
  readonly prometheus: PrometheusClient | undefined;
}

export interface LoadedAnnotations {
  readonly annotations: readonly DashboardAnnotation[];
  /** What went wrong, by the query's key. */
  readonly problems: ReadonlyMap<string, string>;
}

/** More of one query are not drawn; the newest are kept. */
const DRAWN_MAX = 500;
/** Prometheus refuses a range query of more points. */
const POINTS_MAX = 11_000;
const STEP_MS = 60_000;

/** Asks for the annotations of all these queries; one that fails leaves the others. */
export async function loadAnnotations(
  queries: readonly AnnotationQuery[],
  context: AnnotationContext,
  signal: AbortSignal,
): Promise<LoadedAnnotations> {
  const settled = await Promise.allSettled(queries.map((query) => load(query, context, signal)));
  signal.throwIfAborted();
  const problems = new Map<string, string>();
  const annotations = settled.flatMap((part, i) => {
    const { key } = queries[i]!;
    if (part.status === 'rejected') problems.set(key, errorMessage(part.reason));
    else if (part.value.length > DRAWN_MAX)
      problems.set(key, `The newest ${DRAWN_MAX} of ${part.value.length} are shown.`);
    return part.status === 'rejected' ? [] : newest(part.value);
  });
  return { annotations, problems };
}

function newest(found: readonly DashboardAnnotation[]): readonly DashboardAnnotation[] {
  return found.length <= DRAWN_MAX ? found : [...found].sort((a, b) => b.toMs - a.toMs).slice(0, DRAWN_MAX);
}

async function load(
  query: AnnotationQuery,
  context: AnnotationContext,
  signal: AbortSignal,
): Promise<readonly DashboardAnnotation[]> {
  const { source } = query;
  if (source.kind !== 'promql') return fromGrafana(query, context, signal);
  const { range, scope, prometheus } = context;
  if (!prometheus) throw new Error('There is no Prometheus here to ask.');
  const wanted = parseDuration(interpolate(source.step, scope, 'plain').replace(/^[<>=]+/, '')) || STEP_MS;
  const stepMs = Math.max(wanted, Math.ceil((range.toMs - range.fromMs) / (POINTS_MAX - 1)), 1000);
  const { data } = await prometheus.queryRange(
    {
      expr: interpolate(source.expr, new Map([...scope, ...stepBuiltins(stepMs, stepMs)]), 'promql'),
      startMs: Math.floor(range.fromMs / stepMs) * stepMs,
      endMs: Math.ceil(range.toMs / stepMs) * stepMs,
      stepMs,
    },
    signal,
  );
  if (data.resultType !== 'matrix') return [];
  return data.result.flatMap((series, i) => annotationsOfSeries(query, source, series, stepMs, i));
}

async function fromGrafana(
  query: AnnotationQuery,
  { dashboardUid, range, scope }: AnnotationContext,
  signal: AbortSignal,
): Promise<readonly DashboardAnnotation[]> {
  const { source } = query;
  if (source.kind === 'promql') return [];
  const asked = new URLSearchParams({
    from: String(range.fromMs),
    to: String(range.toMs),
    limit: String(source.limit),
    ...(source.kind === 'dashboard' ? { dashboardUID: dashboardUid } : { matchAny: String(source.matchAny) }),
  });
  if (source.kind === 'tags') {
    const tags = source.tags.flatMap((tag) => interpolate(tag, scope, 'csv').split(','));
    for (const tag of tags) if (tag !== '') asked.append('tags', tag);
  }
  return (await grafana.annotations(asked, signal)).map(({ id, time, timeEnd, text, tags, panelId }) => ({
    ...{ key: `${query.key}-${id}`, query, fromMs: time, toMs: Math.max(time, timeEnd) },
    ...{ title: query.name, text, tags, panelId },
  }));
}

/**
 * Each sample above zero is a moment; those that are not further apart than the step make one stretch, as in Grafana.
 */
export function annotationsOfSeries(
  query: AnnotationQuery,
  source: PromqlAnnotations,
  { metric, values = [] }: MatrixSeries,
  stepMs: number,
  series: number,
): DashboardAnnotation[] {
  const moments = values.flatMap(([at, value]) => {
    if (source.useValueForTime) return Number.isFinite(sampleValue(value)) ? Math.floor(sampleValue(value)) : [];
    return sampleValue(value) > 0 ? Math.round(at * 1000) : [];
  });
  const spans: { fromMs: number; toMs: number }[] = [];
  for (const ms of moments) {
    const last = spans.at(-1);
    if (last && last.toMs + stepMs >= ms) last.toMs = Math.max(last.toMs, ms);
    else spans.push({ fromMs: ms, toMs: ms });
  }
  return spans.map((span) => ({
    ...span,
    ...{ key: `${query.key}-${series}-${span.fromMs}`, query, panelId: 0 },
    title: fillLabels(source.titleFormat, metric) || query.name,
    text: fillLabels(source.textFormat, metric),
    tags: source.tagKeys.flatMap((label) => metric[label] ?? []),
  }));
}
