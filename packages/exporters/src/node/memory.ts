import type { FamilyWriter } from '@avalanche/exposition';
import { type Paths, readText, tryReadText } from './fs.ts';

/** /proc/meminfo: one gauge a line, kibibytes as bytes, `Active(anon)` as `Active_anon`. */
export function collectMeminfo({ procfs }: Paths, families: FamilyWriter): void {
  for (const line of readText(procfs, 'meminfo').split('\n')) {
    const match = /^([^:]+):\s+(\d+)( kB)?$/.exec(line);
    if (!match) continue;
    const [, key, value, kib] = match;
    const name = `node_memory_${key.replace(/[()]/g, '_').replace(/_$/, '').replace(/__/g, '_')}${kib ? '_bytes' : ''}`;
    families
      .gauge(name, `Memory information field ${name.slice('node_memory_'.length)}.`)
      .add(Number(value) * (kib ? 1024 : 1));
  }
}

const VMSTAT_FIELDS = /^(oom_kill|pgpg|pswp|pg.*fault)/;

/** /proc/vmstat, the fields that upstream exports by default. */
export function collectVmstat({ procfs }: Paths, families: FamilyWriter): void {
  for (const line of readText(procfs, 'vmstat').split('\n')) {
    const [key, value] = line.split(' ');
    if (!VMSTAT_FIELDS.test(key)) continue;
    families.family(`node_vmstat_${key}`, 'untyped', `/proc/vmstat field ${key}.`).add(Number(value));
  }
}

/** /proc/pressure: how long tasks waited for CPU, memory and I/O, where the kernel counts it. */
export function collectPressure({ procfs }: Paths, families: FamilyWriter): void {
  for (const [resource, verb] of [
    ['cpu', 'waited for CPU time'],
    ['io', 'waited for I/O'],
    ['memory', 'waited for memory'],
  ] as const) {
    for (const line of tryReadText(procfs, 'pressure', resource).split('\n')) {
      const match = /^(some|full) .*total=(\d+)/.exec(line);
      if (!match || (resource === 'cpu' && match[1] === 'full')) continue;
      const kind = match[1] === 'some' ? 'waiting' : 'stalled';
      const help = `Seconds in which ${match[1] === 'some' ? 'some task' : 'all tasks'} ${verb}.`;
      families.counter(`node_pressure_${resource}_${kind}_seconds_total`, help).add(Number(match[2]) / 1e6);
    }
  }
}
