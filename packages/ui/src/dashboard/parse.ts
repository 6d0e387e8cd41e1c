import { parseAnnotations } from './annotation-query.ts';
import { arr, bool, type Json, num, obj, str, strings } from './json.ts';
import { migratePanel } from './migrate.ts';
import type {
  Dashboard,
  DashboardLink,
  GridPosition,
  Override,
  Panel,
  PanelLink,
  PanelTarget,
  Row,
  Transformation,
  Variable,
  VariableType,
} from './model.ts';

/**
 * Reads Grafana's dashboard JSON of any age: what is there decides, not schemaVersion. Never throws; what is unreadable
 * falls back to Grafana's default, and a panel that we cannot draw stays in its place with its type.
 */
export function parseDashboard(document: unknown): Dashboard {
  const raw = obj(document);
  const time = obj(raw.time);
  const picker = obj(raw.timepicker);
  return {
    uid: str(raw.uid),
    title: str(raw.title, 'Untitled dashboard'),
    description: str(raw.description),
    tags: strings(raw.tags),
    time: { from: str(time.from, 'now-6h'), to: str(time.to, 'now') },
    refresh: str(raw.refresh),
    refreshIntervals: strings(picker.refresh_intervals),
    utc: raw.timezone === 'utc',
    crosshair: (num(raw.graphTooltip) ?? 0) > 0 || raw.sharedCrosshair === true ? 'shared' : 'alone',
    variables: arr(obj(raw.templating).list)
      .map(parseVariable)
      .filter((variable) => variable.name !== ''),
    rows: parseRows(raw),
    links: arr(raw.links).map(parseDashboardLink),
    annotations: parseAnnotations(raw),
    raw,
  };
}

function parseRows(raw: Json): readonly Row[] {
  if (Array.isArray(raw.rows) && !Array.isArray(raw.panels)) return parseOldRows(raw.rows);
  const rows: { key: string; title: string; collapsed: boolean; repeat: string; panels: Panel[] }[] = [
    { key: 'top', title: '', collapsed: false, repeat: '', panels: [] },
  ];
  for (const item of arr(raw.panels)) {
    const panel = obj(item);
    if (panel.type !== 'row') {
      rows.at(-1)!.panels.push(parsePanel(panel, rows.length * 1000 + rows.at(-1)!.panels.length));
      continue;
    }
    rows.push({
      key: `row-${str(panel.id, String(rows.length))}`,
      title: str(panel.title, 'Row'),
      collapsed: bool(panel.collapsed),
      repeat: str(panel.repeat),
      panels: arr(panel.panels).map((inner, i) => parsePanel(obj(inner), rows.length * 1000 + i)),
    });
  }
  return rows.filter((row) => row.title !== '' || row.panels.length > 0);
}

/** Layout of Grafana before 5: rows of panels with a span of 12. */
function parseOldRows(oldRows: readonly unknown[]): readonly Row[] {
  return oldRows.map((item, index) => {
    const row = obj(item);
    const h = Math.max(3, Math.ceil((Number.parseInt(str(row.height, '250'), 10) || 250) / 38));
    let x = 0;
    let y = 0;
    const panels = arr(row.panels).map((inner, i) => {
      const raw = obj(inner);
      const w = Math.max(1, Math.min(24, Math.round((num(raw.span) ?? 4) * 2)));
      if (x + w > 24) {
        x = 0;
        y += h;
      }
      const panel = parsePanel({ ...raw, gridPos: { x, y, w, h } }, index * 1000 + i);
      x += w;
      return panel;
    });
    const title = bool(row.showTitle) || bool(row.collapse) ? str(row.title, 'Row') : '';
    return { key: `row-${index}`, title, collapsed: bool(row.collapse), repeat: str(row.repeat), panels };
  });
}

function parsePanel(original: Json, fallbackId: number): Panel {
  const raw = migratePanel(original);
  const id = num(raw.id) ?? fallbackId;
  const fieldConfig = obj(raw.fieldConfig);
  return {
    key: `panel-${id}-${fallbackId}`,
    id,
    type: str(raw.type),
    title: str(raw.title),
    description: str(raw.description),
    position: parsePosition(raw.gridPos),
    transparent: bool(raw.transparent),
    targets: arr(raw.targets).map(parseTarget),
    defaults: obj(fieldConfig.defaults),
    overrides: arr(fieldConfig.overrides).map(parseOverride),
    options: obj(raw.options),
    transformations: arr(raw.transformations)
      .map(parseTransformation)
      .filter((step) => step.id !== ''),
    links: arr(raw.links).map(parseLink),
    repeat: str(raw.repeat),
    repeatDirection: raw.repeatDirection === 'v' ? 'v' : 'h',
    repeatMaxPerRow: num(raw.maxPerRow) ?? 4,
    maxDataPoints: num(raw.maxDataPoints),
    interval: str(raw.interval),
    timeFrom: str(raw.timeFrom),
    timeShift: str(raw.timeShift),
    fixed: {},
    raw: original,
  };
}

function parsePosition(value: unknown): GridPosition {
  const raw = obj(value);
  const x = Math.max(0, Math.min(23, num(raw.x) ?? 0));
  return {
    x,
    y: Math.max(0, num(raw.y) ?? 0),
    w: Math.max(1, Math.min(24 - x, num(raw.w) ?? 12)),
    h: Math.max(1, num(raw.h) ?? 8),
  };
}

function parseTarget(value: unknown, index: number): PanelTarget {
  const raw = obj(value);
  const format = str(raw.format);
  return {
    refId: str(raw.refId) || String.fromCharCode(65 + (index % 26)),
    expr: str(raw.expr),
    legendFormat: str(raw.legendFormat, '__auto'),
    instant: bool(raw.instant) && raw.range !== true,
    format: format === 'table' || format === 'heatmap' ? format : 'time_series',
    interval: str(raw.interval),
    intervalFactor: Math.max(1, num(raw.intervalFactor) ?? 1),
    hidden: bool(raw.hide),
  };
}

function parseOverride(value: unknown): Override {
  const raw = obj(value);
  const matcher = obj(raw.matcher);
  return {
    matcher: { id: str(matcher.id), options: matcher.options },
    properties: arr(raw.properties).map((item) => ({ id: str(obj(item).id), value: obj(item).value })),
  };
}

function parseTransformation(value: unknown): Transformation {
  const raw = obj(value);
  return { id: raw.disabled === true ? '' : str(raw.id), options: obj(raw.options) };
}

function parseLink(value: unknown): PanelLink {
  const raw = obj(value);
  return { title: str(raw.title), url: str(raw.url), newTab: bool(raw.targetBlank) };
}

function parseDashboardLink(value: unknown): DashboardLink {
  const raw = obj(value);
  return {
    ...parseLink(raw),
    type: raw.type === 'dashboards' ? 'dashboards' : 'link',
    tags: strings(raw.tags),
    keepTime: bool(raw.keepTime),
    includeVars: bool(raw.includeVars),
  };
}

const VARIABLE_TYPES: readonly string[] = ['query', 'custom', 'interval', 'datasource', 'constant', 'textbox', 'adhoc'];

function parseVariable(value: unknown): Variable {
  const raw = obj(value);
  const type = str(raw.type);
  const query = typeof raw.query === 'string' ? raw.query : str(obj(raw.query).query);
  const current = obj(raw.current).value;
  return {
    name: str(raw.name),
    label: str(raw.label) || str(raw.name),
    type: (VARIABLE_TYPES.includes(type) ? type : 'constant') as VariableType,
    query: query || str(raw.definition),
    regex: str(raw.regex),
    sort: num(raw.sort) ?? 0,
    multi: bool(raw.multi),
    includeAll: bool(raw.includeAll),
    allValue: str(raw.allValue),
    hide: num(raw.hide) ?? 0,
    current: Array.isArray(current) ? strings(current) : str(current) === '' ? [] : [str(current)],
    options: arr(raw.options).map((item) => {
      const option = obj(item);
      return { text: str(option.text) || str(option.value), value: str(option.value) };
    }),
    auto: bool(raw.auto) ? { count: num(raw.auto_count) ?? 30, min: str(raw.auto_min, '10s') } : undefined,
  };
}
