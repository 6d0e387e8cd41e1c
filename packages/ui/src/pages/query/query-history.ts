import { readStored, writeStored } from '../../state/stored.ts';

const KEY = 'avalanche.query.history';
const ENTRIES_MAX = 50;

/** Queries that were run in this browser, newest first. */
export function queryHistory(): readonly string[] {
  const stored = readStored(KEY);
  return Array.isArray(stored) ? stored.filter((item): item is string => typeof item === 'string') : [];
}

export function rememberQuery(expr: string): void {
  const text = expr.trim();
  if (text === '') return;
  writeStored(KEY, [text, ...queryHistory().filter((other) => other !== text)].slice(0, ENTRIES_MAX));
}
