import { expect, test } from 'vitest';
import type { Scope } from './interpolate.ts';
import { expandRepeats } from './layout.ts';
import { parseDashboard } from './parse.ts';

const scope: Scope = new Map([
  ['host', { values: ['a', 'b', 'c'], texts: ['a', 'b', 'c'], many: true, verbatim: false }],
]);

/** Each panel as `id@x,y wxh` with the values that a repeat fixed. */
function layout(panels: readonly object[]): readonly string[] {
  return expandRepeats(parseDashboard({ panels }).rows, scope).flatMap((row) =>
    row.panels.map(({ id, position: { x, y, w, h }, fixed }) =>
      `${id}@${x},${y} ${w}x${h} ${Object.values(fixed).join()}`.trim(),
    ),
  );
}

const at = (id: number, x: number, y: number, w: number, h: number, more = {}): object => ({
  id,
  type: 'stat',
  gridPos: { x, y, w, h },
  ...more,
});

test('gaps close and overlaps part', () => {
  expect(layout([at(1, 0, 20, 12, 8), at(2, 12, 20, 12, 4), at(3, 0, 900, 24, 8), at(4, 0, 901, 6, 2)])).toEqual([
    '1@0,0 12x8',
    '2@12,0 12x4',
    '3@0,8 24x8',
    '4@0,16 6x2',
  ]);
});

test('a panel repeats across, what is below moves down', () => {
  const repeated = at(1, 0, 0, 6, 4, { repeat: 'host', maxPerRow: 2 });
  expect(layout([repeated, at(2, 0, 4, 24, 2)])).toEqual([
    '1@0,0 12x4 a',
    '1@12,0 12x4 b',
    '1@0,4 12x4 c',
    '2@0,8 24x2',
  ]);
});

test('a row repeats with all of its panels', () => {
  const row = { type: 'row', id: 9, title: 'Host $host', repeat: 'host' };
  expect(layout([row, at(1, 0, 1, 6, 4)])).toEqual(['1@0,0 6x4 a', '1@0,0 6x4 b', '1@0,0 6x4 c']);
});
