// Random appends, late samples, deletions, compactions, restarts and crashes against a model that a child could check:
// a map of times to values by series. TSDB_SEED and TSDB_STEPS choose another or a longer history.
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Labels, Matcher, SampleColumns } from '@avalanche/model';
import { expect, test } from 'vitest';
import { randomNumbers } from '../../../tests/support/random-numbers.ts';
import { Tsdb, type TsdbOptions } from './db.ts';
import { APPENDED } from './head/head.ts';

const SEED = Number(process.env.TSDB_SEED ?? 1);
const STEPS = Number(process.env.TSDB_STEPS ?? 120);
const BLOCK_RANGE_MS = 10_000;
const WINDOW_MS = 25_000;

/** One value for one series and time, so that a sample sent twice is the same sample. */
function valueAt(series: number, time: number): number {
  return series % 3 === 0 ? Math.sin(time) * series : Math.floor(time / 7000) + series;
}

class Trial {
  private directory = mkdtempSync(join(tmpdir(), 'tsdb-property-'));
  private db!: Tsdb;
  private now = 1_700_000_000_000;
  private readonly model = new Map<number, Map<number, number>>();
  private readonly lastTime = new Map<number, number>();
  private readonly deleted = new Map<number, [number, number][]>();
  private readonly refs = new Map<number, number>();

  constructor(private readonly random: () => number) {}

  async open(): Promise<void> {
    const options: TsdbOptions = {
      directory: this.directory,
      blockRangeMs: BLOCK_RANGE_MS,
      longestBlockMs: BLOCK_RANGE_MS * 27,
      retentionMs: 0,
      outOfOrderWindowMs: WINDOW_MS,
      autoMaintenance: false,
      walSegmentBytes: 64 * 1024,
      // With each maintenance, or only those of earlier runs.
      snapshotAfterBytes: this.random() < 0.7 ? 1 : Number.POSITIVE_INFINITY,
    };
    this.db = await Tsdb.open(options);
    this.refs.clear();
  }

  async close(): Promise<void> {
    await this.db.close();
    rmSync(this.directory, { recursive: true });
  }

  async step(): Promise<string> {
    const choice = this.random();
    if (choice < 0.7) return this.appendBatch();
    if (choice < 0.8) return this.maintain();
    if (choice < 0.84) return this.deleteSome();
    if (choice < 0.86) return this.clean();
    if (choice < 0.89) return this.restart();
    if (choice < 0.92) return this.crash();
    return this.check();
  }

  /** Everything, and a random part of it. */
  async check(): Promise<string> {
    await this.checkRange(0, Number.MAX_SAFE_INTEGER, [new Matcher('=', '__name__', 'm')]);
    const from = this.now - this.int(200_000);
    const pattern = `${this.int(4)}.*|.*${this.int(10)}`;
    await this.checkRange(from, from + this.int(100_000), [
      new Matcher('=', '__name__', 'm'),
      new Matcher(this.random() < 0.5 ? '=~' : '!~', 'i', pattern),
    ]);
    return 'check';
  }

  private int(below: number): number {
    return Math.floor(this.random() * below);
  }

  private labels(series: number): Labels {
    return Labels.from({ __name__: 'm', i: String(series), odd: series % 2 === 1 ? 'yes' : '' });
  }

  private appendBatch(): string {
    const scrapes = 1 + this.int(20);
    // Which series are there changes slowly, so that some end and some come back.
    const base = Math.floor((this.now / 60_000) % 20);
    for (let n = 0; n < scrapes; n++) {
      this.now += 200 + this.int(1500);
      const appender = this.db.appender();
      const added: [number, number][] = [];
      for (let series = base; series < base + 12; series++) {
        if (this.random() < 0.1) continue;
        const late = this.random() < 0.05;
        const time = late ? this.now - this.int(WINDOW_MS * 1.2) : this.now;
        if (late && this.isDeleted(series, time)) continue;
        let ref = this.refs.get(series);
        if (ref === undefined) {
          ref = appender.seriesRef(this.labels(series));
          this.refs.set(series, ref);
        }
        let outcome = appender.append(ref, time, valueAt(series, time));
        if (outcome === 3) {
          ref = appender.seriesRef(this.labels(series));
          this.refs.set(series, ref);
          outcome = appender.append(ref, time, valueAt(series, time));
        }
        if (!late) expect(outcome).toBe(APPENDED);
        if (outcome === APPENDED) added.push([series, time]);
      }
      if (this.random() < 0.05) {
        appender.rollback();
        continue;
      }
      appender.commit();
      for (const [series, time] of added) {
        const samples = this.model.get(series) ?? new Map<number, number>();
        this.model.set(series, samples);
        samples.set(time, valueAt(series, time));
        this.lastTime.set(series, Math.max(time, this.lastTime.get(series) ?? 0));
      }
    }
    return `append ${scrapes}`;
  }

  private async maintain(): Promise<string> {
    await this.db.maintain(this.now);
    return `maintain: ${this.db.blocks.all.length} blocks`;
  }

  private async deleteSome(): Promise<string> {
    const from = this.now - this.int(120_000);
    const to = from + this.int(30_000);
    const last = this.int(10);
    await this.db.delete(from, to, [[new Matcher('=~', 'i', `.*${last}`)]]);
    for (const [series, samples] of this.model) {
      if (series % 10 !== last) continue;
      for (const time of samples.keys()) if (time >= from && time <= to) samples.delete(time);
      this.deleted.set(series, [...(this.deleted.get(series) ?? []), [from, to]]);
    }
    return 'delete';
  }

  private isDeleted(series: number, time: number): boolean {
    return (this.deleted.get(series) ?? []).some(([from, to]) => from <= time && time <= to);
  }

  private async clean(): Promise<string> {
    await this.db.cleanTombstones();
    return 'clean tombstones';
  }

  private async restart(): Promise<string> {
    await this.db.close();
    await this.open();
    return 'restart';
  }

  /** Goes on from a copy of the directory as it is, which is what a killed process leaves. */
  private async crash(): Promise<string> {
    const copy = mkdtempSync(join(tmpdir(), 'tsdb-property-'));
    await this.db.blocks.deleted(); // or files would vanish while they are copied
    cpSync(this.directory, copy, { recursive: true });
    rmSync(join(copy, 'lock'));
    await this.close();
    this.directory = copy;
    await this.open();
    return 'crash';
  }

  private async checkRange(minTime: number, maxTime: number, matchers: readonly Matcher[]): Promise<void> {
    const found = new Map<string, [number, number][]>();
    const querier = this.db.querier(minTime, maxTime);
    for (const series of await querier.select(matchers)) {
      const samples = new SampleColumns();
      series.read(minTime, maxTime, samples);
      const list = Array.from({ length: samples.length }, (_, i): [number, number] => [samples.t[i], samples.v[i]]);
      if (list.length > 0) found.set(series.labels.toString(), list);
    }
    querier.close();
    const expected = new Map<string, [number, number][]>();
    for (const [series, samples] of this.model) {
      const labels = this.labels(series);
      if (!matchers.every((matcher) => matcher.matches(labels.get(matcher.name)))) continue;
      const list = [...samples].filter(([time]) => time >= minTime && time <= maxTime).sort((a, b) => a[0] - b[0]);
      if (list.length > 0) expected.set(labels.toString(), list);
    }
    expect(differences(found, expected), `${minTime} … ${maxTime} ${matchers.join(' ')}`).toEqual([]);
  }
}

type Answer = ReadonlyMap<string, readonly (readonly [time: number, value: number])[]>;

/** What one answer has and the other has not, and what is there twice. */
function differences(found: Answer, expected: Answer): string[] {
  const lines = (answer: Answer) =>
    [...answer].flatMap(([labels, samples]) => samples.map(([time, value]) => `${labels} ${time} ${value}`));
  const foundLines = lines(found);
  const expectedLines = new Set(lines(expected));
  const seen = new Set<string>();
  const wrong: string[] = [];
  for (const line of foundLines) {
    if (!expectedLines.has(line)) wrong.push(`unexpected ${line}`);
    if (seen.has(line)) wrong.push(`twice ${line}`);
    seen.add(line);
  }
  for (const line of expectedLines) if (!seen.has(line)) wrong.push(`missing ${line}`);
  return wrong;
}

test.each([0, 1, 2, 3])('history %i: the same answers as the model', { timeout: 120_000 }, async (n) => {
  const trial = new Trial(randomNumbers(SEED * 1000 + n));
  await trial.open();
  const history: string[] = [];
  try {
    for (let i = 0; i < STEPS; i++) history.push(await trial.step());
    await trial.check();
  } catch (error) {
    console.error(`seed ${SEED}, history ${n}, step ${history.length} after: ${history.slice(-8).join('; ')}`);
    throw error;
  } finally {
    await trial.close();
  }
});
