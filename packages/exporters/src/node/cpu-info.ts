import type { FamilyWriter } from '@avalanche/exposition';
import type { NodeContext } from './collector.ts';
import { type Filter, nameMatcher } from './filter.ts';
import { lines, readText } from './machine.ts';

export type CpuInfo = (families: FamilyWriter) => void;

/** Label by the key of /proc/cpuinfo, as x86 has it; other architectures have fewer. */
const KEYS: Readonly<Record<string, string>> = {
  cachesize: 'cache size',
  core: 'core id',
  cpu: 'processor',
  family: 'cpu family',
  microcode: 'microcode',
  model: 'model',
  model_name: 'model name',
  package: 'physical id',
  stepping: 'stepping',
  vendor: 'vendor_id',
};

/** What writes the details of /proc/cpuinfo, or null where nobody asked for them. */
export function cpuDetails(context: NodeContext): CpuInfo | null {
  const flags = included(context, 'cpu.info.flags-include');
  const bugs = included(context, 'cpu.info.bugs-include');
  if (!context.isOn('cpu.info') && !flags && !bugs) return null;
  const withFrequency = context.hasCollector('cpufreq');
  return (families) => {
    const cpus = parse(readText(`${context.paths.procfs}/cpuinfo`));
    const info = families.gauge('node_cpu_info', 'Constantly 1, with what a CPU is in labels.');
    const frequency = families.gauge('node_cpu_frequency_hertz', 'How fast a CPU runs, in hertz.');
    for (const cpu of cpus) {
      const value = (label: string) => cpu.get(KEYS[label]) ?? '';
      info.add(1, Object.fromEntries(Object.keys(KEYS).map((label) => [label, value(label)])));
      if (!withFrequency) continue;
      const megahertz = Number(cpu.get('cpu MHz') ?? 0);
      frequency.add(megahertz * 1e6, { core: value('core'), cpu: value('cpu'), package: value('package') });
    }
    const write = (family: string, label: string, list: string | undefined, filter: Filter | null) => {
      const gauge = families.gauge(family, `Constantly 1 for a ${label} of the first CPU.`);
      for (const one of (list ?? '').split(' ')) if (one !== '' && filter?.(one)) gauge.add(1, { [label]: one });
    };
    write('node_cpu_flag_info', 'flag', cpus[0]?.get('flags'), flags);
    write('node_cpu_bug_info', 'bug', cpus[0]?.get('bugs'), bugs);
  };
}

function included(context: NodeContext, flag: string): Filter | null {
  const pattern = context.flag(flag);
  return pattern === '' ? null : nameMatcher(pattern, flag);
}

/** A CPU begins with its line `processor`. */
function parse(text: string): Map<string, string>[] {
  const cpus: Map<string, string>[] = [];
  for (const line of lines(text)) {
    const colon = line.indexOf(':');
    if (colon < 0) continue;
    const key = line.slice(0, colon).trim();
    if (key === 'processor') cpus.push(new Map());
    cpus.at(-1)?.set(key, line.slice(colon + 1).trim());
  }
  if (cpus.length === 0) throw new Error('/proc/cpuinfo names no processor');
  return cpus;
}
