import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { batch, Collector, LogFixture, start } from './log-fixture.ts';
import { PAGE_BYTES } from './segments.ts';

const log = new LogFixture();

test.each(['never', 'interval', 'always'] as const)('fsync=%s: who asks the disk', async (fsync) => {
  const wal = await log.begin({ fsync, syncIntervalMs: 3_600_000 });
  for (let i = 0; i < 3; i++) {
    wal.logSamples(batch([1, i, i]));
    wal.flush();
  }
  expect(wal.metrics.fsyncs).toBe(fsync === 'always' ? 3 : 0);
  await wal.sync();
  await wal.sync();
  expect(wal.metrics.fsyncs).toBe(fsync === 'always' ? 3 : 1);
  await wal.close();
  expect(wal.metrics.fsyncSeconds).toBeGreaterThan(0);
});

test('a sync that fails is counted and asked again', async () => {
  const wal = await log.begin();
  wal.logSamples(batch([1, 0, 0]));
  wal.flush();
  // Takes the directory from under the log: its entry for the new segment cannot be synced.
  const away = join(log.base, 'away');
  renameSync(log.directory, away);
  await expect(wal.sync()).rejects.toThrow('ENOENT');
  expect(wal.metrics).toMatchObject({ fsyncs: 0, fsyncsFailed: 1 });
  renameSync(away, log.directory);
  await wal.sync();
  expect(wal.metrics).toMatchObject({ fsyncs: 1, fsyncsFailed: 1 });
  await wal.close();
});

const mounted = mkdtempSync(join(tmpdir(), 'wal-full-'));
const canMount = spawnSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', mounted]).status === 0;
afterAll(() => {
  if (canMount) execFileSync('/bin/umount', [mounted]);
  rmSync(mounted, { recursive: true });
});

describe.skipIf(!canMount)('a full disk (needs the right to mount a tmpfs)', () => {
  test('a commit fails whole, and the log goes on when there is room again', async () => {
    const path = join(mounted, 'wal');
    const wal = log.open({ compression: 'none', segmentBytes: 8 * PAGE_BYTES }, path);
    await wal.replay(new Collector());
    const samples = Array.from({ length: 3000 }, (_, i): [number, number, number] => [i, 0, i]);
    let commits = 0;
    const commit = () => {
      wal.logSamples(batch(...samples));
      wal.flush();
      commits++;
    };
    const full = join(mounted, 'ballast');
    expect(() => {
      for (let i = 0; i < 100; i++) commit();
    }).toThrow('ENOSPC');
    expect(commits).toBeGreaterThan(10);
    expect(() => commit()).toThrow('ENOSPC');
    expect(wal.metrics.writesFailed).toBe(2);
    await expect(wal.truncate(start, () => true)).rejects.toThrow('ENOSPC');
    expect(readdirSync(path).filter((name) => name.startsWith('checkpoint'))).toEqual([]);
    await wal.truncate(start + 1, () => true); // a checkpoint without samples has room, and makes room
    commit();
    const before = commits;
    writeFileSync(full, '');
    expect(() => {
      for (let i = 0; i < 1000; i++) appendFileSync(full, Buffer.alloc(4096));
    }).toThrow('ENOSPC');
    for (let i = 0; i < 2; i++) expect(() => commit()).toThrow('ENOSPC');
    rmSync(full);
    commit();
    await wal.close();
    expect(commits).toBe(before + 1);
    const { lines, report } = await log.replayed(path);
    expect(report.corruptions).toEqual([]);
    expect(lines.length % 3000).toBe(0);
    expect(lines.length).toBeGreaterThanOrEqual(6000);
  });
});
