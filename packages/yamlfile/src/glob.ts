import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** The files that a path names whose last part may contain `*`, sorted; none where the directory is not there. */
export function filesMatching(pattern: string): string[] {
  const directory = dirname(pattern);
  const parts = basename(pattern).split('*');
  try {
    return readdirSync(directory)
      .filter((name) => matchesParts(name, parts))
      .sort()
      .map((name) => join(directory, name));
  } catch {
    return [];
  }
}

/** Whether a name consists of `parts` in order with anything between them. */
function matchesParts(name: string, parts: readonly string[]): boolean {
  const first = parts[0];
  if (parts.length === 1) return name === first;
  const last = parts[parts.length - 1];
  if (!name.startsWith(first) || !name.endsWith(last)) return false;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at <= name.length - last.length;
}
