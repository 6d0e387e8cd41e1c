import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Another process that has a file below `directory` open for writing: a server, though it may have made no lock file
 * (`--storage.tsdb.no-lockfile`, Debian's default) or one without a process id, as the real Prometheus does. Undefined
 * where there is none that the system shows us (/proc, Linux; processes of others are hidden from all but root).
 */
export function writingProcess(directory: string): number | undefined {
  const prefix = `${realpathSync(directory)}/`;
  return listed('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .find((pid) => pid !== process.pid && writesBelow(pid, prefix));
}

function writesBelow(pid: number, prefix: string): boolean {
  return listed(`/proc/${pid}/fd`).some((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith(prefix) && isForWriting(pid, fd);
    } catch {
      return false; // closed meanwhile
    }
  });
}

/** The last digit of the flags is O_RDONLY (0), O_WRONLY or O_RDWR. */
function isForWriting(pid: number, fd: string): boolean {
  return /^flags:\s*\d*[12]$/m.test(readFileSync(join('/proc', String(pid), 'fdinfo', fd), 'utf8'));
}

function listed(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return []; // not ours to see, gone, or not Linux
  }
}
