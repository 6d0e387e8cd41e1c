import { expect, test } from 'vitest';
import { type DashboardAnnotation, isShownOn, parseAnnotations } from './annotation-query.ts';
import { annotationsOfSeries } from './load-annotations.ts';
import type { PromqlAnnotations } from './model.ts';

const parse = (item: object) => parseAnnotations({ annotations: { list: [item] } })[0];
const grafana = { type: 'datasource', uid: 'grafana' };

test.each([
  [
    { datasource: grafana, name: 'Runs', target: { type: 'tags', tags: ['run'], matchAny: true, limit: 50 } },
    { kind: 'tags', tags: ['run'], matchAny: true, limit: 50 },
  ],
  [
    { datasource: '-- Grafana --', type: 'tags', tags: ['old'] },
    { kind: 'tags', tags: ['old'], matchAny: false, limit: 100 },
  ],
  [
    { builtIn: 1, datasource: { type: 'grafana', uid: '-- Grafana --' }, type: 'dashboard' },
    { kind: 'dashboard', limit: 100 },
  ],
  [
    { datasource: { type: 'prometheus', uid: '$ds' }, type: 'tags', expr: 'up', step: '30s', tagKeys: 'a, b' },
    {
      kind: 'promql',
      expr: 'up',
      step: '30s',
      titleFormat: '{{alertname}}',
      textFormat: '{{instance}}',
      tagKeys: ['a', 'b'],
      useValueForTime: false,
    },
  ],
])('annotations of a file are of one source (%#)', (item, source) => expect(parse(item)?.source).toEqual(source));

test('what a switch needs, and what is left out', () => {
  expect(parse({ datasource: 'Loki', target: { query: '{}' } })).toBeUndefined();
  expect(parse({ datasource: grafana, target: { type: 'tags', tags: [] } })).toBeUndefined();
  expect(parse({ expr: 'up', enable: false, hide: true, iconColor: 'red', name: 'Deploys' })).toMatchObject({
    ...{ name: 'Deploys', enabled: false, hidden: true, color: 'red', panels: undefined },
  });
  for (const rubbish of [null, [], { list: 7 }, { list: [null, 1, 'x'] }]) {
    expect(parseAnnotations({ annotations: rubbish })).toEqual([]);
  }
});

test('on panels of its own', () => {
  const shown = (item: object, panelId: number, id: number) =>
    isShownOn({ query: parse({ expr: 'up', ...item }), panelId } as DashboardAnnotation, id);
  expect(shown({}, 0, 1)).toBe(true);
  expect(shown({}, 2, 1)).toBe(false);
  expect(shown({ filter: { ids: [1] } }, 0, 1)).toBe(true);
  expect(shown({ filter: { ids: [1] } }, 0, 2)).toBe(false);
  expect(shown({ filter: { ids: [1], exclude: true } }, 0, 1)).toBe(false);
});

test('samples above zero are moments, and neighbours one stretch', () => {
  const query = parse({ expr: 'up', titleFormat: '{{job}} down', textFormat: '{{instance}}{{none}}', tagKeys: 'job' });
  if (!query) throw new Error('not parsed');
  const samples = (values: readonly (readonly [number, string])[], more: Partial<PromqlAnnotations> = {}) =>
    annotationsOfSeries(
      query,
      { ...(query.source as PromqlAnnotations), ...more },
      { metric: { job: 'edna', instance: 'a:1' }, values },
      60_000,
      0,
    );
  const found = samples([
    [60, '1'],
    [120, '2'],
    [180, '0'],
    [240, 'NaN'],
    [300, '1'],
  ]);
  expect(found).toMatchObject([
    { fromMs: 60_000, toMs: 120_000, title: 'edna down', text: 'a:1', tags: ['edna'] },
    { fromMs: 300_000, toMs: 300_000 },
  ]);
  const starts = samples(
    [
      [60, '5000'],
      [120, '5000'],
      [180, '900000'],
      [240, 'NaN'],
    ],
    { useValueForTime: true },
  );
  expect(starts.map(({ fromMs, toMs }) => [fromMs, toMs])).toEqual([
    [5000, 5000],
    [900_000, 900_000],
  ]);
});
