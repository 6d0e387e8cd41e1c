import { machine, release } from 'node:os';
import { NoDataError } from '../base/collector.ts';
import { byDefault, type NodeCollector, onRequest } from './collector.ts';
import { nameFilter } from './filter.ts';
import {
  decimal,
  fields,
  ifThere,
  lines,
  listMatching,
  readAttribute,
  readIfThere,
  readNumber,
  readText,
  tryAttribute,
  tryText,
  wholeNumber,
} from './machine.ts';
import { zoneAbbreviation } from './time-zone.ts';

/** What uname(2) says, from /proc/sys/kernel. */
export const uname = byDefault(({ procfs }, families) => {
  const kernel = (name: string) => tryAttribute(`${procfs}/sys/kernel/${name}`);
  families.gauge('node_uname_info', 'Constantly 1, with what uname(2) says in labels.').add(1, {
    domainname: kernel('domainname') ?? '(none)',
    machine: machine(),
    nodename: kernel('hostname') ?? '',
    release: kernel('osrelease') ?? release(),
    sysname: kernel('ostype') ?? 'Linux',
    version: kernel('version') ?? '',
  });
});

/** The clock, the time zone, and the clock sources of /sys. */
export const time = byDefault(({ sysfs }, families) => {
  const now = new Date();
  const ahead = -now.getTimezoneOffset() || 0;
  families.gauge('node_time_seconds', 'The time here, in seconds since the epoch.').add(now.getTime() / 1000);
  families
    .gauge('node_time_zone_offset_seconds', 'How far the time zone is ahead of UTC, in seconds.')
    .add(ahead * 60, { time_zone: zoneName(ahead) });
  const root = `${sysfs}/devices/system/clocksource`;
  const available = families.gauge('node_time_clocksource_available_info', 'Constantly 1 for a clock source at hand.');
  const current = families.gauge('node_time_clocksource_current_info', 'Constantly 1 for the clock source in use.');
  listMatching(root, /^clocksource\d/).forEach((name, i) => {
    const device = String(i);
    for (const clocksource of fields(readAttribute(`${root}/${name}/available_clocksource`))) {
      available.add(1, { clocksource, device });
    }
    current.add(1, { clocksource: readAttribute(`${root}/${name}/current_clocksource`), device });
  });
});

let zone = { offset: Number.NaN, name: '' };

/** The name changes with the offset. */
function zoneName(offset: number): string {
  if (zone.offset !== offset) zone = { offset, name: zoneAbbreviation(offset) };
  return zone.name;
}

/** /proc/sys/fs/file-nr */
export const filefd = byDefault(({ procfs }, families) => {
  const [allocated, , maximum] = fields(readText(`${procfs}/sys/fs/file-nr`));
  families.gauge('node_filefd_allocated', 'File descriptors in use.').add(decimal(allocated, 'file-nr'));
  families.gauge('node_filefd_maximum', 'Most file descriptors that may be in use.').add(decimal(maximum, 'file-nr'));
});

/** /proc/sys/kernel/random */
export const entropy = byDefault(({ procfs }, families) => {
  const random = `${procfs}/sys/kernel/random`;
  families.gauge('node_entropy_available_bits', 'Bits of entropy at hand.').add(readNumber(`${random}/entropy_avail`));
  families.gauge('node_entropy_pool_size_bits', 'Bits of the entropy pool.').add(readNumber(`${random}/poolsize`));
});

/** /proc/sys/kernel/hung_task_detect_count, of Linux 6.16 and later. */
export const kernelHung = byDefault(({ procfs }, families) => {
  const count = ifThere(() => readNumber(`${procfs}/sys/kernel/hung_task_detect_count`));
  if (count === undefined) throw new NoDataError('the kernel does not count hung tasks');
  families.counter('node_kernel_hung_tasks_total', 'Tasks that the kernel found hung since boot.').add(count);
});

/** /proc/schedstat: how long CPUs ran tasks and tasks waited, where the kernel counts it. */
export const schedstat = byDefault(({ procfs }, families) => {
  const text = readIfThere(`${procfs}/schedstat`);
  if (text === undefined) throw new NoDataError('the kernel has no schedstat');
  const running = families.counter('node_schedstat_running_seconds_total', 'Seconds a CPU ran tasks.');
  const waiting = families.counter('node_schedstat_waiting_seconds_total', 'Seconds tasks waited for a CPU.');
  const slices = families.counter('node_schedstat_timeslices_total', 'Time slices that a CPU ran.');
  for (const line of lines(text)) {
    if (!/^cpu\d/.test(line)) continue;
    const [name, ...counts] = fields(line);
    const cpu = name.slice('cpu'.length);
    running.add(wholeNumber(counts[6], '/proc/schedstat') / 1e9, { cpu });
    waiting.add(wholeNumber(counts[7], '/proc/schedstat') / 1e9, { cpu });
    slices.add(wholeNumber(counts[8], '/proc/schedstat'), { cpu });
  }
});

/** SELinux: whether it is on, what it does and what its configuration says. */
export const selinux = byDefault(({ procfs, sysfs }, families) => {
  const root = `${sysfs}/fs/selinux`;
  const label = tryText(`${procfs}/self/attr/current`)?.replace(/\0.*/s, '');
  const current = ifThere(() => readAttribute(`${root}/enforce`));
  const isEnabled = current !== undefined && label !== undefined && label !== 'kernel';
  families.gauge('node_selinux_enabled', 'Whether SELinux is enabled.').add(isEnabled ? 1 : 0);
  if (!isEnabled) return;
  const mode = /^SELINUX=(\w+)/m.exec(tryText('/etc/selinux/config') ?? '')?.[1];
  const configured = { enforcing: 1, permissive: 0 }[mode ?? ''] ?? -1;
  families.gauge('node_selinux_config_mode', 'What SELinux is configured to do: 1 enforce, 0 permit.').add(configured);
  families.gauge('node_selinux_current_mode', 'What SELinux does: 1 enforce, 0 permit.').add(Number(current));
});

/** /proc/interrupts by CPU. */
export const interrupts: NodeCollector = {
  isDefault: false,
  flags: {
    'interrupts.name-include': { kind: 'string', help: 'Regular expression of the interrupts to take.', default: '' },
    'interrupts.name-exclude': {
      kind: 'string',
      help: 'Regular expression of the interrupts to leave out.',
      default: '',
    },
    'interrupts.include-zeros': { kind: 'boolean', help: 'Tell interrupts that did not happen.', default: 'true' },
  },
  create(context) {
    const isWanted = nameFilter(context, 'interrupts.name-exclude', 'interrupts.name-include');
    const withZeros = context.isOn('interrupts.include-zeros');
    return (families) => {
      const total = families.counter('node_interrupts_total', 'Interrupts by CPU and kind.');
      const [header = '', ...rows] = lines(readText(`${context.paths.procfs}/interrupts`));
      const cpus = fields(header).length;
      if (cpus === 0) throw new Error('/proc/interrupts names no CPU');
      for (const row of rows) {
        const colon = row.indexOf(':');
        const [type, words] = [row.slice(0, colon).trim(), fields(row.slice(colon + 1))];
        if (colon < 0 || words.length < cpus + 1) continue; // ERR and MIS
        const isNumbered = /^\d+$/.test(type);
        const info = isNumbered ? words[cpus] : words.slice(cpus).join(' ');
        const devices = isNumbered ? words.slice(cpus + 1).join(' ') : '';
        if (!isWanted(`${type};${info};${devices}`)) continue;
        for (let cpu = 0; cpu < cpus; cpu++) {
          const count = wholeNumber(words[cpu], '/proc/interrupts');
          if (withZeros || count > 0) total.add(count, { cpu: String(cpu), devices, info, type });
        }
      }
    };
  },
};

const SOFTIRQ_NAMES = /^(HI|TIMER|NET_TX|NET_RX|BLOCK|IRQ_POLL|TASKLET|SCHED|HRTIMER|RCU):$/;

/** /proc/softirqs by CPU. */
export const softirqs = onRequest(({ procfs }, families) => {
  const total = families.counter('node_softirqs_functions_total', 'Soft interrupts by CPU and kind.');
  for (const line of lines(readText(`${procfs}/softirqs`)).slice(1)) {
    const [name, ...counts] = fields(line);
    if (!SOFTIRQ_NAMES.test(name)) continue;
    counts.forEach((count, cpu) => {
      total.add(wholeNumber(count, '/proc/softirqs'), { cpu: String(cpu), type: name.slice(0, -1) });
    });
  }
});

/** /proc/slabinfo, which only root may read. */
export const slabinfo: NodeCollector = {
  isDefault: false,
  flags: {
    'slabinfo.slabs-include': { kind: 'string', help: 'Regular expression of the slabs to take.', default: '.*' },
    'slabinfo.slabs-exclude': { kind: 'string', help: 'Regular expression of the slabs to leave out.', default: '' },
  },
  create(context) {
    const isWanted = nameFilter(context, 'slabinfo.slabs-exclude', 'slabinfo.slabs-include');
    return (families) => {
      const family = (name: string, help: string) => families.gauge(`node_slabinfo_${name}`, help);
      for (const line of lines(readText(`${context.paths.procfs}/slabinfo`))) {
        if (line.startsWith('#') || line.startsWith('slabinfo')) continue;
        const [slab, active, objects, size, perSlab, pages] = fields(line);
        if (!isWanted(slab)) continue;
        const add = (name: string, help: string, text: string) =>
          family(name, help).add(wholeNumber(text, '/proc/slabinfo'), { slab });
        add('active_objects', 'Objects of a slab in use.', active);
        add('objects', 'Objects of a slab, in use or not.', objects);
        add('object_size_bytes', 'Size of one object in bytes.', size);
        add('objects_per_slab', 'Objects in one slab.', perSlab);
        add('pages_per_slab', 'Pages of one slab.', pages);
      }
    };
  },
};
