import { readdirSync, readFileSync } from 'node:fs';

const PROCESS_START_SECONDS = Math.round((Date.now() - process.uptime() * 1000) / 10) / 100;

/** A family with one value, read when it is scraped; undefined where this system does not tell it. */
export interface ProcessFamily {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge';
  read(): number | undefined;
}

/** The `process_*` families that Prometheus client libraries agree on, from /proc where there is one. */
export const PROCESS_FAMILIES: readonly ProcessFamily[] = [
  {
    name: 'process_cpu_seconds_total',
    help: 'User and system CPU time spent, in seconds.',
    type: 'counter',
    read: cpuSeconds,
  },
  gauge('process_start_time_seconds', 'Start of the process, in seconds since the epoch.', () => PROCESS_START_SECONDS),
  gauge('process_resident_memory_bytes', 'Resident memory in bytes.', () => process.memoryUsage.rss()),
  gauge('process_virtual_memory_bytes', 'Virtual memory in bytes.', () => statusBytes('VmSize')),
  gauge('process_virtual_memory_max_bytes', 'Most virtual memory that may be had in bytes.', maxMemory),
  gauge('process_open_fds', 'Open file descriptors.', openFds),
  gauge('process_max_fds', 'Most file descriptors that may be open.', maxFds),
];

function gauge(name: string, help: string, read: () => number | undefined): ProcessFamily {
  return { name, help, type: 'gauge', read };
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function statusBytes(key: string): number | undefined {
  const kib = readProc('status')?.match(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm'))?.[1];
  return kib === undefined ? undefined : Number(kib) * 1024;
}

function maxFds(): number | undefined {
  const limit = readProc('limits')?.match(/^Max open files\s+(\d+)/m)?.[1];
  return limit === undefined ? undefined : Number(limit);
}

/** No limit is the largest number of 64 bits, as Go's client library has it. */
function maxMemory(): number | undefined {
  const limit = readProc('limits')?.match(/^Max address space\s+(\d+|unlimited)/m)?.[1];
  if (limit === 'unlimited') return 2 ** 64;
  return limit === undefined ? undefined : Number(limit);
}

function openFds(): number | undefined {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return undefined; // not Linux
  }
}

function readProc(name: string): string | undefined {
  try {
    return readFileSync(`/proc/self/${name}`, 'utf8');
  } catch {
    return undefined; // not Linux
  }
}
