import type { ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@avalanche/model';
import { type RunningPrometheus, startPrometheus } from '@avalanche/prometheus';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasBoth, startOurs, startTheirs } from '../support/both-prometheus.ts';

const NOW = Math.floor(Date.now() / 1000);
const SAMPLES = 1000;

let directory: string;
let ours: RunningPrometheus;
let reader: { readonly url: string; readonly process: ChildProcess };
let theirs: { readonly url: string; readonly process: ChildProcess };
let ourReader: RunningPrometheus;

/** A folder with an own configuration. */
function folder(name: string, config: object): string {
  const path = join(directory, name);
  mkdirSync(path);
  writeFileSync(join(path, 'prometheus.yml'), JSON.stringify(config));
  return path;
}

beforeAll(async () => {
  if (!hasBoth) return;
  directory = mkdtempSync(join(tmpdir(), 'remote-read-'));
  const { spawnSync } = await import('node:child_process');
  const lines: string[] = [];
  for (let i = 0; i < SAMPLES; i++) {
    const time = NOW - (SAMPLES - i) * 15;
    lines.push(`m_total{i="1"} ${i * 1.5} ${time}`);
  }
  for (let i = 0; i < SAMPLES; i++) lines.push(`m_total{i="2"} ${i % 7 === 0 ? 'NaN' : i} ${NOW - (SAMPLES - i) * 15}`);
  writeFileSync(join(directory, 'in.om'), `${lines.join('\n')}\n# EOF\n`);
  const source = folder('source', { global: { external_labels: { site: 'north' } } });
  const theirSource = folder('their-source', { global: { external_labels: { site: 'north' } } });
  for (const path of [source, theirSource]) {
    spawnSync('promtool', ['tsdb', 'create-blocks-from', 'openmetrics', join(directory, 'in.om'), join(path, 'data')]);
  }
  ours = await startOurs(source, {});
  theirs = await startTheirs(theirSource, []);
  const readFrom = (url: string) => ({
    global: { external_labels: { site: 'north' } },
    remote_read: [{ url: `${url}/api/v1/read`, read_recent: true }],
  });
  reader = await startTheirs(folder('reader', readFrom(ours.url)), []);
  ourReader = await startPrometheus({
    configFile: join(folder('our-reader', readFrom(theirs.url)), 'prometheus.yml'),
    directory: join(directory, 'our-reader', 'data'),
    listen: { host: '127.0.0.1', port: 0 },
    logger: silentLogger,
    version: 'test',
  });
}, 60_000);

afterAll(async () => {
  if (!hasBoth) return;
  for (const { process } of [reader, theirs]) {
    const ended = new Promise((resolve) => process.once('exit', resolve));
    process.kill();
    await ended;
  }
  await Promise.all([ours.stop(), ourReader.stop()]);
  rmSync(directory, { recursive: true });
});

async function result(url: string, query: string): Promise<unknown> {
  const params = `start=${NOW - SAMPLES * 15}&end=${NOW}&step=60&query=${encodeURIComponent(query)}`;
  const answer = await fetch(`${url}/api/v1/query_range?${params}`);
  const { data, warnings } = (await answer.json()) as { data: { result: unknown }; warnings?: unknown };
  return { result: data.result, warnings };
}

describe.skipIf(!hasBoth)('remote read with Debian’s Prometheus (skipped where it is missing)', () => {
  test.each(['m_total', 'sum by (i) (rate(m_total[5m]))', 'm_total{i="2"}', 'nothing'])(
    'it reads %s from us',
    async (query) => {
      expect(await result(reader.url, query)).toEqual(await result(theirs.url, query));
    },
  );

  test('a label that only the remote has is on what comes from there', async () => {
    const expected = await result(theirs.url, 'label_replace(m_total, "site", "north", "", "")');
    expect(await result(reader.url, 'm_total{site="north"}')).toEqual(expected);
    expect(await result(ourReader.url, 'm_total{site="north"}')).toEqual(expected);
  });

  test.each(['m_total', 'sum by (i) (rate(m_total[5m]))', 'm_total{i="2"}', 'nothing'])(
    'we read %s from it',
    async (query) => {
      expect(await result(ourReader.url, query)).toEqual(await result(ours.url, query));
    },
  );
});
