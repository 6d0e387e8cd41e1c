import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { batch, LogFixture, labels, start } from './log-fixture.ts';
import { WalCorruption } from './reader.ts';
import { WalGap } from './segments.ts';

const log = new LogFixture();

/** A log of several segments: one sample a segment, after the series in the first. */
async function segments(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const wal = await log.begin();
    if (i === 0) wal.logSeries(1, labels);
    wal.logSamples(batch([1, i, i]));
    wal.flush();
    await wal.close();
  }
}

describe('damage', () => {
  test('a torn tail is cut and kept, what was before it stays', async () => {
    await segments(1);
    appendFileSync(join(log.directory, '00000000'), Buffer.from([1, 0, 200, 1, 2, 3, 4, 9, 9]));
    const { lines, report } = await log.replayed();
    expect(lines).toEqual([`series 1 ${labels.toString()}`, 'sample 1 0 0']);
    expect(report.corruptions[0]).toBeInstanceOf(WalCorruption);
    expect(report.corruptions[0].message).toMatch(/00000000 at byte \d+: /);
    expect(readdirSync(log.directory).sort()).toEqual(['00000000', '00000000.corrupt', '00000001']);
    expect((await log.replayed()).report.corruptions).toEqual([]);
  });

  test('in the middle: replay stops there, what follows is set aside and never deleted', async () => {
    await segments(4);
    const path = join(log.directory, '00000001');
    const bytes = readFileSync(path);
    bytes[9] ^= 1;
    writeFileSync(path, bytes);
    const { lines, report } = await log.replayed();
    expect(lines).toEqual([`series 1 ${labels.toString()}`, 'sample 1 0 0']);
    expect(report.corruptions[0]).toMatchObject({ path, offset: 0, goodBytes: 0 });
    expect(report.corruptions[0].message).toContain('the checksum does not match');
    expect(readdirSync(log.directory).sort()).toEqual([
      '00000000',
      '00000001',
      '00000001.corrupt',
      '00000002',
      '00000002.corrupt',
      '00000003.corrupt',
    ]);
    expect(readFileSync(`${path}.corrupt`)).toEqual(bytes);
    writeFileSync(path, bytes);
    expect((await log.replayed()).report.corruptions).toHaveLength(1);
    expect(readdirSync(log.directory)).toContain('00000001.corrupt.1');
  });

  test('a record that matches its checksum and does not decode', async () => {
    const wal = await log.begin({ compression: 'none' });
    wal.logSamples(batch([1, 0, 1]));
    wal.logRaw(Uint8Array.of(2, 0, 0, 0));
    wal.logSamples(batch([1, 1, 1]));
    wal.flush();
    await wal.close();
    const { lines, report } = await log.replayed();
    expect(lines).toEqual(['sample 1 0 1']);
    expect(report.corruptions[0].message).toContain('the record ends too early');
  });

  test('a flipped bit anywhere never makes another value', async () => {
    await segments(1);
    const wal = await log.begin({ compression: 'none' });
    wal.logSamples(batch([1, 1, 1], [2, 1, 2]));
    wal.logTombstone(1, start, start + 5);
    wal.flush();
    await wal.close();
    const intact = join(log.base, 'intact');
    const names = ['00000000', '00000001'];
    const files = names.map((name) => readFileSync(join(log.directory, name)));
    const all = (await log.replayed()).lines;
    // Beyond the records there is the padding of the page: a few offsets of it will do.
    for (let file = 0; file < files.length; file++) {
      for (let at = 0; at < files[file].length; at += at < 110 ? 1 : 9001) {
        rmSync(intact, { recursive: true, force: true });
        mkdirSync(intact);
        files.forEach((bytes, i) => {
          const copy = Buffer.from(bytes);
          if (i === file) copy[at] ^= 1 << ((at * 7) % 8);
          writeFileSync(join(intact, names[i]), copy);
        });
        const { lines, report } = await log.replayed(intact);
        expect(lines).toEqual(all.slice(0, lines.length));
        if (lines.length < all.length) expect(report.corruptions).toHaveLength(1);
      }
    }
  });

  test('segments with a gap are refused and stay as they are; foreign files are left alone', async () => {
    await segments(3);
    writeFileSync(join(log.directory, 'notes.txt'), 'mine');
    expect((await log.replayed()).lines).toHaveLength(4);
    rmSync(join(log.directory, '00000001'));
    const before = readdirSync(log.directory);
    await expect(log.replayed()).rejects.toThrow(WalGap);
    expect(readdirSync(log.directory)).toEqual(before);
  });
});
