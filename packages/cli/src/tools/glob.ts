import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const MAGIC = /[*?[\\]/;

/** The paths that a pattern with `*`, `?` and `[a-z]` in any part matches, sorted (Go's filepath.Glob). */
export function glob(pattern: string): string[] {
  if (pattern === '') return [];
  if (!MAGIC.test(pattern)) return existsSync(pattern) ? [pattern] : [];
  const parts = pattern.split('/');
  let paths = [parts[0] === '' ? '/' : ''];
  for (const part of parts[0] === '' ? parts.slice(1) : parts) {
    if (part === '') continue;
    paths = paths.flatMap((path) => below(path, part));
  }
  return paths;
}

function below(path: string, part: string): string[] {
  if (!MAGIC.test(part)) {
    const next = join(path, part);
    return existsSync(next) ? [next] : [];
  }
  const accepts = regexOf(part);
  try {
    return readdirSync(path === '' ? '.' : path)
      .filter((name) => accepts.test(name))
      .sort()
      .map((name) => join(path, name));
  } catch {
    return []; // not a directory, or not ours to read
  }
}

/** Without repetition of what may be empty, so that no name takes long. */
function regexOf(part: string): RegExp {
  const text = part.replace(/\[(\^?)((?:\\.|[^\]\\])+)\]|\\(.)|\*+|\?|[\s\S]/g, (all, not, set, literal) => {
    if (set !== undefined) return `[${not}${set}]`;
    if (literal !== undefined) return quoted(literal);
    if (all.startsWith('*')) return '[^/]*';
    return all === '?' ? '[^/]' : quoted(all);
  });
  return new RegExp(`^${text}$`, 's');
}

function quoted(char: string): string {
  return /[\\^$.*+?()[\]{}|/-]/.test(char) ? `\\${char}` : char;
}
