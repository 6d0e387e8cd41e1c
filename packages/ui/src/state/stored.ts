import { useCallback, useState } from 'react';

/** Reads JSON from the browser's storage; undefined where there is none, it is broken, or storage is forbidden. */
export function readStored(key: string): unknown {
  try {
    return JSON.parse(localStorage.getItem(key) ?? 'null') ?? undefined;
  } catch {
    return undefined;
  }
}

/** Writes JSON to the browser's storage; a full or forbidden storage only means that it is not remembered. */
export function writeStored(key: string, value: unknown): void {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // Private windows and full disks refuse; nothing that we keep there is needed for correctness.
  }
}

/** A boolean that outlives the page. */
export function useStoredFlag(key: string, initial: boolean): readonly [boolean, () => void] {
  const [on, setOn] = useState(() => {
    const stored = readStored(key);
    return typeof stored === 'boolean' ? stored : initial;
  });
  const toggle = useCallback(() => {
    setOn((old) => {
      writeStored(key, !old);
      return !old;
    });
  }, [key]);
  return [on, toggle];
}
