import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { workerUsage } from './worker-process.ts';

const proc = mkdtempSync(join(tmpdir(), 'avalanche-proc-'));
afterAll(() => rmSync(proc, { recursive: true }));

function made(pid: number, parent: number, ticks: readonly number[], residentKb: number, command = 'python3'): void {
  const directory = join(proc, String(pid));
  mkdirSync(directory);
  const before = `${pid} (a) (b) S ${parent} ${'0 '.repeat(9)}`;
  writeFileSync(join(directory, 'stat'), `${before}${ticks.join(' ')} 20 0\n`);
  writeFileSync(join(directory, 'status'), `Name:\tx\nVmRSS:\t  ${residentKb} kB\n`);
  writeFileSync(join(directory, 'cmdline'), `${command}\0-m\0celery\0worker\0`);
}

test('a worker with its pool, the times of ended children included', () => {
  made(10, 1, [100, 50, 30, 20], 1000);
  made(11, 10, [7, 3, 0, 0], 500);
  expect(workerUsage('w@elsewhere', 10, [11])).toBeNull(); // not our /proc
  expect(workerUsage('w@elsewhere', 10, [11, 12], proc)).toEqual({ cpuSeconds: 2.1, memoryBytes: 1500 * 1024 });
});

test('processes of another machine that have the same ids are not taken for it', () => {
  made(20, 1, [1, 1, 1, 1], 1);
  made(21, 5, [1, 1, 1, 1], 1);
  expect(workerUsage('w@elsewhere', 20, [21], proc)).toBeNull();
  expect(workerUsage('w@elsewhere', 99, [], proc)).toBeNull();
});

test('a pool without processes is known by host name and command', () => {
  made(30, 1, [100, 0, 0, 0], 1);
  expect(workerUsage(`w@${hostname()}`, 30, [], proc)?.cpuSeconds).toBe(1);
  expect(workerUsage(`w@${hostname()}`, 30, [30], proc)?.cpuSeconds).toBe(1); // as the solo pool says it
  expect(workerUsage('w@elsewhere', 30, [], proc)).toBeNull();
});
