import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ColorBook } from './color.ts';
import { frameOf } from './frame.ts';
import { expandRepeats } from './layout.ts';
import { parseDashboard } from './parse.ts';
import { planQueries, rangeBuiltins } from './query-plan.ts';
import { lineColor, reducedValues, resolveFields, showValue } from './series.ts';
import { scopeOf } from './variables.ts';

const SAMPLES = join(import.meta.dirname, '../../../../../shared/samples/grafana-dashboards');
const files = existsSync(SAMPLES) ? readdirSync(SAMPLES).filter((name) => name.endsWith('.json')) : [];
const RANGE = { fromMs: 0, toMs: 3_600_000 };
const builtins = rangeBuiltins(RANGE, 'from=0&to=3600000', 'test');

describe.skipIf(files.length === 0)('public dashboards (needs ../shared/samples)', () => {
  test.each(files)('%s is read whole and every panel can be planned', (file) => {
    const dashboard = parseDashboard(JSON.parse(readFileSync(join(SAMPLES, file), 'utf8')));
    const states = dashboard.variables.map((variable) => ({ variable, options: [], chosen: ['x'] }));
    const scope = scopeOf(states, builtins);
    const panels = expandRepeats(dashboard.rows, scope).flatMap((row) => row.panels);
    expect(dashboard.title).not.toBe('Untitled dashboard');
    expect(panels.length).toBeGreaterThan(0);
    for (const panel of panels) {
      expect(panel.type).not.toBe('');
      for (const query of planQueries(panel, RANGE, 600, scope)) {
        expect(query.expr).not.toMatch(/\$__(?:rate_)?interval|\$__range/);
        expect((query.endMs - query.startMs) / query.stepMs).toBeLessThan(11_000);
      }
    }
  });
});

test('rubbish is an empty dashboard, not an exception', () => {
  for (const rubbish of [null, 7, [], {}, { panels: 'x', templating: { list: {} } }, { panels: [null, { type: 3 }] }]) {
    expect(() => parseDashboard(rubbish)).not.toThrow();
  }
});

test('rows take the panels that follow them, collapsed ones their own', () => {
  const { rows } = parseDashboard({
    panels: [
      { id: 1, type: 'stat', gridPos: { x: 0, y: 0, w: 4, h: 4 } },
      { id: 2, type: 'row', title: 'Open' },
      { id: 3, type: 'stat' },
      { id: 4, type: 'row', title: 'Closed', collapsed: true, panels: [{ id: 5, type: 'gauge' }] },
    ],
  });
  expect(rows.map((row) => [row.title, row.collapsed, row.panels.map((panel) => panel.id)])).toEqual([
    ['', false, [1]],
    ['Open', false, [3]],
    ['Closed', true, [5]],
  ]);
});

test('graph and singlestat of an older Grafana become timeseries and stat', () => {
  const [row] = parseDashboard({
    rows: [
      {
        height: '250px',
        panels: [
          {
            id: 1,
            type: 'graph',
            span: 6,
            stack: true,
            yaxes: [{ format: 'bytes' }, {}],
            legend: { alignAsTable: true, avg: true },
          },
          { id: 2, type: 'singlestat', span: 6, format: 's', thresholds: '10,20', colors: ['green', 'orange', 'red'] },
        ],
      },
    ],
  }).rows;
  const [graph, stat] = row!.panels;
  expect(graph).toMatchObject({ type: 'timeseries', position: { x: 0, w: 12 }, defaults: { unit: 'bytes' } });
  expect(graph?.options).toMatchObject({ legend: { displayMode: 'table', calcs: ['mean'] } });
  expect(stat).toMatchObject({
    type: 'stat',
    position: { x: 12 },
    defaults: { thresholds: { steps: [{}, { value: 10 }, { value: 20 }] } },
  });
});

test('$__rate_interval is at least four scrapes, and the step follows the width', () => {
  const [panel] = parseDashboard({
    panels: [{ type: 'timeseries', targets: [{ expr: 'rate(x[$__rate_interval])' }, { expr: 'y', hide: true }] }],
  }).rows[0]!.panels;
  const narrow = planQueries(panel!, RANGE, 100, builtins);
  expect(narrow).toHaveLength(1);
  expect(narrow[0]).toMatchObject({ expr: 'rate(x[1m])', stepMs: 30_000 });
  const day = planQueries(panel!, { fromMs: 0, toMs: 86_400_000 }, 100, builtins);
  expect(day[0]).toMatchObject({ expr: 'rate(x[15m15s])', stepMs: 900_000 });
});

describe('fields', () => {
  const frame = (name: string, value: number) =>
    frameOf('A', [
      { kind: 'time', name: 'Time', labels: {}, refId: 'A', values: Float64Array.of(0) },
      {
        kind: 'number',
        name: 'Value',
        labels: { mode: name },
        refId: 'A',
        legend: name,
        values: Float64Array.of(value),
      },
    ]);
  const [panel] = parseDashboard({
    panels: [
      {
        type: 'stat',
        fieldConfig: {
          defaults: {
            unit: 'percent',
            color: { mode: 'thresholds' },
            thresholds: {
              steps: [
                { color: '#00ff00', value: null },
                { color: '#ff0000', value: 80 },
              ],
            },
            mappings: [{ type: 'special', options: { match: 'null', result: { text: 'N/A' } } }],
          },
          overrides: [
            {
              matcher: { id: 'byRegexp', options: '/^id/' },
              properties: [
                { id: 'unit', value: 's' },
                { id: 'color', value: { mode: 'fixed', fixedColor: '#0000ff' } },
              ],
            },
            {
              matcher: { id: 'byName', options: 'user' },
              properties: [{ id: 'displayName', value: 'User of ${__field.labels.mode}' }],
            },
          ],
        },
      },
    ],
  }).rows[0]!.panels;
  const fields = resolveFields(
    panel!,
    [frame('user', 91), frame('idle', 3), frame('gone', Number.NaN)],
    new Map(),
    new ColorBook(),
  );

  test('defaults, overrides, thresholds and mappings', () => {
    const shown = reducedValues(panel!, fields).map(({ item, value }) => {
      const { text, color } = showValue(item, value, 'dark');
      return [item.name, text.replaceAll('\u202f', ' '), color];
    });
    expect(shown).toEqual([
      ['User of user', '91 %', '#ff0000'],
      ['idle', '3 s', '#0000ff'],
      ['gone', 'N/A', undefined],
    ]);
  });

  test('a fixed colour is the line colour', () => {
    expect(lineColor(fields[3]!, 'dark')).toBe('#0000ff');
  });
});

test('a name keeps its colour over panels, and no two of a panel share one', () => {
  const book = new ColorBook();
  expect(book.assign(['read', 'write'])).toEqual([0, 1]);
  expect(book.assign(['write', 'error', 'read'])).toEqual([1, 2, 0]);
  expect(book.assign(['other'])).toEqual([0]);
  expect(book.assign(['other', 'read'])).toEqual([0, 1]);
});
