import type { FamilyWriter } from '@avalanche/exposition';
import { renderLabels } from '@avalanche/exposition';
import { byDefault, type NodeCollector, type NodeContext } from './collector.ts';
import { type CpuInfo, cpuDetails } from './cpu-info.ts';
import {
  decimal,
  fields,
  ifThere,
  lines,
  list,
  listMatching,
  numbersOfRanges,
  type Paths,
  readAttribute,
  readText,
  tryAttribute,
  tryNumber,
  wholeNumber,
} from './machine.ts';

/** Clock ticks a second of /proc/stat; fixed in Linux's interface to user space. */
const USER_HZ = 100;
const MODES = ['user', 'nice', 'system', 'idle', 'iowait', 'irq', 'softirq', 'steal'] as const;
const IDLE = MODES.indexOf('idle');
/** The modes, guest and guest_nice. */
const COLUMNS = MODES.length + 2;
/** A CPU whose idle time falls by this much was taken away and came back: its counters begin again. */
const JUMP_BACK_TICKS = 3 * USER_HZ;

/** One CPU's counters, none of which ever steps back, and its labels as text. */
class CpuTicks {
  readonly ticks = new Float64Array(COLUMNS);
  readonly modeLabels: readonly string[];
  readonly guestLabels: readonly string[];

  constructor(cpu: string) {
    this.modeLabels = MODES.map((mode) => renderLabels({ cpu, mode }));
    this.guestLabels = ['user', 'nice'].map((mode) => renderLabels({ cpu, mode }));
  }

  /** Takes the counters of a line of /proc/stat; the kernel's idle and iowait may step back a little, ours stay then. */
  take(words: readonly string[]): void {
    const { ticks } = this;
    if (ticks[IDLE] - Number(words[IDLE + 1]) >= JUMP_BACK_TICKS) ticks.fill(0);
    for (let i = 0; i < COLUMNS; i++) {
      const value = words[i + 1] === undefined ? 0 : wholeNumber(words[i + 1], '/proc/stat');
      if (value > ticks[i]) ticks[i] = value;
    }
  }
}

/** /proc/stat by CPU, throttling, which CPUs are isolated and online, and what they are where it is asked for. */
export const cpu: NodeCollector = {
  isDefault: true,
  flags: {
    'cpu.guest': { kind: 'boolean', help: 'Tell the time spent in guests.', default: 'true' },
    'cpu.info': { kind: 'boolean', help: 'Tell what the CPUs are.', default: 'false' },
    'cpu.info.flags-include': { kind: 'string', help: 'Regular expression of the CPU flags to tell.', default: '' },
    'cpu.info.bugs-include': { kind: 'string', help: 'Regular expression of the CPU bugs to tell.', default: '' },
  },
  create(context) {
    const { paths } = context;
    const cpus = new Map<string, CpuTicks>();
    const details: CpuInfo | null = cpuDetails(context);
    const isolated = numbersOfRanges(tryAttribute(`${paths.sysfs}/devices/system/cpu/isolated`) ?? '');
    const throttles = new Throttles(context);
    return (families) => {
      details?.(families);
      takeTicks(readText(`${paths.procfs}/stat`), cpus);
      writeTicks(cpus, context.isOn('cpu.guest'), families);
      for (const number of isolated) {
        families.gauge('node_cpu_isolated', 'Constantly 1 for a CPU that is isolated.').add(1, { cpu: String(number) });
      }
      throttles.write(families);
      writeOnline(paths, families);
    };
  },
};

function takeTicks(stat: string, cpus: Map<string, CpuTicks>): void {
  const found = new Set<string>();
  for (let begin = 0; stat.startsWith('cpu', begin); ) {
    const end = stat.indexOf('\n', begin);
    const words = fields(stat.slice(begin, end < 0 ? stat.length : end));
    const number = words[0].slice('cpu'.length);
    if (number !== '') {
      let ticks = cpus.get(number);
      if (!ticks) {
        ticks = new CpuTicks(String(wholeNumber(number, '/proc/stat')));
        cpus.set(number, ticks);
      }
      ticks.take(words);
      found.add(number);
    }
    if (end < 0) break;
    begin = end + 1;
  }
  if (found.size === 0) throw new Error('/proc/stat names no CPU');
  if (found.size === cpus.size) return;
  for (const number of cpus.keys()) if (!found.has(number)) cpus.delete(number);
}

function writeTicks(cpus: ReadonlyMap<string, CpuTicks>, withGuest: boolean, families: FamilyWriter): void {
  const seconds = families.counter('node_cpu_seconds_total', 'Seconds the CPUs spent in each mode.');
  const guest = families.counter('node_cpu_guest_seconds_total', 'Seconds the CPUs spent in guests, by mode.');
  for (const { ticks, modeLabels, guestLabels } of cpus.values()) {
    for (let i = 0; i < MODES.length; i++) seconds.addRendered(ticks[i] / USER_HZ, modeLabels[i]);
    if (!withGuest) continue;
    guest.addRendered(ticks[MODES.length] / USER_HZ, guestLabels[0]);
    guest.addRendered(ticks[MODES.length + 1] / USER_HZ, guestLabels[1]);
  }
}

const CPU_DIRECTORY = /^cpu\d+$/;

/** Which CPUs are online, where they can be taken offline: told by the file of the first. */
function writeOnline({ sysfs }: Paths, families: FamilyWriter): void {
  const root = `${sysfs}/devices/system/cpu`;
  const directories = list(root).filter((name) => CPU_DIRECTORY.test(name));
  if (directories.length === 0) throw new Error(`${root} names no CPU`);
  if (ifThere(() => readAttribute(`${root}/${directories[0]}/online`)) === undefined) return;
  const online = families.gauge('node_cpu_online', 'Whether a CPU is online and gets work.');
  for (const name of directories) {
    const isOnline = tryAttribute(`${root}/${name}/online`) === '1';
    online.add(isOnline ? 1 : 0, { cpu: name.slice('cpu'.length) });
  }
}

/** Where a CPU is, which does not change while it is there, and whether it counts how often it was slowed down. */
interface Place {
  readonly pkg: number;
  readonly core: number;
}

class Throttles {
  private readonly places = new Map<string, Place | null>();
  private readonly root: string;

  constructor({ paths }: NodeContext) {
    this.root = `${paths.sysfs}/devices/system/cpu`;
  }

  write(families: FamilyWriter): void {
    const seen = new Set<string>();
    for (const name of listMatching(this.root, CPU_DIRECTORY)) {
      const place = this.placeOf(name);
      if (place === null) continue;
      const [pkg, core] = [String(place.pkg), String(place.core)];
      const count = (of: string) => tryNumber(`${this.root}/${name}/thermal_throttle/${of}_throttle_count`);
      if (!seen.has(`${pkg}/${core}`)) {
        const throttles = count('core');
        seen.add(`${pkg}/${core}`);
        if (throttles !== undefined) {
          families
            .counter('node_cpu_core_throttles_total', 'How often a core was slowed down because of its heat.')
            .add(throttles, { core, package: pkg });
        }
      }
      if (!seen.has(pkg)) {
        const throttles = count('package');
        if (throttles === undefined) continue;
        seen.add(pkg);
        families
          .counter('node_cpu_package_throttles_total', 'How often a package was slowed down because of its heat.')
          .add(throttles, { package: pkg });
      }
    }
  }

  private placeOf(name: string): Place | null {
    let place = this.places.get(name);
    if (place === undefined) {
      const pkg = tryNumber(`${this.root}/${name}/topology/physical_package_id`);
      const core = tryNumber(`${this.root}/${name}/topology/core_id`);
      const counts = ifThere(() => list(`${this.root}/${name}/thermal_throttle`)) !== undefined;
      place = pkg === undefined || core === undefined || !counts ? null : { pkg, core };
      this.places.set(name, place);
    }
    return place;
  }
}

const FREQUENCIES: readonly (readonly [file: string, name: string, help: string])[] = [
  ['cpuinfo_cur_freq', 'frequency_hertz', 'How fast a CPU runs, in hertz.'],
  ['cpuinfo_avg_freq', 'frequency_avg_hertz', 'How fast a CPU runs on average, in hertz.'],
  ['cpuinfo_min_freq', 'frequency_min_hertz', 'How slowly a CPU can run, in hertz.'],
  ['cpuinfo_max_freq', 'frequency_max_hertz', 'How fast a CPU can run, in hertz.'],
  ['scaling_cur_freq', 'scaling_frequency_hertz', 'How fast a CPU is to run, in hertz.'],
  ['scaling_min_freq', 'scaling_frequency_min_hertz', 'How slowly a CPU may run, in hertz.'],
  ['scaling_max_freq', 'scaling_frequency_max_hertz', 'How fast a CPU may run, in hertz.'],
];

/** cpufreq of /sys: frequencies and the governor of each CPU that is not offline. */
export const cpufreq = byDefault(({ sysfs }, families) => {
  const root = `${sysfs}/devices/system/cpu`;
  const offline = new Set(numbersOfRanges(readAttribute(`${root}/offline`)));
  for (const name of listMatching(root, CPU_DIRECTORY)) {
    const number = name.slice('cpu'.length);
    if (offline.has(Number(number))) continue;
    const files = new Set(ifThere(() => list(`${root}/${name}/cpufreq`)));
    for (const [file, family, help] of FREQUENCIES) {
      if (!files.has(file)) continue;
      const kilohertz = tryNumber(`${root}/${name}/cpufreq/${file}`);
      if (kilohertz !== undefined) families.gauge(`node_cpu_${family}`, help).add(kilohertz * 1000, { cpu: number });
    }
    if (!files.has('scaling_governor')) continue;
    const governor = readAttribute(`${root}/${name}/cpufreq/scaling_governor`);
    if (governor === '') continue;
    const governors = families.gauge('node_cpu_scaling_governor', 'Which of its governors a CPU has.');
    for (const one of (tryAttribute(`${root}/${name}/cpufreq/scaling_available_governors`) ?? '').split(' ')) {
      governors.add(one === governor ? 1 : 0, { cpu: number, governor: one });
    }
  }
});

const SOFTIRQS = ['hi', 'timer', 'net_tx', 'net_rx', 'block', 'block_iopoll', 'tasklet', 'sched', 'hrtimer', 'rcu'];

const STAT_LINES: Readonly<Record<string, readonly [type: 'counter' | 'gauge', name: string, help: string]>> = {
  intr: ['counter', 'node_intr_total', 'Interrupts serviced since boot.'],
  ctxt: ['counter', 'node_context_switches_total', 'Context switches since boot.'],
  btime: ['gauge', 'node_boot_time_seconds', 'When the machine booted, in seconds since the epoch.'],
  processes: ['counter', 'node_forks_total', 'Forks since boot.'],
  procs_running: ['gauge', 'node_procs_running', 'Processes that can run.'],
  procs_blocked: ['gauge', 'node_procs_blocked', 'Processes that wait for I/O.'],
};

/** The lines of /proc/stat that are not a CPU's; a number that is not there is 0, as in upstream. */
export const stat: NodeCollector = {
  isDefault: true,
  flags: { 'stat.softirq': { kind: 'boolean', help: 'Tell soft interrupts by vector.', default: 'false' } },
  create: (context) => (families) => {
    const found = new Map<string, string>();
    for (const line of lines(readText(`${context.paths.procfs}/stat`))) {
      const blank = line.indexOf(' ');
      if (blank > 0) found.set(line.slice(0, blank), line.slice(blank + 1));
    }
    for (const [key, [type, name, help]] of Object.entries(STAT_LINES)) {
      const rest = found.get(key) ?? '0';
      const blank = rest.indexOf(' ');
      const value = wholeNumber(blank < 0 ? rest.trim() : rest.slice(0, blank), `/proc/stat: ${key}`);
      families.family(name, type, help).add(value);
    }
    if (!context.isOn('stat.softirq')) return;
    const vectors = families.counter('node_softirqs_total', 'Soft interrupts by vector.');
    const [, ...counts] = fields(found.get('softirq') ?? '');
    SOFTIRQS.forEach((vector, i) => {
      vectors.add(Number(counts[i] ?? 0), { vector });
    });
  },
};

/** /proc/loadavg */
export const loadavg = byDefault(({ procfs }, families) => {
  const [one, five, fifteen] = fields(readText(`${procfs}/loadavg`));
  families.gauge('node_load1', 'Load average over 1 minute.').add(decimal(one, '/proc/loadavg'));
  families.gauge('node_load5', 'Load average over 5 minutes.').add(decimal(five, '/proc/loadavg'));
  families.gauge('node_load15', 'Load average over 15 minutes.').add(decimal(fifteen, '/proc/loadavg'));
});
