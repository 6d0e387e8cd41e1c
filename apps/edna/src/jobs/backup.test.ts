import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { backUp, verifyArchive } from './backup.ts';

let root: string;
const task = (name: string) => ({
  root,
  folders: ['jobs', 'references'],
  directory: join(root, 'backups'),
  name,
  onProgress() {},
});

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'avalanche-backup-'));
  await Promise.all(['jobs', 'references/deep', 'backups'].map((name) => mkdir(join(root, name), { recursive: true })));
  await writeFile(join(root, 'jobs/a.json'), '{"id":"a"}');
  await writeFile(join(root, 'jobs/empty.json'), '');
  await writeFile(join(root, 'jobs/half.json.1.tmp'), '{');
  await writeFile(join(root, 'references/deep/r.fa'), `>r\n${'ACGT'.repeat(50_000)}\n`);
});
afterAll(() => rm(root, { recursive: true, force: true }));

test('an archive is verified, and the real tar reads it', async () => {
  const result = await backUp(task('one'));
  expect(result).toMatchObject({ file: 'one.tar.gz', files: 3, verified: true });
  const path = join(root, 'backups', result.file);
  const names = execFileSync('tar', ['-tzf', path], { encoding: 'utf8' }).trim().split('\n');
  expect(names).toEqual(['jobs/a.json', 'jobs/empty.json', 'references/deep/r.fa']);
  expect(execFileSync('tar', ['-xzOf', path, 'jobs/a.json'], { encoding: 'utf8' })).toBe('{"id":"a"}');
});

test('a damaged or incomplete archive does not verify', async () => {
  const path = join(root, 'backups', (await backUp(task('two'))).file);
  await expect(verifyArchive(path, new Map([['jobs/a.json', 'other']]))).rejects.toThrow(/jobs\/a.json differs/);
  const bytes = await readFile(path);
  await writeFile(path, bytes.subarray(0, bytes.length - 40));
  await expect(verifyArchive(path, new Map())).rejects.toThrow();
});

test('what cannot be read fails the backup and leaves no archive; only the newest archives stay', async () => {
  await expect(backUp({ ...task('bad'), folders: ['nowhere'] })).rejects.toMatchObject({ code: 'backup_failed' });
  for (const name of ['x1', 'x2', 'x3', 'x4', 'x5', 'x6']) await backUp(task(name));
  expect((await readdir(join(root, 'backups'))).sort()).toEqual(
    ['x2', 'x3', 'x4', 'x5', 'x6'].map((x) => `${x}.tar.gz`),
  );
});
