import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { denseBuckets, FloatHistogram, type HistogramFields, Labels } from '@avalanche/model';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hasPrometheus } from '../../../tests/support/real-prometheus.ts';
import { freePort } from '../../../tests/support/services.ts';
import { Tsdb } from './db.ts';

const MINUTE = 60_000;
const START = 1_700_006_400_000;
const STEPS = 400;

function histogram(n: number, more: Partial<HistogramFields> = {}): FloatHistogram {
  const positive = Array.from({ length: 2 + Math.floor(n / 100) }, (_, i) => n * (i + 1) + 1);
  const count = positive.reduce((sum, each) => sum + each, n);
  return new FloatHistogram({
    ...{ schema: 2, zeroThreshold: 0.001, zeroCount: n, count, sum: n * 1.25, ofIntegers: true },
    positive: denseBuckets(-1, positive),
    ...more,
  });
}

/** What 2.42 knows: no custom buckets. */
const SERIES: Record<string, (n: number) => FloatHistogram> = {
  integers: (n) => histogram(n),
  resets: (n) => histogram(n % 70),
  gauge: (n) => histogram(Math.abs((n % 80) - 40), { counterResetHint: 'gauge' }),
  floats: (n) => histogram(n, { ofIntegers: false, count: n * 1000 + 0.5 }),
};

describe.skipIf(!hasPrometheus)('with the real Prometheus (Debian package prometheus)', () => {
  let directory = '';
  let child: ChildProcess | undefined;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'histograms-interop-'));
  });
  afterEach(async () => {
    const exited = new Promise((resolve) => child?.once('exit', resolve));
    if (child?.kill()) await exited;
    rmSync(directory, { recursive: true });
  });

  async function start(): Promise<string> {
    const port = await freePort();
    writeFileSync(join(directory, 'prometheus.yml'), '{}');
    child = spawn(
      'prometheus',
      [
        `--config.file=${directory}/prometheus.yml`,
        `--storage.tsdb.path=${directory}/data`,
        '--storage.tsdb.retention.time=100y',
        '--enable-feature=native-histograms',
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      { stdio: 'ignore' },
    );
    for (let attempt = 0; attempt < 200; attempt++) {
      const answer = await fetch(`http://127.0.0.1:${port}/-/ready`).catch(() => undefined);
      if (answer?.ok) return `http://127.0.0.1:${port}`;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error('prometheus did not become ready');
  }

  async function values(url: string, query: string): Promise<number[]> {
    const body = new URLSearchParams({
      ...{ query, step: '60', start: String(START / 1000) },
      end: String(START / 1000 + (STEPS - 1) * 60),
    });
    const response = await fetch(`${url}/api/v1/query_range`, { method: 'POST', body });
    const { data } = (await response.json()) as { data: { result: { values: [number, string][] }[] } };
    return data.result[0]?.values.map(([, value]) => Number(value)) ?? [];
  }

  test('it reads our blocks, our log and our head chunks with histograms', async () => {
    const db = await Tsdb.open({ directory: join(directory, 'data'), autoMaintenance: false });
    const appender = db.appender();
    for (let n = 0; n < STEPS; n++) {
      for (const [name, make] of Object.entries(SERIES)) {
        appender.appendHistogram(appender.seriesRef(Labels.from({ __name__: name })), START + n * MINUTE, make(n));
      }
      appender.commit();
    }
    await db.maintain(START + STEPS * MINUTE);
    expect(db.blocks.all.length).toBeGreaterThan(1);
    expect(db.head.chunkCount).toBeGreaterThan(Object.keys(SERIES).length);
    await db.close();
    const url = await start();
    for (const [name, make] of Object.entries(SERIES)) {
      const all = Array.from({ length: STEPS }, (_, n) => make(n));
      expect(await values(url, `histogram_count(${name})`)).toEqual(all.map(({ count }) => count));
      expect(await values(url, `histogram_sum(${name})`)).toEqual(all.map(({ sum }) => sum));
      const first = all.map(({ positive }) => positive.counts[0]);
      const below = await values(url, `histogram_fraction(0.5946, 0.84089642, ${name}) * histogram_count(${name})`);
      for (const [n, each] of below.entries()) expect(Math.abs(each - first[n])).toBeLessThan(1);
      expect(below).toHaveLength(STEPS);
    }
  });
});
