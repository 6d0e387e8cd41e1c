import { readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { DataSource } from './dsn.ts';

/**
 * The password that libpq's password file has for a source: the first line `host:port:database:user:password` that fits, where
 * `*` fits anything. Undefined where there is none, and where others may read the file, which libpq refuses as well.
 */
export function passwordFromFile({ passfile, host, port, database, user }: DataSource): string | undefined {
  const file = passfile ?? join(homedir(), '.pgpass');
  let lines: string[];
  try {
    if ((statSync(file).mode & 0o077) !== 0) return undefined;
    lines = readFileSync(file, 'utf8').split(/\r?\n/);
  } catch {
    return undefined;
  }
  const wanted = [host.startsWith('/') ? 'localhost' : host, String(port), database, user];
  for (const line of lines) {
    if (line.startsWith('#')) continue;
    const fields = fieldsOf(line);
    if (fields.length >= 5 && wanted.every((text, i) => fields[i] === '*' || fields[i] === text)) return fields[4];
  }
  return undefined;
}

/** Colons part the fields; a backslash takes the meaning from what follows it. */
function fieldsOf(line: string): string[] {
  const fields = line.match(/(?:\\.|[^:\\])*(?::|$)/g) ?? [];
  return fields.map((field) => field.replace(/:$/, '').replace(/\\(.)/g, '$1'));
}
