import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

/** One secret or certificate, given in place or by the file that holds it. */
export interface Source {
  readonly text?: string | undefined;
  readonly file?: string | undefined;
}

export function isGiven({ text, file }: Source): boolean {
  return Boolean(text) || Boolean(file);
}

/** Where it comes from, for messages. */
export function describeSource({ text, file }: Source): string {
  return text ? 'inline' : `file ${file}`;
}

/** Read at each use, so that a rotated file needs no reload. @throws Error as `unable to read <what>: …` */
export async function readSecret({ text, file }: Source, what: string): Promise<string> {
  if (text || !file) return text ?? '';
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    throw new Error(`unable to read ${what}: ${fileProblem(file, error)}`);
  }
}

/** As `readSecret`, at once. */
export function readSecretSync({ text, file }: Source, what: string): string {
  if (text || !file) return text ?? '';
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new Error(`unable to read ${what}: ${fileProblem(file, error)}`);
  }
}

/** A file that cannot be read, in Go's words. */
export function fileProblem(file: string, error: unknown): string {
  const reason = /^[A-Z0-9]+: (.*?), \w+/.exec((error as Error).message)?.[1] ?? (error as Error).message;
  return `unable to read file ${file}: open ${file}: ${reason}`;
}
