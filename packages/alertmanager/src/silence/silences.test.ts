import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Labels, ManualClock } from '@avalanche/model';
import { afterAll, describe, expect, test } from 'vitest';
import { START } from '../testing.ts';
import type { WantedSilence } from './silence.ts';
import { Silences } from './silences.ts';

const disk = mkdtempSync(join(tmpdir(), 'silences-disk-'));
const mounted = spawnSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]).status === 0;

afterAll(() => {
  // lazily, as files of it are still open
  if (mounted) spawnSync('/bin/umount', ['-l', disk]);
  rmSync(disk, { recursive: true, force: true });
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
