import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Labels, ManualClock } from '@avalanche/model';
import { afterAll, describe, expect, test } from 'vitest';
import { START } from '../testing.ts';
import { compileMatchers, type MatcherSet, silenceMatches, type WantedSilence } from './silence.ts';
import { Silences } from './silences.ts';

const disk = mkdtempSync(join(tmpdir(), 'silences-disk-'));
const files = mkdtempSync(join(tmpdir(), 'silences-'));
const mounted = spawnSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]).status === 0;

afterAll(() => {
  // lazily, as files of it are still open
  if (mounted) spawnSync('/bin/umount', ['-l', disk]);
  for (const directory of [disk, files]) rmSync(directory, { recursive: true, force: true });
});

function wanted(name: string, comment = ''): WantedSilence {
  const matcherSets = [[{ name, value: 'x', isRegex: false, isEqual: true }]];
  const times = { startsAt: START, endsAt: START + 3_600_000 };
  return { id: '', matcherSets, ...times, createdBy: 'me', comment, annotations: {} };
}

describe.skipIf(!mounted)('a full disk (skipped where no tmpfs can be mounted)', () => {
  test('an edit that cannot be written leaves the silence that is there in force', () => {
    const clock = new ManualClock(START);
    const silences = new Silences({ file: join(disk, 'silences'), clock, retentionMs: 3_600_000 });
    const id = silences.set(wanted('a'));
    const ballast = openSync(join(disk, 'ballast'), 'w');
    expect(() => {
      for (;;) writeSync(ballast, new Uint8Array(4096));
    }).toThrow('ENOSPC');
    closeSync(ballast);
    // the end of the old one would still find room
    expect(() => silences.set({ ...wanted('b', 'c'.repeat(5000)), id })).toThrow('ENOSPC');
    expect(silences.silencedBy('f', Labels.from({ a: 'x' }), START + 1)).toEqual([id]);
  });
});

/** Numbers below `max` that are the same in every run. */
function numbers(seed: number): (max: number) => number {
  let state = seed;
  return (max) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 16) % max;
  };
}

test('what a silence matches is found by the labels that it wants, and by nothing else', () => {
  const random = numbers(7);
  const clock = new ManualClock(START);
  const silences = new Silences({ file: join(files, 'found'), clock, retentionMs: 3_600_000 });
  const [names, values] = [
    ['a', 'b', 'c'],
    ['x', 'y', 'zz', ''],
  ];
  const patterns = ['x|y', '(?:x|zz)', '.*', 'z+', '', 'y|', 'x'];
  const matcher = () => {
    const isRegex = random(2) === 0;
    const value = isRegex ? patterns[random(patterns.length)] : values[random(values.length)];
    return { name: names[random(3)], value, isRegex, isEqual: random(4) !== 0 };
  };
  const made: { id: string; sets: readonly MatcherSet[] }[] = [];
  const alerts = Array.from({ length: 64 }, (_, i) =>
    Labels.from({ a: values[i & 3], b: values[(i >> 2) & 3], c: values[(i >> 4) & 3] }),
  );
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 10; i++) {
      const sets = Array.from({ length: 1 + random(2) }, () => Array.from({ length: 1 + random(3) }, matcher));
      try {
        made.push({ id: silences.set({ ...wanted('a'), matcherSets: sets }), sets });
      } catch (error) {
        // it would mute everything
        expect((error as Error).message).toContain('must not match the empty string');
      }
    }
    for (const [i, labels] of alerts.entries()) {
      const matching = made.filter(({ sets }) => silenceMatches(sets.map(compileMatchers), labels));
      expect(silences.silencedBy(`${i}`, labels, START)).toEqual(matching.map(({ id }) => id).sort());
    }
  }
  expect(made.length).toBeGreaterThan(100);
  silences.close();
});

test('a clock that is set back makes a silence active again, for alerts that came in between as well', () => {
  const clock = new ManualClock(START);
  const silences = new Silences({ file: join(files, 'back'), clock, retentionMs: 7 * 86_400_000 });
  const id = silences.set(wanted('a'));
  const labels = Labels.from({ a: 'x' });
  void clock.advance(86_400_000);
  expect(silences.silencedBy('f', labels, clock.now())).toEqual([]);
  void clock.advance(60_000 - 86_400_000);
  expect(silences.silencedBy('f', labels, clock.now())).toEqual([id]);
  silences.close();
});
