import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where a machine's /proc, /sys and / are, so that a container can watch its host and a test a made-up machine. */
export interface Paths {
  readonly procfs: string;
  readonly sysfs: string;
  readonly rootfs: string;
}

/** Reads a file whole. @throws the file system's error */
export function readText(...parts: readonly string[]): string {
  return readFileSync(join(...parts), 'utf8');
}

/** The trimmed content of a small file, or '' where it is not there or not readable. */
export function tryReadText(...parts: readonly string[]): string {
  try {
    return readText(...parts).trim();
  } catch {
    return '';
  }
}

/** The entries of a directory, or none where it is not there. */
export function tryList(...parts: readonly string[]): string[] {
  try {
    return readdirSync(join(...parts));
  } catch {
    return [];
  }
}

/** Non-empty lines cut at blanks. */
export function words(text: string): string[][] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => line.split(/\s+/));
}
