import { readdirSync, readFileSync } from 'node:fs';
import { Counter, Gauge, type Registry } from 'prom-client';

const PROCESS_START_SECONDS = Math.round((Date.now() - process.uptime() * 1000) / 10) / 100;

/**
 * Registers the `process_*` families that Prometheus client libraries agree on. Values are read when scraped, from
 * /proc where there is one; nothing runs between scrapes.
 */
export function processMetrics(registry: Registry): void {
  const gauge = (name: string, help: string, read: () => number | undefined) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        const value = read();
        if (value !== undefined) this.set(value);
      },
    });
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'User and system CPU time spent, in seconds.',
    registers: [registry],
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
  gauge('process_start_time_seconds', 'Start of the process, in seconds since the epoch.', () => PROCESS_START_SECONDS);
  gauge('process_resident_memory_bytes', 'Resident memory in bytes.', () => process.memoryUsage.rss());
  gauge('process_virtual_memory_bytes', 'Virtual memory in bytes.', () => statusBytes('VmSize'));
  gauge('process_virtual_memory_max_bytes', 'Most virtual memory that may be had in bytes.', maxMemory);
  gauge('process_open_fds', 'Open file descriptors.', openFds);
  gauge('process_max_fds', 'Most file descriptors that may be open.', maxFds);
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
