import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { LaterSync } from './later-sync.ts';

test('what is written while files are synced is synced once more, however often', async () => {
  const synced: string[] = [];
  const sync = new LaterSync(
    (_file, error) => {
      throw error;
    },
    async (file) => {
      synced.push(file);
      if (synced.length === 1) for (let i = 0; i < 100; i++) sync.add('a');
    },
  );
  for (let i = 0; i < 100; i++) sync.add('a');
  sync.add('b');
  expect(synced).toEqual([]);
  await sync.done();
  expect(synced).toEqual(['a', 'b', 'a']);
  sync.add('c');
  await sync.done();
  expect(synced).toEqual(['a', 'b', 'a', 'c']);
});

test('a file that cannot be synced is told, and holds up no other', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'later-sync-'));
  const failed: string[] = [];
  const sync = new LaterSync((file, error) => failed.push(`${file}: ${(error as NodeJS.ErrnoException).code}`));
  writeFileSync(join(directory, 'there'), 'x');
  sync.add(join(directory, 'away'));
  sync.add(join(directory, 'there'));
  await sync.done();
  expect(failed).toEqual([`${join(directory, 'away')}: ENOENT`]);
  rmSync(directory, { recursive: true });
});
