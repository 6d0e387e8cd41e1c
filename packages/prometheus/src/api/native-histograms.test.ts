import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { silentLogger } from '@avalanche/model';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningPrometheus, startPrometheus } from '../start.ts';

interface Known {
  readonly ulid: string;
  /** In base64. */
  readonly files: Readonly<Record<string, string>>;
  readonly answers: readonly { readonly path: string; readonly data: unknown }[];
}

/** A block of native histograms that Prometheus (3.14 development, d15adb9a) has written, and what it answers from it. */
const KNOWN: Known = JSON.parse(readFileSync(new URL('testdata/native-histograms.json', import.meta.url), 'utf8'));

let directory: string;
let running: RunningPrometheus;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'native-histograms-'));
  for (const [name, text] of Object.entries(KNOWN.files)) {
    const path = join(directory, 'data', KNOWN.ulid, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, Buffer.from(text, 'base64'));
  }
  writeFileSync(join(directory, 'prometheus.yml'), '{}\n');
  running = await startPrometheus({
    configFile: join(directory, 'prometheus.yml'),
    directory: join(directory, 'data'),
    listen: { host: '127.0.0.1', port: 0 },
    logger: silentLogger,
    version: 'test',
    storage: { retentionMs: 0 },
  });
});

afterAll(async () => {
  await running?.stop();
  rmSync(directory, { recursive: true, force: true });
});

test.each(KNOWN.answers)('$path', async ({ path, data }) => {
  const [endpoint, parameters] = path.split('?');
  const answer = await fetch(`${running.url}/api/v1/${endpoint}?${parameters.replaceAll('+', '%2B')}`);
  expect(((await answer.json()) as { readonly data: unknown }).data).toEqual(data);
});
