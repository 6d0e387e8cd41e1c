import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { hostOf } from './event.ts';

/** What a worker uses, with the processes of its pool. */
export interface WorkerUsage {
  /** User and system time, those of pool processes that have ended included. */
  readonly cpuSeconds: number;
  /** Resident memory; what the processes share counts once for each. */
  readonly memoryBytes: number;
}

/** Linux counts process times in hundredths of a second on every platform that Node runs on. */
const TICKS_PER_SECOND = 100;
const POOL_READ_MAX = 256;

/**
 * What the worker with this process uses, if it runs on this machine, and in a namespace where its process ids are ours; else
 * null. Known by its pool processes, which must be children of it, or by host name and command line where it has none.
 */
export function workerUsage(worker: string, pid: number, pool: readonly number[], proc = '/proc'): WorkerUsage | null {
  const main = readProcess(proc, pid);
  if (!main) return null;
  const others = pool.filter((id) => id !== pid).slice(0, POOL_READ_MAX);
  const children = others.map((id) => readProcess(proc, id)).filter((child) => child?.parent === pid);
  if (others.length === 0 ? !isNamed(proc, worker, pid) : children.length === 0) return null;
  let { cpuTicks, memoryBytes } = main;
  for (const child of children) {
    cpuTicks += child?.cpuTicks ?? 0;
    memoryBytes += child?.memoryBytes ?? 0;
  }
  return { cpuSeconds: cpuTicks / TICKS_PER_SECOND, memoryBytes };
}

interface ProcessUsage {
  readonly parent: number;
  readonly cpuTicks: number;
  readonly memoryBytes: number;
}

function readProcess(proc: string, pid: number): ProcessUsage | null {
  try {
    const stat = readFileSync(`${proc}/${pid}/stat`, 'latin1');
    // The command's name, in parentheses, may hold anything; what follows it is field 3.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const cpuTicks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    const resident = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`${proc}/${pid}/status`, 'latin1'))?.[1] ?? '0';
    return { parent: Number(fields[1]), cpuTicks, memoryBytes: Number(resident) * 1024 };
  } catch {
    return null; // it has ended, or there is no /proc
  }
}

function isNamed(proc: string, worker: string, pid: number): boolean {
  if (hostOf(worker) !== hostname()) return false;
  try {
    return readFileSync(`${proc}/${pid}/cmdline`, 'latin1').includes('celery');
  } catch {
    return false;
  }
}
