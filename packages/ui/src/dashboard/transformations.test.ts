import { describe, expect, test } from 'vitest';
import { cellText, type Frame, fieldLabel, frameOf } from './frame.ts';
import { transform } from './transformations.ts';

function table(refId: string, hosts: readonly string[], values: readonly number[]): Frame {
  return frameOf(refId, [
    { kind: 'time', name: 'Time', labels: {}, refId, values: new Float64Array(hosts.length).fill(1000) },
    { kind: 'text', name: 'host', labels: {}, refId, values: hosts },
    { kind: 'number', name: `Value #${refId}`, labels: {}, refId, values: Float64Array.from(values) },
  ]);
}

/** A frame as lines of text, header first. */
function print(frame: Frame | undefined): readonly string[] {
  if (!frame) return [];
  const rows = Array.from({ length: frame.length }, (_, row) =>
    frame.fields.map((field) => cellText(field, row)).join(' '),
  );
  return [frame.fields.map(fieldLabel).join(' '), ...rows];
}

const run = (frames: readonly Frame[], id: string, options = {}): readonly string[] =>
  print(transform(frames, [{ id, options }]).frames[0]);

describe('transformations', () => {
  const a = table('A', ['x', 'y'], [1, 2]);
  const b = table('B', ['y', 'z'], [20, 30]);

  test('merge joins rows that agree in their keys', () => {
    expect(run([a, b], 'merge')).toEqual(['Time host Value #A Value #B', '1000 x 1 ', '1000 y 2 20', '1000 z  30']);
  });

  test('organize hides, renames and orders', () => {
    const options = {
      excludeByName: { Time: true },
      renameByName: { 'Value #A': 'CPU' },
      indexByName: { 'Value #A': 0, host: 1 },
    };
    expect(run([a], 'organize', options)).toEqual(['CPU host', '1 x', '2 y']);
  });

  test('sortBy, limit and filterFieldsByName', () => {
    expect(run([a], 'sortBy', { sort: [{ field: 'Value #A', desc: true }] })).toEqual([
      'Time host Value #A',
      '1000 y 2',
      '1000 x 1',
    ]);
    expect(run([a], 'limit', { limitField: 1 })).toEqual(['Time host Value #A', '1000 x 1']);
    expect(run([a], 'filterFieldsByName', { include: { names: ['host'] } })).toEqual(['host', 'x', 'y']);
  });

  test('reduce makes a row per series', () => {
    expect(run([a, b], 'reduce', { reducers: ['max', 'sum'] })).toEqual([
      'Field Max Total',
      'Value #A 2 3',
      'Value #B 30 50',
    ]);
  });

  test('calculateField with a constant', () => {
    const binary = { left: 'Value #A', operator: '*', right: '10' };
    expect(run([a], 'calculateField', { mode: 'binary', binary, alias: 'ten' })).toEqual([
      'Time host Value #A ten',
      '1000 x 1 10',
      '1000 y 2 20',
    ]);
  });

  test('groupBy aggregates', () => {
    const twice = table('A', ['x', 'x', 'y'], [1, 3, 5]);
    const fields = { host: { operation: 'groupby' }, 'Value #A': { operation: 'aggregate', aggregations: ['sum'] } };
    expect(run([twice], 'groupBy', { fields })).toEqual(['host Value #A (sum)', 'x 4', 'y 5']);
  });

  test('one that is not known is named, the rest is done', () => {
    const { unknown, frames } = transform(
      [a],
      [
        { id: 'somethingNew', options: {} },
        { id: 'limit', options: { limitField: 1 } },
      ],
    );
    expect(unknown).toEqual(['somethingNew']);
    expect(frames[0]?.length).toBe(1);
  });
});
