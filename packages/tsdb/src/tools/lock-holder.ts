import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The process that holds the `lock` file of a data directory by flock, as the real Prometheus does, which writes no
 * process id into it. Undefined where there is none or the system does not tell (/proc/locks, Linux). The number of the
 * file alone is compared: one that is the same on another disk makes us refuse once too often, never too seldom.
 */
export function flockHolder(directory: string): number | undefined {
  const inode = statSync(join(directory, 'lock'), { throwIfNoEntry: false })?.ino;
  if (inode === undefined) return undefined;
  let locks: string;
  try {
    locks = readFileSync('/proc/locks', 'utf8');
  } catch {
    return undefined;
  }
  // 1: FLOCK  ADVISORY  WRITE 4242 08:01:131 0 EOF
  const line = locks.split('\n').find((text) => text.includes('FLOCK') && text.includes(`:${inode} `));
  return line === undefined ? undefined : Number(line.trim().split(/\s+/)[4]);
}
