import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { probeDataSource } from './auth-config.ts';
import { parseDataSource } from './dsn.ts';
import { passwordFromFile } from './passfile.ts';

const ENV = { PGUSER: 'envuser', PGSSLMODE: 'disable' };

test.each([
  [
    "host=db port=6000 user=me password='a b' dbname=x sslmode=require",
    { host: 'db', port: 6000, user: 'me', password: 'a b', database: 'x', sslmode: 'require', server: 'db:6000' },
  ],
  ['postgres://me@db/x', { host: 'db', port: 5432, user: 'me', database: 'x', sslmode: 'disable', server: 'db:5432' }],
  ['postgresql://u:p%40%3Aw@[::1]:1/x', { host: '::1', port: 1, password: 'p@:w', server: '::1:1' }],
  ['postgresql:///x?host=/run/postgresql', { host: '/run/postgresql', database: 'x', server: 'localhost:5432' }],
  ['postgresql://%2Frun%2Fpg/x', { host: '/run/pg', user: 'envuser' }],
  ['host=db', { database: 'envuser', password: undefined, options: '' }],
  ["host=db search_path='a, b' options='-c geqo=off'", { options: '-c geqo=off -c search_path=a,\\ b' }],
  ['postgres://db/x?connect_timeout=3&application_name=me', { connectTimeoutMs: 3000, applicationName: 'me' }],
])('%s', (text, expected) => {
  expect(parseDataSource(text, ENV)).toMatchObject(expected);
});

test.each([
  ['s3cret', 'neither a postgresql:// URI nor key=value pairs'],
  ['postgresql://u:s3cret@db:port/x', 'not a valid URI'],
  ['host=db password=s3cret sslmode=maybe', 'sslmode must be one of'],
  ['host=db password=s3cret port=0', 'is no port'],
])('%s is refused without a word of it', (text, message) => {
  expect(() => parseDataSource(text, {})).toThrow(message);
  expect(() => parseDataSource(text, {})).not.toThrow('s3cret');
});

test('the password file: the first line that fits, backslashes, and no file that others may read', () => {
  const directory = mkdtempSync(join(tmpdir(), 'passfile-'));
  const passfile = join(directory, 'passes');
  const lines = ['#db:5432:x:me:comment', 'db:5432:y:me:other', 'db:*:*:me:a\\:b\\\\c', '*:*:*:*:last'];
  try {
    writeFileSync(passfile, lines.join('\n'), { mode: 0o600 });
    const source = (text: string) => parseDataSource(`${text} passfile=${passfile}`, ENV);
    expect(passwordFromFile(source('host=db dbname=x user=me'))).toBe('a:b\\c');
    expect(passwordFromFile(source('host=db dbname=y user=me'))).toBe('other');
    expect(passwordFromFile(source('host=/run dbname=y user=you'))).toBe('last');
    rmSync(passfile);
    writeFileSync(passfile, lines.join('\n'), { mode: 0o644 });
    expect(passwordFromFile(source('host=db dbname=x user=me'))).toBeUndefined();
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test.each([
  ['db:5432/x', 'postgresql://me:p%40w@db:5432/x?sslmode=disable'],
  ['postgres://old:old@db/x', 'postgres://me:p%40w@db/x?sslmode=disable'],
  ['host=db dbname=x', "host=db dbname=x sslmode='disable' user='me' password='p@w'"],
])('a target of /probe with a module: %s', (target, expected) => {
  const module = { type: 'userpass', userpass: { username: 'me', password: 'p@w' }, options: { sslmode: 'disable' } };
  expect(probeDataSource(target, module)).toBe(expected);
});
