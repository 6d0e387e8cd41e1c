import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { Block } from './block.ts';
import { type FixtureSeries, writeFixture } from './block-fixture.ts';
import { PageCache } from './page-cache.ts';
import { TombstonesBuilder } from './tombstones.ts';

const directory = mkdtempSync(join(tmpdir(), 'full-disk-'));
const mounted = spawnSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', directory]).status === 0;

afterAll(() => {
  if (mounted) spawnSync('/bin/umount', [directory]);
  rmSync(directory, { recursive: true, force: true });
});

const small: FixtureSeries[] = [{ labels: { a: '1' }, samples: [[1000, 1]] }];

describe.skipIf(!mounted)('a full disk (skipped where no tmpfs can be mounted)', () => {
  test.each([
    ['while the symbols are written', [{ labels: { a: 'x'.repeat(2_000_000) }, samples: [[1000, 1]] }]],
    [
      'while chunks are written',
      Array.from({ length: 600 }, (_, i) => ({ labels: { a: `${i}` }, samples: noise(240) })),
    ],
    [
      'when the buffers are written out',
      Array.from({ length: 150 }, (_, i) => ({ labels: { a: `${i}` }, samples: noise(240) })),
    ],
  ] as [string, FixtureSeries[]][])('stops the writer with ENOSPC %s and leaves room again', (_, series) => {
    expect(() => writeFixture(directory, series)).toThrow('ENOSPC');
    expect(readdirSync(directory)).toEqual([]);
    writeFixture(directory, small);
    expect(readdirSync(directory)).toHaveLength(1);
    rmSync(join(directory, readdirSync(directory)[0]), { recursive: true });
  });

  test('leaves the tombstones that there were', () => {
    const block = Block.open(join(directory, writeFixture(directory, small).ulid), new PageCache());
    writeFileSync(join(directory, 'ballast'), new Uint8Array(200_000));
    const builder = new TombstonesBuilder();
    for (let i = 0; i < 10_000; i++) builder.add(i, 0, 1_700_000_000_000);
    expect(() => block.setTombstones(builder.build())).toThrow('ENOSPC');
    expect(block.tombstones.count).toBe(0);
    expect(readdirSync(block.directory).sort()).toEqual(['chunks', 'index', 'meta.json', 'tombstones']);
    block.close();
  });
});

/** Values that do not compress: about 9 bytes a sample. */
function noise(count: number): [number, number][] {
  return Array.from({ length: count }, (_, i) => [i * 15_000, Math.sin(i * 12.9898) * 43_758.5453]);
}
