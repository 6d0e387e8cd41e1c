// What must not happen on a bad day: a full disk, flipped bytes, foreign and newer files. TSDB_SEED chooses other bytes.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Labels, type Logger, Matcher, SampleColumns, silentLogger } from '@avalanche/model';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NewerFormat } from './block/meta.ts';
import { Tsdb } from './db.ts';

const SEED = Number(process.env.TSDB_SEED ?? 1);
const FLIPS = Number(process.env.TSDB_FLIPS ?? 300);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const start = 1_700_000_000_000;

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tsdb-bad-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function open(path: string, logger: Logger = silentLogger): Promise<Tsdb> {
  return Tsdb.open({ directory: path, retentionMs: 0, autoMaintenance: false, logger });
}

/** `LABELS TIME VALUE` of all that can be read; where a series cannot be, the error in its place. */
async function everything(db: Tsdb): Promise<{ readonly lines: Set<string>; readonly errors: string[] }> {
  const lines = new Set<string>();
  const errors: string[] = [];
  const querier = db.querier(0, Number.MAX_SAFE_INTEGER);
  try {
    for (const series of await querier.select([new Matcher('=', '__name__', 'm')])) {
      const samples = new SampleColumns();
      try {
        series.read(0, Number.MAX_SAFE_INTEGER, samples);
        for (let i = 0; i < samples.length; i++) lines.add(`${series.labels} ${samples.t[i]} ${samples.v[i]}`);
      } catch (error) {
        errors.push((error as Error).message);
      }
    }
  } catch (error) {
    errors.push((error as Error).message);
  } finally {
    querier.close();
  }
  return { lines, errors };
}

async function fill(db: Tsdb): Promise<void> {
  const appender = db.appender();
  for (let time = start; time < start + 9 * HOUR; time += 2 * MINUTE) {
    for (let i = 0; i < 6; i++) {
      const labels = Labels.from({ __name__: 'm', i: `${i}`, kind: i % 2 === 0 ? 'even' : 'odd' });
      appender.append(appender.seriesRef(labels), time, Math.floor(Math.sin(time / HOUR + i) * 1000));
    }
    appender.commit();
    if ((time - start) % (4 * HOUR) === 0) await db.maintain(time);
  }
  await db.maintain(start + 9 * HOUR);
}

/** Every file below a directory. */
function filesOf(path: string): string[] {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

test(`a flipped byte anywhere is an error or a block set aside, never a wrong value (${FLIPS} of them)`, {
  timeout: 120_000,
}, async () => {
  const original = join(directory, 'original');
  const db = await open(original);
  await fill(db);
  await db.delete(start, start + HOUR, [[new Matcher('=', 'i', '3')]]);
  const { lines: right } = await everything(db);
  await db.close();
  const files = filesOf(original).filter((file) => statSync(file).size > 0);
  let state = SEED;
  const random = (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  let noticed = 0;
  for (let n = 0; n < FLIPS; n++) {
    const copy = join(directory, 'copy');
    cpSync(original, copy, { recursive: true });
    const file = files[random(files.length)].replace(original, copy);
    const bytes = readFileSync(file);
    const at = random(bytes.length);
    bytes[at] ^= 1 << random(8);
    writeFileSync(file, bytes);
    const where = `byte ${at} of ${file.slice(copy.length)}`;
    const told: string[] = [];
    const tell = (message: string) => told.push(message);
    const logger: Logger = { ...silentLogger, warn: tell, error: tell };
    let damaged: Tsdb;
    try {
      damaged = await open(copy, logger);
    } catch (error) {
      expect((error as Error).message, where).toContain(copy); // a clear refusal names the file
      noticed++;
      rmSync(copy, { recursive: true });
      continue;
    }
    const { lines, errors } = await everything(damaged);
    const wrong = [...lines].filter((line) => !right.has(line));
    expect(wrong, where).toEqual([]);
    const missing = right.size - lines.size;
    if (missing > 0)
      expect(errors.length + told.length, `${where}: ${missing} samples are gone in silence`).toBeGreaterThan(0);
    for (const error of errors) expect(error, where).toContain(copy);
    if (missing > 0 || told.length > 0) noticed++;
    await damaged.close();
    rmSync(copy, { recursive: true });
  }
  expect(noticed).toBeGreaterThan(FLIPS / 2);
});

test('foreign files are left alone, a newer format is refused in one line', async () => {
  const db = await open(directory);
  await fill(db);
  const [block] = db.blocks.all;
  await db.close();
  for (const name of ['notes.txt', 'lost+found', '01ABC', '.snapshot', 'queries.active']) {
    if (name.includes('.')) writeFileSync(join(directory, name), 'mine');
    else mkdirSync(join(directory, name));
  }
  await (await open(directory)).close();
  expect(readdirSync(directory)).toEqual(expect.arrayContaining(['notes.txt', 'lost+found', '01ABC', '.snapshot']));
  const file = join(block.directory, 'meta.json');
  const { avalanche: _ours, ...meta } = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(file, JSON.stringify({ ...meta, version: 7 }));
  await expect(open(directory)).rejects.toThrow(NewerFormat);
  await expect(open(directory)).rejects.toThrow(/meta\.json: version 7 is newer/);
});

const canMount = process.getuid?.() === 0 && spawnSync('/bin/mount', ['--version']).status === 0;
describe.skipIf(!canMount)('on a small disk (needs root, to mount a tmpfs)', () => {
  let disk = '';
  beforeEach(() => {
    disk = join(directory, 'disk');
    mkdirSync(disk);
    execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk]);
  });
  afterEach(() => void execFileSync('/bin/umount', ['-l', disk]));

  test('a full disk fails appends and compactions clearly, queries go on, and space that returns is used', async () => {
    const data = join(disk, 'data');
    let db = await open(data);
    const appender = db.appender();
    const ref = appender.seriesRef(Labels.from({ __name__: 'm', i: '0' }));
    const committed = new Set<string>();
    const append = (n: number) => {
      appender.append(ref, start + n * MINUTE, n);
      appender.commit();
      committed.add(`m{i="0"} ${start + n * MINUTE} ${n}`);
    };
    for (let n = 0; n < 300; n++) append(n); // five hours: there is a block to be written
    const filler = join(disk, 'filler');
    fillUp(filler);
    // The log's last page may still have room for a few.
    expect(() => {
      for (let n = 300; n < 10_000; n++) append(n);
    }).toThrow(/ENOSPC/);
    const next = committed.size + 1;
    await expect(db.maintain()).rejects.toThrow(/ENOSPC/);
    expect(db.wal.metrics.writesFailed).toBe(1);
    expect(db.metrics.compactionsFailed).toBe(1);
    expect((await everything(db)).lines).toEqual(committed);
    rmSync(filler);
    append(next);
    await db.maintain();
    expect(db.blocks.all.length).toBeGreaterThan(0);
    append(next + 1);
    expect((await everything(db)).lines).toEqual(committed);
    await db.close();
    db = await open(data);
    expect((await everything(db)).lines).toEqual(committed);
    expect(readdirSync(data).filter((name) => name.includes('tmp') || name.includes('corrupt'))).toEqual([]);
    await db.close();
  });
});

/** Writes a file until there is not a byte left. */
function fillUp(file: string): void {
  for (const size of [65_536, 1024, 1]) {
    for (;;) {
      try {
        writeFileSync(file, Buffer.alloc(size), { flag: 'a' });
      } catch {
        break;
      }
    }
  }
}
