import { NoDataError } from '../base/collector.ts';
import { FlagError, type NodeCollector, onRequest } from './collector.ts';
import { fields, lines, listMatching, readIfThere, readText, tryAttribute, tryNumber, wholeNumber } from './machine.ts';

/** /proc/cgroups: control groups by controller. */
export const cgroups = onRequest(({ procfs }, families) => {
  for (const line of lines(readText(`${procfs}/cgroups`))) {
    if (line.startsWith('#')) continue;
    const [subsystem, , groups, enabled] = fields(line);
    const labels = { subsys_name: subsystem };
    families
      .gauge('node_cgroups_cgroups', 'Control groups of a controller.')
      .add(wholeNumber(groups, '/proc/cgroups'), labels);
    families
      .gauge('node_cgroups_enabled', 'Whether a controller is enabled.')
      .add(wholeNumber(enabled, '/proc/cgroups'), labels);
  }
});

/** Sysctls that are asked for by name, as numbers or as labels. */
export const sysctl: NodeCollector = {
  isDefault: false,
  flags: {
    'sysctl.include': { kind: 'list', help: 'A sysctl to tell, NAME or NAME:KEY,KEY for one of several values.' },
    'sysctl.include-info': { kind: 'list', help: 'A sysctl to tell as a label.' },
  },
  create(context) {
    const numbers = context.flags('sysctl.include').map((text) => {
      const colon = text.indexOf(':');
      if (colon < 0) return { name: text, keys: [] };
      return { name: text.slice(0, colon), keys: text.slice(colon + 1).split(',') };
    });
    const infos = context.flags('sysctl.include-info');
    for (const name of [...infos, ...numbers.map((sysctl) => sysctl.name)]) {
      if (name.includes('..')) throw new FlagError(`--collector.sysctl.include: not a sysctl: ${name}`);
    }
    const valuesOf = (name: string) => {
      const values = fields(readText(`${context.paths.procfs}/sys/${name.replaceAll('.', '/')}`));
      if (values.length === 0) throw new Error(`sysctl ${name} has no values`);
      return values;
    };
    return (families) => {
      for (const { name, keys } of numbers) {
        const values = valuesOf(name).map((value) => wholeNumber(value, `sysctl ${name}`));
        const metric = `node_sysctl_${name.replace(/_*[^0-9A-Za-z_]+_*/g, '_')}`;
        if (keys.length > 0 && keys.length !== values.length) {
          throw new Error(`sysctl ${name} has ${values.length} values, but ${keys.length} keys are given`);
        }
        values.forEach((value, i) => {
          const family = keys.length > 0 ? `${metric}_${keys[i]}` : metric;
          const labels = keys.length > 0 || values.length === 1 ? {} : { index: String(i) };
          families.family(family, 'untyped', `Sysctl ${name}.`).add(value, labels);
        });
      }
      for (const name of infos) {
        valuesOf(name).forEach((value, i) => {
          families
            .gauge('node_sysctl_info', 'Constantly 1, with the value of a sysctl in labels.')
            .add(1, { index: String(i), name, value });
        });
      }
    };
  },
};

/** What the kernel says of each known flaw of the processor. */
export const cpuVulnerabilities = onRequest(({ sysfs }, families) => {
  const root = `${sysfs}/devices/system/cpu/vulnerabilities`;
  for (const file of listMatching(root, /./)) {
    const text = tryAttribute(`${root}/${file}`);
    if (text === undefined) continue;
    families.gauge('node_cpu_vulnerabilities_info', 'Constantly 1, with the state of a flaw in labels.').add(1, {
      codename: file,
      ...vulnerability(text),
    });
  }
});

const FLAW_STATES = ['not affected', 'vulnerable', 'mitigation', 'unknown'];

/** The state that the text begins with, and the words after its first. */
function vulnerability(text: string): { readonly state: string; readonly mitigation: string } {
  const state = FLAW_STATES.find((known) => text.toLowerCase().startsWith(known));
  if (state === undefined) return { state: 'unknown', mitigation: text };
  return { state, mitigation: state === 'not affected' ? '' : fields(text).slice(1).join(' ') };
}

const DRM: readonly (readonly [file: string, name: string, help: string])[] = [
  ['gpu_busy_percent', 'gpu_busy_percent', 'How busy the graphics card is, in percent.'],
  ['mem_info_gtt_total', 'memory_gtt_size_bytes', 'Size of the translation table in bytes.'],
  ['mem_info_gtt_used', 'memory_gtt_used_bytes', 'What of the translation table is used, in bytes.'],
  ['mem_info_vram_total', 'memory_vram_size_bytes', 'Memory of the card in bytes.'],
  ['mem_info_vram_used', 'memory_vram_used_bytes', 'What of the memory is used, in bytes.'],
  ['mem_info_vis_vram_total', 'memory_vis_vram_size_bytes', 'Visible memory of the card in bytes.'],
  ['mem_info_vis_vram_used', 'memory_vis_vram_used_bytes', 'What of the visible memory is used, in bytes.'],
];

/** AMD graphics cards. */
export const drm = onRequest(({ sysfs }, families) => {
  const root = `${sysfs}/class/drm`;
  for (const card of listMatching(root, /^card\d$/)) {
    const device = `${root}/${card}/device`;
    if (!readIfThere(`${device}/uevent`)?.includes('DRIVER=amdgpu')) continue;
    families.gauge('node_drm_card_info', 'Constantly 1, with what is known of a card in labels.').add(1, {
      card,
      memory_vendor: tryAttribute(`${device}/mem_info_vram_vendor`) ?? '',
      power_performance_level: tryAttribute(`${device}/power_dpm_force_performance_level`) ?? '',
      unique_id: tryAttribute(`${device}/unique_id`) ?? '',
      vendor: 'amd',
    });
    for (const [file, name, help] of DRM) {
      families.gauge(`node_drm_${name}`, help).add(tryNumber(`${device}/${file}`) ?? 0, { card });
    }
  }
});

const DRBD: Readonly<Record<string, readonly [name: string, factor: number]>> = {
  ns: ['network_sent_bytes_total', 1024],
  nr: ['network_received_bytes_total', 1],
  dw: ['disk_written_bytes_total', 1024],
  dr: ['disk_read_bytes_total', 1024],
  al: ['activitylog_writes_total', 1],
  bm: ['bitmap_writes_total', 1],
  lo: ['local_pending', 1],
  pe: ['remote_pending', 1],
  ua: ['remote_unacknowledged', 1],
  ap: ['application_pending', 1],
  ep: ['epochs', 1],
  oos: ['out_of_sync_bytes', 1024],
};
const DRBD_PAIRS: Readonly<Record<string, readonly [name: string, good: string]>> = {
  ro: ['node_role_is_primary', 'Primary'],
  ds: ['disk_state_is_up_to_date', 'UpToDate'],
};

/** Replicated block devices. */
export const drbd = onRequest(({ procfs }, families) => {
  const text = readIfThere(`${procfs}/drbd`);
  if (text === undefined) throw new NoDataError('no DRBD');
  let device = 'unknown';
  for (const word of fields(text)) {
    const [key, value, more] = word.split(':');
    if (value === undefined || more !== undefined) continue;
    if (/^\d+$/.test(key) && value === '') {
      device = `drbd${key}`;
    } else if (Object.hasOwn(DRBD, key)) {
      const [name, factor] = DRBD[key];
      const type = name.endsWith('_total') ? 'counter' : 'gauge';
      families
        .family(`node_drbd_${name}`, type, `Value ${key} of /proc/drbd.`)
        .add(wholeNumber(value, '/proc/drbd') * factor, { device });
    } else if (Object.hasOwn(DRBD_PAIRS, key)) {
      const [name, good] = DRBD_PAIRS[key];
      value.split('/').forEach((state, i) => {
        families
          .gauge(`node_drbd_${name}`, `Whether ${key} of /proc/drbd is ${good}.`)
          .add(state === good ? 1 : 0, { device, node: i === 0 ? 'local' : 'remote' });
      });
    } else if (key === 'cs') {
      families
        .gauge('node_drbd_connected', 'Whether the peer is connected.')
        .add(value === 'Connected' ? 1 : 0, { device });
    }
  }
});

/** Keys of a zone of /proc/zoneinfo, as the kernel and as upstream call them. */
const ZONE_GAUGES: Readonly<Record<string, string>> = {
  min: 'min_pages',
  low: 'low_pages',
  high: 'high_pages',
  scanned: 'scanned_pages',
  spanned: 'spanned_pages',
  present: 'present_pages',
  managed: 'managed_pages',
  nr_free_pages: 'nr_free_pages',
  nr_active_anon: 'nr_active_anon_pages',
  nr_inactive_anon: 'nr_inactive_anon_pages',
  nr_isolated_anon: 'nr_isolated_anon_pages',
  nr_anon_pages: 'nr_anon_pages',
  nr_anon_transparent_hugepages: 'nr_anon_transparent_hugepages',
  nr_active_file: 'nr_active_file_pages',
  nr_inactive_file: 'nr_inactive_file_pages',
  nr_isolated_file: 'nr_isolated_file_pages',
  nr_file_pages: 'nr_file_pages',
  nr_slab_reclaimable: 'nr_slab_reclaimable_pages',
  nr_slab_unreclaimable: 'nr_slab_unreclaimable_pages',
  nr_mlock_stack: 'nr_mlock_stack_pages',
  nr_kernel_stack: 'nr_kernel_stacks',
  nr_mapped: 'nr_mapped_pages',
  nr_dirty: 'nr_dirty_pages',
  nr_writeback: 'nr_writeback_pages',
  nr_unevictable: 'nr_unevictable_pages',
  nr_shmem: 'nr_shmem_pages',
};
const ZONE_COUNTERS: Readonly<Record<string, string>> = {
  nr_dirtied: 'nr_dirtied_total',
  nr_written: 'nr_written_total',
  numa_hit: 'numa_hit_total',
  numa_miss: 'numa_miss_total',
  numa_foreign: 'numa_foreign_total',
  numa_interleave: 'numa_interleave_total',
  numa_local: 'numa_local_total',
  numa_other: 'numa_other_total',
};

/** /proc/zoneinfo: pages by node and zone. */
export const zoneinfo = onRequest(({ procfs }, families) => {
  for (const block of readText(`${procfs}/zoneinfo`).split(/^(?=Node )/m)) {
    const [, node, zone] = /^Node\s+(\d+),\s+zone\s+(\S+)/.exec(block) ?? [];
    if (zone === undefined) continue;
    const labels = { node, zone };
    for (const line of lines(block).slice(1)) {
      const words = fields(line);
      if (words[0] === 'pagesets') break; // what follows is by CPU
      if (words[0] === 'protection:') {
        (line.match(/\d+/g) ?? []).forEach((value, i) => {
          families
            .gauge(`node_zoneinfo_protection_${i}`, `Protection of a zone, value ${i}.`)
            .add(Number(value), labels);
        });
        continue;
      }
      const [key, value] = words[0] === 'pages' ? ['nr_free_pages', words[2]] : words;
      const isCounter = Object.hasOwn(ZONE_COUNTERS, key);
      const name = isCounter ? ZONE_COUNTERS[key] : ZONE_GAUGES[key];
      if (name === undefined || words.length > 3) continue;
      families
        .family(`node_zoneinfo_${name}`, isCounter ? 'counter' : 'gauge', `Value ${key} of a zone.`)
        .add(wholeNumber(value, '/proc/zoneinfo'), labels);
    }
  }
});

const XFRM_NAMES = /^Xfrm\w+$/;

/** /proc/net/xfrm_stat: errors of IPsec. */
export const xfrm = onRequest(({ procfs }, families) => {
  for (const line of lines(readText(`${procfs}/net/xfrm_stat`))) {
    const [key, value] = fields(line);
    if (!XFRM_NAMES.test(key)) continue;
    const name = key
      .slice('Xfrm'.length)
      .replace(/([a-z])([A-Z])/g, '$1_$2')
      .toLowerCase();
    families
      .counter(`node_xfrm_${name}_packets_total`, `Packets counted as ${key}.`)
      .add(wholeNumber(value, '/proc/net/xfrm_stat'));
  }
});
