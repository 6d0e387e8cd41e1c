import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { isBuilt } from '../support/stack.ts';

const script = fileURLToPath(new URL('../support/metrics-cluster.mjs', import.meta.url));

describe.skipIf(!isBuilt)('the metrics of a cluster and of threads (needs a build)', () => {
  test('are added up, outlive a worker, and do not wait for one that hangs', async () => {
    const child = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] });
    try {
      const ask = conversation(child);
      expect(await ask()).toBe('ready');
      const samples = async () => linesOf(await ask('scrape'));
      const all = [
        'done_total{kind="x"} 13',
        'seconds_bucket{le="1"} 1',
        'seconds_bucket{le="+Inf"} 3',
        'seconds_sum 13',
      ];
      const gauges = ['seconds_count 3', 'busy 3', 'largest 10', 'loss NaN', 'metrics_silent_workers 0'];
      expect(await samples()).toEqual([...all, ...gauges]);
      for (const text of await ask<string[]>('scrapeTwice')) expect(linesOf(text)).toEqual([...all, ...gauges]);
      await ask('kill');
      // what it had counted stays, what it was doing does not
      const left = ['seconds_count 3', 'busy 2', 'largest 10', 'loss 0', 'metrics_silent_workers 0'];
      expect(await samples()).toEqual([...all, ...left]);
      await ask('hang');
      const begin = Date.now();
      const hung = await samples();
      expect(hung).toContain('metrics_silent_workers 1');
      // a sum that steps back would be a reset, and its return a rate that never was
      expect(hung).toEqual(expect.arrayContaining([...all, 'seconds_count 3', 'busy 1']));
      expect(Date.now() - begin).toBeLessThan(1_200);
    } finally {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
  }, 30_000);
});

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

/** Sends a command and waits for its answer; without a command for the next line. */
function conversation(child: ChildProcess): <T = string>(command?: string) => Promise<T> {
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  return async (command) => {
    if (command !== undefined) child.stdin?.write(`${command}\n`);
    return JSON.parse((await lines.next()).value as string);
  };
}
