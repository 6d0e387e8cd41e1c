import { NoDataError } from '../base/collector.ts';
import { byDefault, type NodeCollector, onRequest } from './collector.ts';
import { nameMatcher } from './filter.ts';
import { decimal, errorCode, fields, lines, list, readIfThere, readText, tryNumber, wholeNumber } from './machine.ts';

/** The name of a field of meminfo: `Active(anon)` is `Active_anon`. */
function fieldName(key: string): string {
  return key.replace(/\(/g, '_').replace(/\)/g, '');
}

/** /proc/meminfo: one gauge a line, kibibytes as bytes, whatever fields the kernel has. */
export const meminfo = byDefault(({ procfs }, families) => {
  for (const line of lines(readText(`${procfs}/meminfo`))) {
    const [key, value, unit] = fields(line);
    if (value === undefined || !key.endsWith(':'))
      throw new Error(`/proc/meminfo: ${JSON.stringify(line.slice(0, 80))}`);
    const name = fieldName(key.slice(0, -1)) + (unit === undefined ? '' : '_bytes');
    const amount = wholeNumber(value, `/proc/meminfo: ${key}`) * (unit === undefined ? 1 : 1024);
    families.gauge(`node_memory_${name}`, `Memory information field ${name}.`).add(amount);
  }
});

/** What each memory node of /sys says, and how often pages were not taken where they were wanted. */
export const meminfoNuma = onRequest(({ sysfs }, families) => {
  const root = `${sysfs}/devices/system/node`;
  for (const directory of list(root).filter((name) => /^node\d/.test(name))) {
    for (const line of lines(readText(`${root}/${directory}/meminfo`))) {
      const [, node, key, value, unit] = fields(line);
      const name = fieldName((key ?? '').replace(/:$/, '')); // without `_bytes`, as in upstream
      const amount = wholeNumber(value, `${directory}/meminfo`) * (unit === undefined ? 1 : 1024);
      families.gauge(`node_memory_numa_${name}`, `Memory information field ${name} of a node.`).add(amount, { node });
    }
    for (const line of lines(readText(`${root}/${directory}/numastat`))) {
      const [key, value] = fields(line);
      families
        .counter(`node_memory_numa_${key}_total`, `Pages of a node, as its numastat counts ${key}.`)
        .add(wholeNumber(value, `${directory}/numastat`), { node: directory.slice('node'.length) });
    }
  }
});

/** /proc/vmstat, the fields that are asked for. */
export const vmstat: NodeCollector = {
  isDefault: true,
  flags: {
    'vmstat.fields': {
      kind: 'string',
      help: 'Regular expression of the fields to tell.',
      default: '^(oom_kill|pgpg|pswp|pg.*fault).*',
    },
  },
  create(context) {
    const isWanted = nameMatcher(context.flag('vmstat.fields'), 'vmstat.fields');
    return (families) => {
      for (const line of lines(readText(`${context.paths.procfs}/vmstat`))) {
        const blank = line.indexOf(' ');
        const key = line.slice(0, blank);
        if (!isWanted(key)) continue;
        const value = decimal(line.slice(blank + 1), `/proc/vmstat: ${key}`);
        families.family(`node_vmstat_${key}`, 'untyped', `/proc/vmstat field ${key}.`).add(value);
      }
    };
  },
};

/** Families of /proc/pressure by file and line. */
const PRESSURES: readonly (readonly [file: string, line: 'some' | 'full', name: string, help: string])[] = [
  ['cpu', 'some', 'cpu_waiting', 'some task waited for CPU time'],
  ['io', 'some', 'io_waiting', 'some task waited for I/O'],
  ['io', 'full', 'io_stalled', 'no task could go on because of I/O'],
  ['memory', 'some', 'memory_waiting', 'some task waited for memory'],
  ['memory', 'full', 'memory_stalled', 'no task could go on because of memory'],
  ['irq', 'full', 'irq_stalled', 'no task could go on because of interrupts'],
];

/** /proc/pressure: how long tasks waited for CPU, I/O, memory and interrupts, where the kernel counts it. */
export const pressure = byDefault(({ procfs }, families) => {
  const texts = new Map<string, string | undefined>();
  for (const file of ['cpu', 'io', 'memory', 'irq']) {
    try {
      texts.set(file, readIfThere(`${procfs}/pressure/${file}`));
    } catch (error) {
      if (errorCode(error) === 'ENOTSUP' || errorCode(error) === 'EOPNOTSUPP') throw new NoDataError('psi=0');
      throw error;
    }
  }
  if ([...texts.values()].every((text) => text === undefined)) throw new NoDataError('the kernel counts no pressure');
  for (const [file, kind, name, help] of PRESSURES) {
    const text = texts.get(file);
    if (text === undefined) continue;
    const total = lines(text)
      .find((line) => line.startsWith(`${kind} `))
      ?.split('total=')[1];
    if (total === undefined) throw new NoDataError(`/proc/pressure/${file} has no line "${kind}"`);
    families
      .counter(`node_pressure_${name}_seconds_total`, `Seconds in which ${help}.`)
      .add(wholeNumber(total, `/proc/pressure/${file}`) / 1e6);
  }
});

/** /proc/swaps: size and use of each swap device. */
export const swap = onRequest(({ procfs }, families) => {
  for (const line of lines(readText(`${procfs}/swaps`)).slice(1)) {
    const [device, type, size, used, priority] = fields(line);
    const labels = { device, swap_type: type };
    const number = (text: string) => wholeNumber(text, '/proc/swaps');
    families.gauge('node_swap_size_bytes', 'Size of a swap device in bytes.').add(number(size) * 1024, labels);
    families.gauge('node_swap_used_bytes', 'What of a swap device is used, in bytes.').add(number(used) * 1024, labels);
    families.gauge('node_swap_priority', 'Priority of a swap device.').add(number(priority), labels);
  }
});

/** /proc/buddyinfo: free blocks by node, zone and size. */
export const buddyinfo = onRequest(({ procfs }, families) => {
  const blocks = families.gauge('node_buddyinfo_blocks', 'Free blocks of 2^size pages.');
  for (const line of lines(readText(`${procfs}/buddyinfo`))) {
    const [, node, , zone, ...counts] = fields(line);
    if (counts.length === 0) throw new Error(`/proc/buddyinfo: ${JSON.stringify(line.slice(0, 80))}`);
    counts.forEach((count, size) => {
      blocks.add(decimal(count, '/proc/buddyinfo'), { node: node.replace(',', ''), size: String(size), zone });
    });
  }
});

const KSM: readonly (readonly [file: string, name: string, help: string])[] = [
  ['full_scans', 'full_scans_total', 'How often all areas were scanned.'],
  ['general_profit', 'general_profit_bytes', 'Bytes saved, less what keeping track takes.'],
  ['merge_across_nodes', 'merge_across_nodes', 'Whether pages of different nodes are merged.'],
  ['pages_shared', 'pages_shared', 'Shared pages in use.'],
  ['pages_sharing', 'pages_sharing', 'Places that use a shared page.'],
  ['pages_to_scan', 'pages_to_scan', 'Pages to scan before it sleeps.'],
  ['pages_unshared', 'pages_unshared', 'Pages that no other is like.'],
  ['pages_volatile', 'pages_volatile', 'Pages that change too fast.'],
  ['run', 'run', 'Whether it runs.'],
  ['sleep_millisecs', 'sleep_seconds', 'Seconds that it sleeps between scans.'],
];

/** Kernel samepage merging. */
export const ksmd = onRequest(({ sysfs }, families) => {
  for (const [file, name, help] of KSM) {
    const value = tryNumber(`${sysfs}/kernel/mm/ksm/${file}`);
    if (value === undefined) continue;
    const type = name.endsWith('_total') ? 'counter' : 'gauge';
    families.family(`node_ksmd_${name}`, type, help).add(file === 'sleep_millisecs' ? value / 1000 : value);
  }
});
