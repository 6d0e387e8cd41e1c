import { parseTextFamilies } from '@avalanche/exposition';
import { ManualClock } from '@avalanche/model';
import { beforeEach, describe, expect, test } from 'vitest';
import { PushedMetrics } from './pushed-metrics.ts';
import { TurnsOfGroups } from './turns-of-groups.ts';

function gate(): { readonly opened: Promise<void>; open: () => void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

describe('turns', () => {
  let turns: TurnsOfGroups;
  let order: string[];
  const noted = async (what: string): Promise<void> => void order.push(what);
  beforeEach(() => {
    turns = new TurnsOfGroups();
    order = [];
  });

  test('what changes a group is done in the order in which it came, also after a failure', async () => {
    const { opened, open } = gate();
    const slow = turns.run('a', () => opened.then(() => noted('slow')));
    const failing = turns.run('a', async () => {
      order.push('failing');
      throw new Error('refused');
    });
    const last = turns.run('a', () => noted('last'));
    await turns.run('b', () => noted('other group'));
    open();
    await expect(failing).rejects.toThrow('refused');
    await Promise.all([slow, last]);
    expect(order).toEqual(['other group', 'slow', 'failing', 'last']);
  });

  test('what changes all groups is done after what came before, and before what comes after', async () => {
    const { opened, open } = gate();
    const slow = turns.run('a', () => opened.then(() => noted('slow')));
    const wipe = turns.runForAll(() => noted('wipe'));
    const others = [turns.run('a', () => noted('same group')), turns.run('b', () => noted('other group'))];
    const second = turns.runForAll(() => noted('second wipe'));
    const last = turns.run('b', () => noted('last'));
    await Promise.resolve();
    expect(order).toEqual([]);
    open();
    await Promise.all([slow, wipe, ...others, second, last]);
    expect(order).toEqual(['slow', 'wipe', 'same group', 'other group', 'second wipe', 'last']);
  });

  test('what fails for all groups keeps nobody waiting', async () => {
    const failing = turns.runForAll(async () => {
      throw new Error('no');
    });
    const after = turns.run('a', () => noted('after'));
    await expect(failing).rejects.toThrow('no');
    await after;
    expect(order).toEqual(['after']);
  });
});

describe('changes that are asked for at once', () => {
  let pushed: PushedMetrics;
  beforeEach(async () => {
    pushed = await PushedMetrics.open({ file: '', clock: new ManualClock(0), ownType: () => undefined });
  });
  const COUNT = 20_000;
  const many = (name: string) =>
    parseTextFamilies(Array.from({ length: COUNT }, (_, i) => `${name}{i="${i}"} 1\n`).join(''));
  const push = (job: string, families: ReturnType<typeof many>) =>
    pushed.push({ grouping: { job }, families, check: true, replace: true, ttlMs: 0 });
  /** Jobs and how many series they have. */
  const state = () =>
    pushed
      .list()
      .map(({ grouping, families }) => [
        `${grouping.job} ${[...families.keys()].join(' ')}`,
        [...families.values()].reduce((sum, { series }) => sum + series.length, 0),
      ]);

  test.each<[string, () => Promise<void>]>([
    ['a wipe', () => pushed.wipe()],
    ['a deletion', () => pushed.remove({ job: 'j' })],
  ])('%s is between the push before and the push after, and nobody sees half of one', async (_what, remove) => {
    const seen = new Set<string>();
    let isDone = false;
    const all = Promise.all([push('j', many('x')), remove(), push('j', many('y'))]).then(() => {
      isDone = true;
    });
    while (!isDone) {
      seen.add(JSON.stringify(state()));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await all;
    expect(state()).toEqual([['j y', COUNT]]);
    for (const one of seen) expect(['[]', `[["j x",${COUNT}]]`, `[["j y",${COUNT}]]`]).toContain(one);
  });

  test('of two groups that would have the same series the second is refused', async () => {
    const sameSeries = [
      {
        ...many('x')[0],
        metrics: many('x')[0].metrics.map((metric) => ({
          ...metric,
          labels: [...metric.labels, ['instance', 'i'] as const],
        })),
      },
    ];
    const first = pushed.push({ grouping: { job: 'j' }, families: sameSeries, check: true, replace: true, ttlMs: 0 });
    const second = pushed.push({
      grouping: { job: 'j', instance: 'i' },
      families: many('x'),
      check: true,
      replace: true,
      ttlMs: 0,
    });
    await first;
    await expect(second).rejects.toThrow('was collected before');
    await pushed.remove({ job: 'j' });
    await pushed.push({
      grouping: { job: 'j', instance: 'i' },
      families: many('x'),
      check: true,
      replace: true,
      ttlMs: 0,
    });
  });
});
