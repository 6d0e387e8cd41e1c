import { arr, bool, type Json, num, obj, str } from './json.ts';

/** Brings a panel of an older Grafana to today's shape: graph → timeseries, singlestat → stat, table-old → table. */
export function migratePanel(raw: Json): Json {
  switch (raw.type) {
    case 'graph':
      return migrateGraph(raw);
    case 'singlestat':
      return migrateSinglestat(raw);
    case 'table-old':
      return { ...raw, type: 'table' };
    case 'text':
      return raw.content === undefined
        ? raw
        : { ...raw, options: { mode: raw.mode, content: raw.content, ...obj(raw.options) } };
    default:
      return raw;
  }
}

const nullMode: Readonly<Record<string, unknown>> = { connected: true, null: false, 'null as zero': false };

function migrateGraph(raw: Json): Json {
  const legend = obj(raw.legend);
  const left = obj(arr(raw.yaxes)[0]);
  const defaults: Record<string, unknown> = {
    unit: str(left.format, 'short'),
    custom: {
      drawStyle: bool(raw.bars) ? 'bars' : raw.lines === false ? 'points' : 'line',
      lineWidth: num(raw.linewidth) ?? 1,
      fillOpacity: (num(raw.fill) ?? 1) * 10,
      lineInterpolation: bool(raw.steppedLine) ? 'stepAfter' : 'linear',
      showPoints: bool(raw.points) ? 'always' : 'never',
      spanNulls: nullMode[str(raw.nullPointMode)] ?? false,
      axisLabel: str(left.label),
      stacking: { mode: bool(raw.stack) ? (bool(raw.percentage) ? 'percent' : 'normal') : 'none', group: 'A' },
      ...(num(left.logBase) !== undefined && num(left.logBase) !== 1
        ? { scaleDistribution: { type: 'log', log: num(left.logBase) } }
        : {}),
    },
  };
  if (num(left.min) !== undefined) defaults.min = num(left.min);
  if (num(left.max) !== undefined) defaults.max = num(left.max);
  if (num(raw.decimals) !== undefined) defaults.decimals = num(raw.decimals);
  return {
    ...raw,
    type: 'timeseries',
    fieldConfig: { defaults: { ...defaults, ...obj(obj(raw.fieldConfig).defaults) }, overrides: graphOverrides(raw) },
    options: {
      legend: {
        showLegend: legend.show !== false,
        displayMode: bool(legend.alignAsTable) ? 'table' : 'list',
        placement: bool(legend.rightSide) ? 'right' : 'bottom',
        calcs: graphCalcs(legend),
        sortBy: legendSort(legend.sort),
        sortDesc: legend.sortDesc,
      },
      tooltip: {
        mode: obj(raw.tooltip).shared === false ? 'single' : 'multi',
        sort: ['none', 'asc', 'desc'][num(obj(raw.tooltip).sort) ?? 0],
      },
    },
  };
}

const LEGEND_CALC: readonly (readonly [old: string, calc: string, label: string])[] = [
  ['min', 'min', 'Min'],
  ['max', 'max', 'Max'],
  ['avg', 'mean', 'Mean'],
  ['current', 'lastNotNull', 'Last'],
  ['total', 'sum', 'Total'],
];

function graphCalcs(legend: Json): readonly string[] {
  return legend.values === false ? [] : LEGEND_CALC.filter(([old]) => bool(legend[old])).map(([, calc]) => calc);
}

function legendSort(old: unknown): string | undefined {
  return LEGEND_CALC.find(([name]) => name === old)?.[2];
}

function graphOverrides(raw: Json): readonly unknown[] {
  const colours = Object.entries(obj(raw.aliasColors)).map(([name, color]) =>
    override('byName', name, [{ id: 'color', value: { mode: 'fixed', fixedColor: color } }]),
  );
  const series = arr(raw.seriesOverrides).map((item) => seriesOverride(obj(item), obj(arr(raw.yaxes)[1])));
  return [...arr(obj(raw.fieldConfig).overrides), ...colours, ...series];
}

function seriesOverride(old: Json, right: Json): unknown {
  const alias = str(old.alias);
  const properties: { id: string; value: unknown }[] = [];
  if (str(old.color) !== '') properties.push({ id: 'color', value: { mode: 'fixed', fixedColor: old.color } });
  if (num(old.fill) !== undefined) properties.push({ id: 'custom.fillOpacity', value: (num(old.fill) ?? 0) * 10 });
  if (num(old.linewidth) !== undefined) properties.push({ id: 'custom.lineWidth', value: num(old.linewidth) });
  if (old.transform === 'negative-Y') properties.push({ id: 'custom.transform', value: 'negative-Y' });
  if (old.stack === false) properties.push({ id: 'custom.stacking', value: { mode: 'none' } });
  if (bool(old.bars)) properties.push({ id: 'custom.drawStyle', value: 'bars' });
  if (num(old.yaxis) === 2) {
    properties.push({ id: 'custom.axisPlacement', value: 'right' }, { id: 'unit', value: str(right.format, 'short') });
  }
  return override(/^\/.*\/[a-z]*$/.test(alias) ? 'byRegexp' : 'byName', alias, properties);
}

function override(id: string, options: string, properties: readonly { id: string; value: unknown }[]): unknown {
  return { matcher: { id, options }, properties };
}

const SINGLESTAT_CALC: Readonly<Record<string, string>> = {
  current: 'lastNotNull',
  avg: 'mean',
  min: 'min',
  max: 'max',
  total: 'sum',
  first: 'firstNotNull',
  delta: 'delta',
  diff: 'diff',
  range: 'range',
};

function migrateSinglestat(raw: Json): Json {
  const gauge = obj(raw.gauge);
  const limits = str(raw.thresholds)
    .split(',')
    .map(num)
    .filter((limit) => limit !== undefined);
  const colors = arr(raw.colors).map((color) => str(color));
  const steps = colors
    .slice(0, limits.length + 1)
    .map((color, i) => ({ color, value: i === 0 ? null : limits[i - 1] }));
  return {
    ...raw,
    type: bool(gauge.show) ? 'gauge' : 'stat',
    fieldConfig: {
      defaults: {
        unit: str(raw.format, 'none'),
        decimals: num(raw.decimals),
        color: { mode: 'thresholds' },
        thresholds: { mode: 'absolute', steps: steps.length > 0 ? steps : [{ color: 'green', value: null }] },
        mappings: arr(raw.valueMaps).map((item) => ({
          type: 'value',
          options: { [str(obj(item).value)]: { text: str(obj(item).text) } },
        })),
        ...(bool(gauge.show) ? { min: num(gauge.minValue) ?? 0, max: num(gauge.maxValue) ?? 100 } : {}),
      },
      overrides: [],
    },
    options: {
      colorMode: bool(raw.colorBackground) ? 'background' : bool(raw.colorValue) ? 'value' : 'none',
      graphMode: bool(obj(raw.sparkline).show) ? 'area' : 'none',
      reduceOptions: { calcs: [SINGLESTAT_CALC[str(raw.valueName)] ?? 'lastNotNull'] },
    },
  };
}
