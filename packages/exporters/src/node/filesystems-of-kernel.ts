import type { FamilyWriter } from '@avalanche/exposition';
import { NoDataError } from '../base/collector.ts';
import { byDefault, type NodeCollector } from './collector.ts';
import {
  fields,
  ifThere,
  lines,
  list,
  listMatching,
  readAttribute,
  readIfThere,
  readText,
  tryAttribute,
  wholeNumber,
} from './machine.ts';

/** Lines of XFS's `stats` by label, with the family of each column. */
const XFS: Readonly<Record<string, readonly string[]>> = {
  extent_alloc: prefixed('extent_allocation', 'extents_allocated blocks_allocated extents_freed blocks_freed'),
  abt: prefixed('allocation_btree', 'lookups compares records_inserted records_deleted'),
  blk_map: prefixed(
    'block_mapping',
    'reads writes unmaps extent_list_insertions extent_list_deletions extent_list_lookups extent_list_compares',
  ),
  bmbt: prefixed('block_map_btree', 'lookups compares records_inserted records_deleted'),
  dir: prefixed('directory_operation', 'lookup create remove getdents'),
  ig: prefixed('inode_operation', 'attempts found recycled missed duplicates reclaims attribute_changes'),
  rw: ['write_calls', 'read_calls'],
  vnodes: prefixed('vnode', 'active allocate get hold release reclaim remove'),
};

function prefixed(prefix: string, names: string): string[] {
  return names.split(' ').map((name) => `${prefix}_${name}`);
}

/** Counters of each mounted XFS; a line that the kernel does not have is 0, as in upstream. */
export const xfs = byDefault(({ sysfs }, families) => {
  const root = `${sysfs}/fs/xfs`;
  for (const device of listMatching(root, /./)) {
    const text = readIfThere(`${root}/${device}/stats/stats`);
    if (text === undefined) continue;
    const found = new Map(lines(text).map((line) => [line.slice(0, line.indexOf(' ')), fields(line).slice(1)]));
    for (const [label, names] of Object.entries(XFS)) {
      const values = found.get(label);
      if (values && values.length < names.length) throw new Error(`${device}: ${values.length} values of XFS ${label}`);
      names.forEach((name, i) => {
        families
          .counter(`node_xfs_${name}_total`, `Counter ${name} of XFS.`)
          .add(values ? wholeNumber(values[i], `${device}: ${label}`) : 0, { device });
      });
    }
  }
});

const BTRFS_COPIES: Readonly<Record<string, number>> = { dup: 2, raid1: 2, raid10: 2, raid1c3: 3, raid1c4: 4 };

/** How many bytes on disks one byte takes. */
function btrfsRatio(mode: string, devices: number): number {
  if (mode === 'single' || mode === 'raid0') return 1;
  if (mode === 'raid5') return devices / (devices - 1);
  if (mode === 'raid6') return devices / (devices - 2);
  return BTRFS_COPIES[mode] ?? 0;
}

/** Btrfs from /sys: allocation by type and mode, devices, commits. */
export const btrfs = byDefault(({ sysfs }, families) => {
  const root = `${sysfs}/fs/btrfs`;
  for (const directory of listMatching(root, /-/)) {
    const path = `${root}/${directory}`;
    const read = (file: string) => ifThere(() => readAttribute(`${path}/${file}`)) ?? '';
    const number = (file: string) => Number(read(file) || 0);
    const uuid = read('metadata_uuid') || directory;
    const gauge = (name: string, help: string) => families.gauge(`node_btrfs_${name}`, help);
    gauge('info', 'Constantly 1, with the label of a filesystem in labels.').add(1, { label: read('label'), uuid });
    gauge('global_rsv_size_bytes', 'Size of the global reserve in bytes.').add(number('allocation/global_rsv_size'), {
      uuid,
    });
    writeCommits(families, uuid, ifThere(() => readText(`${path}/commit_stats`)) ?? '');
    const devices = list(`${path}/devices`);
    for (const device of devices) {
      gauge('device_size_bytes', 'Size of a device of a filesystem, in bytes.').add(
        number(`devices/${device}/size`) * 512,
        { device, uuid },
      );
    }
    for (const type of ['data', 'metadata', 'system']) {
      const labels = { block_group_type: type, uuid };
      gauge('reserved_bytes', 'Bytes reserved for a type of data.').add(
        number(`allocation/${type}/bytes_reserved`),
        labels,
      );
      for (const mode of listMatching(`${path}/allocation/${type}`, /^(single|dup|raid\w+)$/)) {
        const modeLabels = { block_group_type: type, mode, uuid };
        const layout = `allocation/${type}/${mode}`;
        gauge('used_bytes', 'Bytes used by a type and mode.').add(number(`${layout}/used_bytes`), modeLabels);
        gauge('size_bytes', 'Bytes allocated for a type and mode.').add(number(`${layout}/total_bytes`), modeLabels);
        gauge('allocation_ratio', 'Bytes on disks for one byte of a type and mode.').add(
          btrfsRatio(mode, devices.length),
          modeLabels,
        );
      }
    }
  }
});

function writeCommits(families: FamilyWriter, uuid: string, text: string): void {
  const values = new Map(lines(text).map((line) => fields(line) as [string, string]));
  const value = (key: string) => wholeNumber(values.get(key) ?? '0', `commit_stats: ${key}`);
  families.counter('node_btrfs_commits_total', 'Commits of a filesystem.').add(value('commits'), { uuid });
  families
    .gauge('node_btrfs_last_commit_seconds', 'How long the last commit took, in seconds.')
    .add(value('last_commit_ms') / 1000, { uuid });
  families
    .gauge('node_btrfs_max_commit_seconds', 'How long the slowest commit took, in seconds.')
    .add(value('max_commit_ms') / 1000, { uuid });
  families
    .counter('node_btrfs_commit_seconds_total', 'How long all commits took, in seconds.')
    .add(value('total_commit_ms') / 1000, { uuid });
}

const ZFS_FILES: Readonly<Record<string, string>> = {
  zfs_abd: 'abdstats',
  zfs_arc: 'arcstats',
  zfs_dbuf: 'dbufstats',
  zfs_dmu_tx: 'dmu_tx',
  zfs_dnode: 'dnodestats',
  zfs_fm: 'fm',
  zfs_vdev_cache: 'vdev_cache_stats',
  zfs_vdev_mirror: 'vdev_mirror_stats',
  zfs_xuio: 'xuio_stats',
  zfs_zfetch: 'zfetchstats',
  zfs_zil: 'zil',
};
const ZFS_STATES = ['online', 'degraded', 'faulted', 'offline', 'removed', 'unavail', 'suspended'];
/** Types of a kstat that are numbers. */
const KSTAT_INT64 = '3';
const KSTAT_UINT64 = '4';

/** ZFS's kstats: caches, and each pool's I/O, datasets and state. */
export const zfs = byDefault(({ procfs }, families) => {
  const root = `${procfs}/spl/kstat/zfs`;
  if (ifThere(() => list(root)) === undefined) throw new NoDataError('no ZFS');
  const untyped = (name: string) => families.family(name.replaceAll('-', '_'), 'untyped', `Kernel statistic ${name}.`);
  for (const [subsystem, file] of Object.entries(ZFS_FILES)) {
    const text = readIfThere(`${root}/${file}`);
    if (text === undefined) continue;
    for (const [name, type, value] of kstats(text, file)) {
      if (type !== KSTAT_INT64 && type !== KSTAT_UINT64) continue;
      untyped(`node_${subsystem}_${name}`).add(wholeNumber(value, `${file}: ${name}`));
    }
  }
  for (const zpool of listMatching(root, /./)) {
    const files = ifThere(() => directoryOf(`${root}/${zpool}`));
    if (files) writePool(`${root}/${zpool}`, zpool, files, families);
  }
});

/** The entries of a directory, or none where it is a file. */
function directoryOf(path: string): string[] {
  try {
    return list(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return [];
    throw error;
  }
}

/** Rows of `name type data`. @throws where the text has no such head */
function kstats(text: string, file: string): string[][] {
  const rows = lines(text).map(fields);
  const head = rows.findIndex(([a, b, c], i) => rows[i].length === 3 && a === 'name' && b === 'type' && c === 'data');
  if (head < 0) throw new Error(`${file} has no statistics`);
  return rows.slice(head + 1).filter((row) => row.length >= 3);
}

function writePool(path: string, zpool: string, files: readonly string[], families: FamilyWriter): void {
  if (files.includes('io')) {
    const rows = lines(readText(`${path}/io`)).map(fields);
    const head = rows.findIndex((row) => row[0] === 'nread' && row.length >= 12);
    for (const row of head < 0 ? [] : rows.slice(head + 1)) {
      rows[head].forEach((name, i) => {
        families
          .family(`node_zfs_zpool_${name}`, 'untyped', `Kernel statistic ${name} of a pool.`)
          .add(wholeNumber(row[i], `${zpool}/io`), { zpool });
      });
    }
  }
  for (const file of files.filter((name) => name.startsWith('objset-'))) {
    const text = readText(`${path}/${file}`);
    const dataset = /^dataset_name\s+\d+\s+(.*)$/m.exec(text)?.[1] ?? '';
    for (const [name, type, value] of kstats(text, file)) {
      if (type !== KSTAT_UINT64) continue;
      families
        .family(
          `node_zfs_zpool_dataset_${name}`.replaceAll('-', '_'),
          'untyped',
          `Kernel statistic ${name} of a dataset.`,
        )
        .add(wholeNumber(value, `${zpool}/${file}`), { dataset, zpool });
    }
  }
  if (!files.includes('state')) return;
  const current = (readText(`${path}/state`).split('\n')[0] ?? '').toLowerCase();
  const states = families.gauge('node_zfs_zpool_state', 'Which state a pool is in.');
  for (const state of ZFS_STATES) states.add(current === state ? 1 : 0, { state, zpool });
}

const UNITS = 'kMGTPEZY';

/** A number of bcache such as `1.5M`; the digit after the point counts 1024ths, as the kernel prints it. */
function bcacheNumber(text: string, where: string): number {
  const power = UNITS.indexOf(text.at(-1) ?? '') + 1;
  const digits = power > 0 ? text.slice(0, -1) : text;
  const [whole, fraction] = digits.replace(/^-/, '').split('.');
  const value =
    power > 0
      ? wholeNumber(whole, where) + (fraction ? Number(fraction) / 10.24 : 0)
      : Number(digits.replace(/^-/, ''));
  if (Number.isNaN(value)) throw new Error(`${where}: ${JSON.stringify(text)}`);
  return Math.trunc(value * 1024 ** power) * (digits.startsWith('-') ? -1 : 1);
}

const BCACHE_GAUGES: readonly (readonly [file: string, name: string])[] = [
  ['average_key_size', 'average_key_size_sectors'],
  ['btree_cache_size', 'btree_cache_size_bytes'],
  ['cache_available_percent', 'cache_available_percent'],
  ['congested', 'congested'],
  ['root_usage_percent', 'root_usage_percent'],
  ['tree_depth', 'tree_depth'],
  ['internal/active_journal_entries', 'active_journal_entries'],
  ['internal/btree_nodes', 'btree_nodes'],
];
const BCACHE_TOTALS: readonly (readonly [file: string, name: string])[] = [
  ['bypassed', 'bypassed_bytes_total'],
  ['cache_hits', 'cache_hits_total'],
  ['cache_misses', 'cache_misses_total'],
  ['cache_bypass_hits', 'cache_bypass_hits_total'],
  ['cache_bypass_misses', 'cache_bypass_misses_total'],
  ['cache_miss_collisions', 'cache_miss_collisions_total'],
];
/** Lines of `writeback_rate_debug`. */
const BCACHE_WRITEBACK: readonly (readonly [line: string, name: string])[] = [
  ['target', 'dirty_target_bytes'],
  ['rate', 'writeback_rate'],
  ['proportional', 'writeback_rate_proportional_term'],
  ['integral', 'writeback_rate_integral_term'],
  ['change', 'writeback_change'],
];

/** Caches of block devices. */
export const bcache: NodeCollector = {
  isDefault: true,
  flags: {
    'bcache.priorityStats': { kind: 'boolean', help: 'Tell statistics that are dear to get.', default: 'false' },
  },
  create: (context) => (families) => {
    const root = `${context.paths.sysfs}/fs/bcache`;
    for (const uuid of listMatching(root, /-/)) {
      writeBcache(`${root}/${uuid}`, uuid, context.isOn('bcache.priorityStats'), families);
    }
  },
};

function writeBcache(path: string, uuid: string, withPriority: boolean, families: FamilyWriter): void {
  const read = (file: string) => {
    const text = ifThere(() => readAttribute(`${path}/${file}`));
    return text === undefined ? 0 : bcacheNumber(text, `${path}/${file}`);
  };
  const write = (name: string, value: number, labels: Readonly<Record<string, string>> = {}) => {
    const type = name.endsWith('_total') ? 'counter' : 'gauge';
    families.family(`node_bcache_${name}`, type, `Value ${name} of bcache.`).add(value, { ...labels, uuid });
  };
  for (const [file, name] of BCACHE_GAUGES) write(name, read(file));
  write('btree_read_average_duration_seconds', read('internal/btree_read_average_duration_us') / 1e9);
  write('cache_read_races_total', read('internal/cache_read_races'));
  for (const device of listMatching(path, /^bdev\d/)) {
    const labels = { backing_device: device };
    write('dirty_data_bytes', read(`${device}/dirty_data`), labels);
    const debug = new Map(
      lines(ifThere(() => readText(`${path}/${device}/writeback_rate_debug`)) ?? '').map((line) => {
        const words = fields(line);
        return [words[0].replace(':', ''), (words.at(-1) ?? '').replace('/sec', '')];
      }),
    );
    for (const [line, name] of BCACHE_WRITEBACK) write(name, bcacheNumber(debug.get(line) ?? '0', line), labels);
    for (const [file, name] of BCACHE_TOTALS) write(name, read(`${device}/stats_total/${file}`), labels);
    const readaheads = read(`${device}/stats_total/cache_readaheads`);
    if (readaheads !== 0) write('cache_readaheads_total', readaheads, labels);
  }
  for (const device of listMatching(path, /^cache\d/)) {
    const labels = { cache_device: device };
    write('io_errors', read(`${device}/io_errors`), labels);
    write('metadata_written_bytes_total', read(`${device}/metadata_written`), labels);
    write('written_bytes_total', read(`${device}/written`), labels);
    if (!withPriority) continue;
    const text = readText(`${path}/${device}/priority_stats`);
    const percent = (line: string) => Number(new RegExp(`^${line}:\\s+(\\d+)%`, 'm').exec(text)?.[1] ?? 0);
    write('priority_stats_unused_percent', percent('Unused'), labels);
    write('priority_stats_metadata_percent', percent('Metadata'), labels);
  }
}

/** A number of bcachefs such as `1.5M`. */
function humanBytes(text: string, where: string): number {
  const power = 'kmgtpe'.indexOf((text.at(-1) ?? '').toLowerCase()) + 1;
  const value = Number((power > 0 ? text.slice(0, -1) : text).trim());
  if (text === '' || Number.isNaN(value)) throw new Error(`${where}: ${JSON.stringify(text)}`);
  return Math.trunc(value * 1024 ** power);
}

/** Bcachefs: compression, errors, counters, writes of the tree and devices. */
export const bcachefs = byDefault(({ sysfs }, families) => {
  const root = `${sysfs}/fs/bcachefs`;
  const uuids = listMatching(root, /./);
  if (uuids.length === 0) throw new NoDataError('no bcachefs');
  for (const uuid of uuids) writeBcachefs(`${root}/${uuid}`, uuid, families);
});

function writeBcachefs(path: string, uuid: string, families: FamilyWriter): void {
  const gauge = (name: string, help: string) => families.gauge(`node_bcachefs_${name}`, help);
  const rows = (file: string) => lines(readIfThere(`${path}/${file}`) ?? '').map(fields);
  gauge('info', 'Constantly 1, with the UUID of a filesystem in labels.').add(1, { uuid });
  const cache = tryAttribute(`${path}/btree_cache_size`) ?? '0';
  gauge('btree_cache_size_bytes', 'Memory of the cache of trees, in bytes.').add(
    humanBytes(cache, 'btree_cache_size'),
    { uuid },
  );
  for (const [name, compressed, uncompressed] of rows('compression_stats').slice(1)) {
    if (uncompressed === undefined) continue;
    const labels = { algorithm: name.replace(/:$/, ''), uuid };
    gauge('compression_compressed_bytes', 'Compressed bytes by algorithm.').add(humanBytes(compressed, name), labels);
    gauge('compression_uncompressed_bytes', 'Bytes before compression by algorithm.').add(
      humanBytes(uncompressed, name),
      labels,
    );
  }
  for (const [error, count] of rows('errors')) {
    if (count === undefined) continue;
    families
      .counter('node_bcachefs_errors_total', 'Errors by type.')
      .add(wholeNumber(count, 'errors'), { error_type: error, uuid });
  }
  for (const counter of listMatching(`${path}/counters`, /./)) {
    const text = readText(`${path}/counters/${counter}`);
    const since = /^since filesystem creation:(.*)$/m.exec(text)?.[1] ?? (/^since mount:/m.test(text) ? '0' : '');
    families
      .counter(`node_bcachefs_${counter.replace(/_*[^0-9A-Za-z_]+_*/g, '_')}_total`, `Counter ${counter}.`)
      .add(humanBytes(since.trim(), counter), { uuid });
  }
  for (const [type, count, size] of rows('btree_write_stats').slice(1)) {
    if (size === undefined) continue;
    const labels = { type: type.replace(/:$/, ''), uuid };
    families
      .counter('node_bcachefs_btree_writes_total', 'Writes of trees by type.')
      .add(wholeNumber(count, type), labels);
    gauge('btree_write_average_size_bytes', 'Average size of a write of a tree.').add(humanBytes(size, type), labels);
  }
  for (const directory of listMatching(path, /^dev-/)) {
    writeBcachefsDevice(`${path}/${directory}`, { device: directory.slice('dev-'.length), uuid }, families);
  }
}

function writeBcachefsDevice(path: string, labels: Readonly<Record<string, string>>, families: FamilyWriter): void {
  const gauge = (name: string, help: string) => families.gauge(`node_bcachefs_device_${name}`, help);
  const counter = (name: string, help: string) => families.counter(`node_bcachefs_device_${name}`, help);
  const read = (file: string) => tryAttribute(`${path}/${file}`) ?? '';
  gauge('info', 'Constantly 1, with label and state of a device in labels.').add(1, {
    ...labels,
    label: read('label'),
    state: read('state'),
  });
  gauge('bucket_size_bytes', 'Size of a bucket in bytes.').add(humanBytes(read('bucket_size') || '0', path), labels);
  gauge('buckets', 'Buckets of a device.').add(wholeNumber(read('nbuckets') || '0', path), labels);
  gauge('durability', 'Durability of a device.').add(wholeNumber(read('durability') || '0', path), labels);
  let operation = '';
  for (const line of lines(readIfThere(`${path}/io_done`) ?? '')) {
    const [name, value = ''] = line.split(':').map((part) => part.trim());
    if (value === '' && (name === 'read' || name === 'write')) operation = name;
    else if (operation !== '' && value !== '') {
      counter('io_done_bytes_total', 'Bytes read and written by type of data.').add(wholeNumber(value, path), {
        ...labels,
        data_type: name,
        operation,
      });
    }
  }
  const [, sinceCreation = ''] = (readIfThere(`${path}/io_errors`) ?? '').split(
    /^IO errors since filesystem creation.*$/m,
  );
  for (const line of lines(sinceCreation.split(/^IO errors since /m)[0])) {
    const [type, value] = line.split(':').map((part) => part.trim());
    if (value) counter('io_errors_total', 'I/O errors by type.').add(wholeNumber(value, path), { ...labels, type });
  }
}
