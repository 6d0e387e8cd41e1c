import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { newUlid } from '@avalanche/model';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CompactionStopped, Compactor } from './compactor.ts';
import type { HeadSource } from './head-source.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'compactor-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const noSource: HeadSource = {
  nextSeries: () => Promise.reject(new Error('the head is broken')),
  chunks: () => Promise.reject(new Error('the head is broken')),
};

/** A compactor whose thread makes its temporary directory as a real one and then does `script`. */
function compactor(script: string): Compactor {
  const file = join(directory, 'worker.mjs');
  writeFileSync(
    file,
    `import { mkdirSync } from 'node:fs';
     import { parentPort, workerData } from 'node:worker_threads';
     const { parent, ulid } = workerData.head ?? workerData.merge;
     mkdirSync(parent + '/' + ulid + '.tmp-for-creation');
     ${script}`,
  );
  return new Compactor(pathToFileURL(file));
}

function job() {
  const parent = join(directory, 'data');
  mkdirSync(parent, { recursive: true });
  return { parent, ulid: newUlid(Date.now()), minTime: 0, maxTime: 1, compaction: { level: 1, sources: [] } };
}

test.each([
  ['ends without an answer', 'process.exit(0)', 'the compaction thread ended early'],
  ['throws', `throw new Error('broken')`, 'broken'],
  ['runs out of memory', `const all = []; for (;;) all.push(new Array(1e6).fill({}).map(() => ({})));`, 'memory limit'],
  [
    'asks for what cannot be given',
    `parentPort.postMessage({ type: 'series' }); parentPort.on('message', () => {});`,
    'the head is broken',
  ],
])(
  'a thread that %s is a failed compaction, and leaves nothing',
  { timeout: 30_000 },
  async (_title, script, message) => {
    await expect(compactor(script).writeHead(noSource, job())).rejects.toThrow(message);
    expect(readdirSync(join(directory, 'data'))).toEqual([]);
  },
);

test('a job can be stopped, also one right after another, and leaves nothing', async () => {
  const writer = compactor(`
    if (workerData.type === 'merge') setInterval(() => {}, 1000);
    else parentPort.postMessage({ type: 'done', result: null });
    if (workerData.type === 'head') parentPort.close();`);
  const first = job();
  expect(await writer.writeHead(noSource, first)).toBeNull();
  const merge = writer.merge({ parent: first.parent, ulid: newUlid(Date.now()), sources: [] });
  const refused = expect(merge).rejects.toThrow(CompactionStopped);
  await new Promise((resolve) => setTimeout(resolve, 200)); // the thread of the first is gone by then
  await writer.stop();
  await refused;
  expect(readdirSync(first.parent)).toEqual([`${first.ulid}.tmp-for-creation`]);
  await expect(writer.writeHead(noSource, job())).rejects.toThrow(CompactionStopped);
});
