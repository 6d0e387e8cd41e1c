import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Labels, silentLogger } from '@avalanche/model';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hasPrometheus } from '../../../../tests/support/real-prometheus.ts';
import { freePort } from '../../../../tests/support/services.ts';
import type { Compression } from './compression.ts';
import { Wal } from './wal.ts';

/** By series as JSON, the samples `time value` in order. */
type Samples = Record<string, string[]>;

describe.skipIf(!hasPrometheus)('with the real Prometheus (Debian package prometheus)', () => {
  let directory = '';
  let child: ChildProcess | undefined;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'wal-interop-'));
  });
  afterEach(async () => {
    await stop('SIGKILL');
    rmSync(directory, { recursive: true });
  });

  async function stop(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise((resolve) => child?.once('exit', resolve));
    child.kill(signal);
    await exited;
  }

  /** Starts it on `directory`, scraping itself where asked to. */
  async function start({ scrape, flags = [] }: { scrape: boolean; flags?: string[] }): Promise<string> {
    const port = await freePort();
    const job = { job_name: 'self', scrape_interval: '200ms', static_configs: [{ targets: [`127.0.0.1:${port}`] }] };
    writeFileSync(join(directory, 'prometheus.yml'), JSON.stringify(scrape ? { scrape_configs: [job] } : {}));
    child = spawn(
      'prometheus',
      [
        `--config.file=${directory}/prometheus.yml`,
        `--storage.tsdb.path=${directory}/data`,
        '--storage.tsdb.retention.time=100y',
        `--web.listen-address=127.0.0.1:${port}`,
        ...flags,
      ],
      { stdio: 'ignore' },
    );
    const url = `http://127.0.0.1:${port}`;
    for (let attempt = 0; attempt < 200; attempt++) {
      const answer = await fetch(`${url}/-/ready`).catch(() => undefined);
      if (answer?.ok) return url;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error('prometheus did not become ready');
  }

  async function query(url: string, range: string, time?: number): Promise<Samples> {
    const body = new URLSearchParams({
      query: `{__name__!=""}[${range}]`,
      ...(time ? { time: String(time / 1000) } : {}),
    });
    const response = await fetch(`${url}/api/v1/query`, { method: 'POST', body });
    const { data } = (await response.json()) as {
      data: { result: { metric: Record<string, string>; values: [number, string][] }[] };
    };
    const series = data.result.map(({ metric, values }): [string, string[]] => [
      Labels.from(metric).toString(),
      values.map(([at, value]) => `${Math.round(at * 1000)} ${Number(value.replace('Inf', 'Infinity'))}`),
    ]);
    return Object.fromEntries(series);
  }

  function open(compression: Compression): Wal {
    return Wal.open(join(directory, 'data', 'wal'), { compression, fsync: 'never', logger: silentLogger });
  }

  async function replayed(): Promise<{ samples: Samples; unknown: number; corruptions: number }> {
    const wal = open('none');
    const names = new Map<number, string>();
    const samples: Samples = {};
    const report = await wal.replay({
      series: (ref, labels) => names.set(ref, labels.toString()),
      samples({ refs, times, bits, length }) {
        const values = new Float64Array(bits.buffer, bits.byteOffset, length);
        let unknown = 0;
        for (let i = 0; i < length; i++) {
          const name = names.get(refs[i]);
          if (name === undefined) unknown++;
          else if (samples[name]) samples[name].push(`${times[i]} ${values[i]}`);
          else samples[name] = [`${times[i]} ${values[i]}`];
        }
        return unknown;
      },
    });
    await wal.close();
    return { samples, unknown: report.unknownRefs.samples ?? 0, corruptions: report.corruptions.length };
  }

  test('its log after kill -9 has all samples that it had answered with', async () => {
    const url = await start({
      scrape: true,
      flags: ['--storage.tsdb.wal-compression', '--enable-feature=exemplar-storage,native-histograms'],
    });
    let answered: Samples = {};
    for (let attempt = 0; attempt < 100; attempt++) {
      answered = await query(url, '1h');
      if ((answered[`up{instance="${url.slice(7)}", job="self"}`]?.length ?? 0) > 4) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await stop('SIGKILL');
    const ours = await replayed();
    expect(ours).toMatchObject({ unknown: 0, corruptions: 0 });
    expect(Object.keys(answered).length).toBeGreaterThan(300);
    for (const [name, samples] of Object.entries(answered)) {
      expect(ours.samples[name]?.slice(0, samples.length)).toEqual(samples);
    }
  });

  test.each<Compression>(['snappy', 'none'])('it replays our log, checkpoint included (%s)', async (compression) => {
    const begin = Date.now() - 600_000;
    const expected: Samples = {};
    let wal = open(compression);
    await wal.replay({ series() {}, samples: () => 0 });
    const refs = Array.from({ length: 200 }, (_, i) => (i < 100 ? i + 1 : 2 ** 33 + 7 * i));
    for (let round = 0; round < 40; round++) {
      if (round % 10 === 0) {
        await wal.close();
        wal = open(compression);
        await wal.replay({ series() {}, samples: () => 0 });
      }
      const values = Float64Array.from(refs, (_, i) =>
        i % 3 === 0 ? Math.sin(i + round) : i % 3 === 1 ? round * i : Infinity,
      );
      if (round === 0) {
        refs.forEach((ref, i) => {
          const labels = Labels.from({ __name__: `größe_${i % 7}`, i: String(i) });
          wal.logSeries(ref, labels);
          expected[labels.toString()] = [];
        });
        wal.logMetadata(1, { type: 'counter', unit: 's', help: 'Told.' });
        wal.logExemplars([{ ref: 1, time: begin, low: 0, high: 0, labels: Labels.from({ trace_id: 'a' }) }]);
        wal.logTombstone(refs[199], begin, begin + 1000);
      }
      const time = begin + round * 1000;
      wal.logSamples({ refs, times: refs.map(() => time), bits: new Uint32Array(values.buffer), length: refs.length });
      wal.flush();
      Object.values(expected).forEach((samples, i) => {
        const isDeleted = i === 199 && round < 2;
        if (round >= 5 && !isDeleted) samples.push(`${time} ${values[i]}`);
      });
    }
    await wal.truncate(begin + 5000, () => true);
    await wal.close();
    expect(wal.metrics.truncations).toBe(1);
    const url = await start({ scrape: false });
    expect(await query(url, '20m')).toEqual(expected);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toContain('\nprometheus_tsdb_wal_corruptions_total 0\n');
    // And back again: what it has written on is read by us.
    await stop('SIGTERM');
    expect((await replayed()).corruptions).toBe(0);
  });

  test('it replays a log whose tail we cut', async () => {
    mkdirSync(join(directory, 'data'));
    const wal = open('snappy');
    await wal.replay({ series() {}, samples: () => 0 });
    const time = Date.now() - 10_000;
    wal.logSeries(5, Labels.from({ __name__: 'up' }));
    wal.logSamples({ refs: [5], times: [time], bits: new Uint32Array(Float64Array.of(3).buffer), length: 1 });
    wal.flush();
    await wal.close();
    const path = join(directory, 'data', 'wal', '00000000');
    writeFileSync(path, Buffer.of(1, 2, 3, 4, 5, 6, 7, 8), { flag: 'a' });
    expect(await replayed()).toMatchObject({ corruptions: 1 });
    const url = await start({ scrape: false });
    expect(await query(url, '1m')).toEqual({ up: [`${time} 3`] });
  });
});
