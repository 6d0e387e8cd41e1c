import type { FamilyWriter } from '@avalanche/exposition';
import { type Paths, readText, words } from './fs.ts';

/** Clock ticks a second of /proc/stat; fixed in Linux's interface to user space. */
const USER_HZ = 100;
const MODES = ['user', 'nice', 'system', 'idle', 'iowait', 'irq', 'softirq', 'steal'] as const;

/** /proc/stat, the lines of the CPUs: node_cpu_seconds_total and guest time. */
export function collectCpu({ procfs }: Paths, families: FamilyWriter): void {
  const seconds = families.counter('node_cpu_seconds_total', 'Seconds the CPUs spent in each mode.');
  const guest = families.counter('node_cpu_guest_seconds_total', 'Seconds the CPUs spent in guests for each mode.');
  for (const [name, ...ticks] of words(readText(procfs, 'stat'))) {
    const cpu = /^cpu(\d+)$/.exec(name)?.[1];
    if (cpu === undefined) continue;
    MODES.forEach((mode, i) => {
      seconds.add(Number(ticks[i] ?? 0) / USER_HZ, { cpu, mode });
    });
    guest.add(Number(ticks[8] ?? 0) / USER_HZ, { cpu, mode: 'user' });
    guest.add(Number(ticks[9] ?? 0) / USER_HZ, { cpu, mode: 'nice' });
  }
}

/** The other lines of /proc/stat: boot time, forks, interrupts, context switches, processes. */
export function collectStat({ procfs }: Paths, families: FamilyWriter): void {
  const values = new Map(words(readText(procfs, 'stat')).map(([name, value]) => [name, Number(value)]));
  const write = (key: string, type: 'counter' | 'gauge', name: string, help: string) => {
    const value = values.get(key);
    if (value !== undefined) families.family(name, type, help).add(value);
  };
  write('btime', 'gauge', 'node_boot_time_seconds', 'When the machine booted, in seconds since the epoch.');
  write('processes', 'counter', 'node_forks_total', 'Forks since boot.');
  write('intr', 'counter', 'node_intr_total', 'Interrupts serviced since boot.');
  write('ctxt', 'counter', 'node_context_switches_total', 'Context switches since boot.');
  write('procs_running', 'gauge', 'node_procs_running', 'Processes that can run.');
  write('procs_blocked', 'gauge', 'node_procs_blocked', 'Processes that wait for I/O.');
}

export function collectLoadavg({ procfs }: Paths, families: FamilyWriter): void {
  const [one, five, fifteen] = readText(procfs, 'loadavg').split(' ').map(Number);
  families.gauge('node_load1', 'Load average over 1 minute.').add(one);
  families.gauge('node_load5', 'Load average over 5 minutes.').add(five);
  families.gauge('node_load15', 'Load average over 15 minutes.').add(fifteen);
}
