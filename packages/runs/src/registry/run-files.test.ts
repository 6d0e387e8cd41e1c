import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RunFiles } from './run-files.ts';
import type { RunRecord } from './run-record.ts';

let directory: string;
let files: RunFiles;
let unsynced: string[];
beforeEach(() => {
  unsynced = [];
  directory = mkdtempSync(join(tmpdir(), 'run-files-'));
  files = new RunFiles(directory, (name, error) => unsynced.push(`${name}: ${(error as Error).message}`));
});
afterEach(async () => {
  await files.synced();
  rmSync(directory, { recursive: true, force: true });
});

const RUN: RunRecord = { run_id: 'r', kind: 'k', name: 'n', outcome: 'running', started_at: 1, reported_at: 2 };
const file = (name: string): string => join(directory, name);

describe('the file of running runs that cannot be written anew', () => {
  test.skipIf(!existsSync('/dev/full'))(
    'leaves nothing behind, and the old one (skipped without /dev/full)',
    async () => {
      files.writeRunning(RUN);
      const before = readFileSync(file('running.jsonl'), 'utf8');
      symlinkSync('/dev/full', file('running.jsonl.tmp'));
      await expect(files.rewriteRunning([RUN])).rejects.toThrow('ENOSPC');
      expect(existsSync(file('running.jsonl.tmp'))).toBe(false);
      expect(readFileSync(file('running.jsonl'), 'utf8')).toBe(before);
      await files.rewriteRunning([RUN]);
      expect([...files.readRunning().keys()]).toEqual(['r']);
    },
  );

  test('is tried again when it is twice as long', async () => {
    mkdirSync(file('running.jsonl.tmp'));
    const triedAt: number[] = [];
    for (let lines = 1; lines <= 5_000; lines++) {
      files.writeRunning(RUN);
      if (!files.isLong) continue;
      triedAt.push(lines);
      await expect(files.rewriteRunning([RUN])).rejects.toThrow('EISDIR');
    }
    expect(triedAt).toEqual([1_001, 2_003, 4_007]);
    rmSync(file('running.jsonl.tmp'), { recursive: true });
    await files.rewriteRunning([RUN]);
    for (let lines = 0; lines <= 1_000; lines++) files.writeRunning(RUN);
    expect(files.isLong).toBe(true);
  });
});

test('ended runs are brought to the disk, and it is told where they are not', async () => {
  const ended: RunRecord = { ...RUN, outcome: 'success', ended_at: Date.parse('2026-11-23T07:00:00Z') };
  files.writeEnded(ended);
  await files.synced();
  expect(unsynced).toEqual([]);
  files.writeEnded(ended);
  rmSync(file('2026-11-23.jsonl'));
  await files.synced();
  expect(unsynced).toEqual([expect.stringContaining(`${file('2026-11-23.jsonl')}: ENOENT`)]);
});
