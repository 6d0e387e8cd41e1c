import { arr, bool, type Json, num, obj, str, strings } from './json.ts';
import type { AnnotationQuery, AnnotationSource } from './model.ts';

/** A moment or a stretch of time to draw on the panels. */
export interface DashboardAnnotation {
  readonly key: string;
  readonly query: AnnotationQuery;
  /** Epoch milliseconds; the same for a moment. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly title: string;
  readonly text: string;
  readonly tags: readonly string[];
  /** The panel that it was made on; 0 for all. */
  readonly panelId: number;
}

const LIMIT = 100;

/** The annotations of a dashboard file, of any age; those of data sources that we do not have are left out. */
export function parseAnnotations(dashboard: Json): readonly AnnotationQuery[] {
  return arr(obj(dashboard.annotations).list).flatMap((item, index) => {
    const raw = obj(item);
    const source = parseSource(raw);
    if (!source) return [];
    const filter = obj(raw.filter);
    const ids = arr(filter.ids).flatMap((id) => num(id) ?? []);
    return {
      ...{ key: String(index), name: str(raw.name, 'Annotations'), color: str(raw.iconColor, 'blue'), source },
      ...{ enabled: bool(raw.enable, true), hidden: bool(raw.hide) },
      panels: ids.length > 0 ? { ids, exclude: bool(filter.exclude) } : undefined,
    };
  });
}

function parseSource(raw: Json): AnnotationSource | undefined {
  const target = obj(raw.target);
  if (isGrafana(raw)) {
    const limit = num(target.limit) ?? num(raw.limit) ?? LIMIT;
    const tags = Array.isArray(target.tags) ? strings(target.tags) : strings(raw.tags);
    if (str(target.type, str(raw.type)) !== 'tags') return { kind: 'dashboard', limit };
    if (tags.length === 0) return undefined;
    return { kind: 'tags', tags, limit, matchAny: bool(target.matchAny, bool(raw.matchAny)) };
  }
  const expr = str(raw.expr) || str(target.expr);
  if (expr.trim() === '') return undefined;
  return {
    ...{ kind: 'promql', expr, step: str(raw.step) || str(target.interval) || '60s' },
    titleFormat: str(raw.titleFormat) || '{{alertname}}',
    textFormat: str(raw.textFormat) || '{{instance}}',
    tagKeys: str(raw.tagKeys)
      .split(',')
      .map((key) => key.trim())
      .filter((key) => key !== ''),
    useValueForTime: raw.useValueForTime === true || raw.useValueForTime === 'on',
  };
}

/** Whether Grafana itself keeps them: `-- Grafana --` under each name that it had. */
function isGrafana(raw: Json): boolean {
  const { datasource, builtIn } = raw;
  if (builtIn === 1 || builtIn === true || datasource === '-- Grafana --') return true;
  const { type, uid } = obj(datasource);
  return type === 'grafana' || type === 'datasource' || uid === 'grafana' || uid === '-- Grafana --';
}

export function isShownOn({ query: { panels }, panelId }: DashboardAnnotation, id: number): boolean {
  if (panelId !== 0 && panelId !== id) return false;
  return panels === undefined || panels.ids.includes(id) !== panels.exclude;
}
