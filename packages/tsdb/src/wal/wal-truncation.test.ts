import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Labels } from '@avalanche/model';
import { describe, expect, test } from 'vitest';
import { batch, histograms, LogFixture, labels, start } from './log-fixture.ts';
import { WalCorruption } from './reader.ts';

const log = new LogFixture();
const BUCKETS = '{count:300, sum:0, (1,1.0905077326652577]:100, (1.0905077326652577,1.189207115002721]:200}';

describe('truncation', () => {
  /** Segments 0 to 5 with one sample each of two series, and of everything else in the first. */
  async function fill(): Promise<void> {
    for (let i = 0; i < 6; i++) {
      const wal = await log.begin();
      if (i === 0) {
        wal.logSeries(1, labels);
        wal.logSeries(2, Labels.from({ __name__: 'gone' }));
        wal.logMetadata(1, { type: 'gauge', unit: '', help: 'old' });
        wal.logMetadata(1, { type: 'gauge', unit: '', help: 'new' });
        wal.logMetadata(2, { type: 'gauge', unit: '', help: 'gone' });
        for (const [ref, end] of [
          [1, 1],
          [1, 2],
          [2, 9],
        ] as const)
          wal.logTombstone(ref, start, start + end);
        const none = { low: 0, high: 0, labels: Labels.EMPTY };
        wal.logExemplars([1, 2].map((time) => ({ ref: 1, time: start + time, ...none })));
        for (const times of [
          [0, 1],
          [1, 2],
        ] as const)
          for (const type of [7, 13]) wal.logRaw(histograms(type, times));
        wal.logRaw(Uint8Array.of(99, 1, 2, 3));
      }
      wal.logSamples(batch([1, i, i], [2, 3 - i, i]));
      wal.flush();
      await wal.close();
    }
  }

  const isAlive = (ref: number) => ref !== 2;
  const kept = [
    `series 1 ${labels.toString()}`,
    'tombstone 1 0 2',
    'exemplar 1 2 {}',
    ...['histogram', 'float histogram'].flatMap((kind) => [`${kind} 7 1 ${BUCKETS}`, `${kind} 8 2 ${BUCKETS}`]),
    'sample 2 3 0',
    'sample 2 2 1',
    'sample 1 2 2',
    'sample 1 3 3',
    'metadata 1 gauge  new',
    'sample 2 -1 4',
    'sample 2 -2 5',
    'sample 1 4 4',
    'sample 1 5 5',
  ];

  test('a checkpoint keeps what is still needed of the lower two thirds', async () => {
    await fill();
    const wal = await log.begin();
    wal.logSamples(batch([1, 6, 6]));
    wal.flush();
    await wal.truncate(start + 2, isAlive);
    wal.logSamples(batch([1, 7, 7]));
    wal.flush();
    expect(wal.metrics).toMatchObject({ checkpointCreations: 1, checkpointCreationsFailed: 0, truncations: 1 });
    await wal.close();
    expect(readdirSync(log.directory).sort()).toEqual([
      '00000004',
      '00000005',
      '00000006',
      '00000007',
      'checkpoint.00000003',
    ]);
    const { lines, report } = await log.replayed();
    expect(lines).toEqual([...kept, 'sample 1 6 6', 'sample 1 7 7']);
    expect(report.records.unknown).toBe(1);
  });

  test('a second checkpoint takes in the first', async () => {
    await fill();
    const wal = await log.begin();
    await wal.truncate(start + 2, isAlive);
    for (let i = 7; i < 11; i++) {
      wal.logSamples(batch([1, i, i]));
      wal.flush();
      wal.nextSegment();
    }
    await wal.truncate(start + 5, isAlive);
    await wal.close();
    expect(readdirSync(log.directory).filter((name) => name.startsWith('checkpoint'))).toHaveLength(1);
    const { lines, report } = await log.replayed();
    expect(lines).toEqual([
      `series 1 ${labels.toString()}`,
      'sample 1 5 5',
      'sample 1 7 7',
      'sample 1 8 8',
      'metadata 1 gauge  new',
      'sample 1 9 9',
      'sample 1 10 10',
    ]);
    expect(report.records.unknown).toBe(1);
  });

  test('a crash after any step leaves a log that replays to the same', async () => {
    await fill();
    const before = join(log.base, 'before');
    cpSync(log.directory, before, { recursive: true });
    const wal = await log.begin();
    await wal.truncate(start + 2, isAlive);
    await wal.close();
    const all = (await log.replayed(before)).lines;
    const after = (await log.replayed()).lines;
    expect(after).toEqual(kept);
    const state = join(log.base, 'state');
    const checkpoint = 'checkpoint.00000003';
    const layOut = () => {
      rmSync(state, { recursive: true, force: true });
      cpSync(before, state, { recursive: true });
    };
    // While it is written, under its temporary name.
    layOut();
    mkdirSync(join(state, `${checkpoint}.tmp`));
    writeFileSync(join(state, `${checkpoint}.tmp`, '00000000'), 'half');
    expect((await log.replayed(state)).lines).toEqual(all);
    expect(readdirSync(state)).not.toContain(`${checkpoint}.tmp`);
    // With its name, and none to all of the segments deleted that it stands for; or with an older one still there.
    for (let deleted = 0; deleted <= 4; deleted++) {
      layOut();
      cpSync(join(log.directory, checkpoint), join(state, checkpoint), { recursive: true });
      if (deleted === 4)
        cpSync(join(log.directory, checkpoint), join(state, 'checkpoint.00000001'), { recursive: true });
      for (let i = 0; i < deleted; i++) rmSync(join(state, `0000000${i}`));
      expect((await log.replayed(state)).lines).toEqual(after);
      expect(readdirSync(state).filter((name) => name < '00000004' || name === 'checkpoint.00000001')).toEqual([]);
    }
  });

  test('a damaged checkpoint is told, nothing is changed; a damaged segment makes no checkpoint', async () => {
    await fill();
    const wal = await log.begin();
    const path = join(log.directory, '00000001');
    const bytes = readFileSync(path);
    writeFileSync(path, Buffer.from(bytes).fill(7, 8, 9));
    await expect(wal.truncate(start + 2, isAlive)).rejects.toThrow(WalCorruption);
    expect(wal.metrics).toMatchObject({ checkpointCreations: 1, checkpointCreationsFailed: 1, corruptions: 1 });
    expect(readdirSync(log.directory).filter((name) => name.includes('checkpoint'))).toEqual([]);
    writeFileSync(path, bytes);
    await wal.truncate(start + 2, isAlive);
    await wal.close();
    const checkpoint = join(log.directory, 'checkpoint.00000003', '00000000');
    const good = readFileSync(checkpoint);
    writeFileSync(checkpoint, Buffer.from(good).fill(7, 8, 9));
    const files = readdirSync(log.directory);
    await expect(log.replayed()).rejects.toThrow(/checkpoint.00000003.00000000 at byte 0: /);
    expect(readdirSync(log.directory)).toEqual(files);
    writeFileSync(checkpoint, good);
    expect((await log.replayed()).lines).toEqual(kept);
  });

  test('closing ends it and nothing stays of it', async () => {
    await fill();
    const wal = await log.begin();
    const truncation = wal.truncate(start + 2, isAlive);
    await Promise.all([wal.close(), expect(truncation).rejects.toThrow('abort')]);
    expect(readdirSync(log.directory).filter((name) => name.startsWith('checkpoint'))).toEqual([]);
    expect((await log.replayed()).report.records.samples).toBe(6);
  });
});
