import type { FamilyWriter } from '@avalanche/exposition';
import { NoDataError } from '../base/collector.ts';
import { byDefault } from './collector.ts';
import {
  fields,
  listMatching,
  malformed,
  readAttribute,
  readIfThere,
  readNumber,
  readText,
  tryAttribute,
  tryNumber,
  wholeNumber,
} from './machine.ts';

const STATES: readonly (readonly [label: string, state: string])[] = [
  ['active', 'active'],
  ['inactive', 'inactive'],
  ['recovering', 'recovering'],
  ['resync', 'resyncing'],
  ['check', 'checking'],
];

interface RaidArray {
  readonly device: string;
  readonly state: string;
  readonly active: number;
  readonly total: number;
  readonly failed: number;
  readonly spare: number;
  readonly blocks: number;
  readonly synced: number;
}

/** Software RAID: /proc/mdstat, and what /sys says of each array. */
export const mdadm = byDefault(({ procfs, sysfs }, families) => {
  const text = readIfThere(`${procfs}/mdstat`);
  if (text === undefined) throw new NoDataError('no software RAID');
  for (const array of parse(text)) write(array, families);
  for (const device of listMatching(`${sysfs}/block`, /^md/)) {
    const path = `${sysfs}/block/${device}/md`;
    const level = tryAttribute(`${path}/level`);
    if (level === undefined) continue;
    const disks = Number.parseInt(tryAttribute(`${path}/raid_disks`) ?? '', 10);
    if (level !== '' && !['container', 'imsm', 'ddf'].includes(level) && !Number.isNaN(disks)) {
      families.gauge('node_md_raid_disks', 'Disks that an array has when it is whole.').add(disks, { device });
    }
    const isRedundant = ['raid1', 'raid4', 'raid5', 'raid6', 'raid10'].includes(level);
    const degraded = isRedundant ? readNumber(`${path}/degraded`) : 0;
    families.gauge('node_md_degraded', 'Disks that an array lacks.').add(degraded, { device });
  }
});

function write(array: RaidArray, families: FamilyWriter): void {
  const { device } = array;
  const disks = families.gauge('node_md_disks', 'Disks of an array by state.');
  for (const state of ['active', 'failed', 'spare'] as const) disks.add(array[state], { device, state });
  families.gauge('node_md_disks_required', 'Disks that an array needs.').add(array.total, { device });
  const states = families.gauge('node_md_state', 'Which state an array is in.');
  for (const [state, name] of STATES) states.add(array.state === name ? 1 : 0, { device, state });
  families.gauge('node_md_blocks', 'Blocks of an array.').add(array.blocks, { device });
  families.gauge('node_md_blocks_synced', 'Blocks of an array that are in sync.').add(array.synced, { device });
}

/** An array is a line `md0 : active raid1 sda1[0] sdb1[1](F)`, one of its blocks, and perhaps ones of bitmap and progress. */
function parse(text: string): RaidArray[] {
  const arrays: RaidArray[] = [];
  const lines = text.split('\n');
  lines.forEach((line, i) => {
    if (line.trim() === '' || line.startsWith(' ') || /^(unused|Personalities)/.test(line)) return;
    const [device, , state] = fields(line);
    if (state === undefined || lines.length <= i + 3)
      throw new Error(`/proc/mdstat: ${JSON.stringify(line.slice(0, 80))}`);
    const blocks = wholeNumber(fields(lines[i + 1])[0], `/proc/mdstat: ${device}`);
    const progress = lines[lines[i + 2].includes('bitmap') ? i + 3 : i + 2] ?? '';
    arrays.push({
      device,
      blocks,
      failed: count(line, '(F)'),
      spare: count(line, '(S)'),
      ...disksOf(line, lines[i + 1]),
      ...progressOf(progress, state, blocks),
    });
  });
  return arrays;
}

function count(text: string, part: string): number {
  return text.split(part).length - 1;
}

function disksOf(line: string, status: string): { readonly active: number; readonly total: number } {
  if (line.includes('raid0') || line.includes('linear')) return { active: count(line, '['), total: count(line, '[') };
  if (line.includes('inactive')) return { active: 0, total: 0 };
  const [, total, active] = /\[(\d+)\/(\d+)\] \[[U_]+\]/.exec(status) ?? [];
  if (active === undefined) throw malformed('/proc/mdstat', status);
  return { active: Number(active), total: Number(total) };
}

function progressOf(line: string, state: string, blocks: number): { readonly state: string; readonly synced: number } {
  const verb = ['recovery', 'reshape', 'check', 'resync'].find((word) => line.includes(word));
  if (verb === undefined) return { state, synced: blocks };
  const name = { recovery: 'recovering', reshape: 'reshaping', check: 'checking', resync: 'resyncing' }[verb] ?? state;
  if (/PENDING|DELAYED/.test(line)) return { state: name, synced: 0 };
  const synced = /\((\d+)\/\d+\)/.exec(line)?.[1];
  return { state: name, synced: wholeNumber(synced, '/proc/mdstat: progress') };
}

const IS_ACTIVE = new Set(['running', 'live']);
const SECTOR_BYTES = 512;

/** Multipath devices of the device mapper and the state of their paths. */
export const dmmultipath = byDefault(({ sysfs }, families) => {
  const root = `${sysfs}/block`;
  const gauge = (name: string, help: string) => families.gauge(`node_dmmultipath_${name}`, help);
  for (const sysfsName of listMatching(root, /^dm-/)) {
    const uuid = tryAttribute(`${root}/${sysfsName}/dm/uuid`);
    if (!uuid?.startsWith('mpath-')) continue;
    const device = readAttribute(`${root}/${sysfsName}/dm/name`);
    const labels = { device, sysfs_name: sysfsName };
    gauge('device_info', 'Constantly 1, with the UUID of a multipath device in labels.').add(1, { ...labels, uuid });
    const isSuspended = readNumber(`${root}/${sysfsName}/dm/suspended`) === 1;
    gauge('device_active', 'Whether a multipath device is not suspended.').add(isSuspended ? 0 : 1, labels);
    const bytes = readNumber(`${root}/${sysfsName}/size`) * SECTOR_BYTES;
    gauge('device_size_bytes', 'Size of a multipath device in bytes.').add(bytes, labels);
    const paths = listMatching(`${root}/${sysfsName}/slaves`, /./);
    let active = 0;
    for (const path of paths) {
      const state = readAttribute(`${root}/${path}/device/state`);
      if (IS_ACTIVE.has(state)) active++;
      gauge('path_state', 'Constantly 1, with the state of a path in labels.').add(1, { device, path, state });
    }
    gauge('device_paths', 'Paths of a multipath device.').add(paths.length, labels);
    gauge('device_paths_active', 'Paths of a multipath device that work.').add(active, labels);
    gauge('device_paths_failed', 'Paths of a multipath device that do not work.').add(paths.length - active, labels);
  }
});

/** NVMe controllers and their namespaces. */
export const nvme = byDefault(({ sysfs }, families) => {
  const root = `${sysfs}/class/nvme`;
  const devices = listMatching(root, /./);
  if (devices.length === 0) throw new NoDataError('no NVMe');
  const gauge = (name: string, help: string) => families.gauge(`node_nvme_${name}`, help);
  for (const device of devices) {
    const read = (file: string) => readAttribute(`${root}/${device}/${file}`);
    gauge('info', 'Constantly 1, with what is known of a controller in labels.').add(1, {
      cntlid: read('cntlid'),
      device,
      firmware_revision: read('firmware_rev'),
      model: read('model'),
      serial: read('serial'),
      state: read('state'),
    });
    for (const directory of listMatching(`${root}/${device}`, /nvme\d+n\d+/)) {
      const path = `${root}/${device}/${directory}`;
      const nsid = /nvme\d+n(\d+)/.exec(directory)?.[1] ?? '';
      const number = (file: string) => tryNumber(`${path}/${file}`) ?? 0;
      const blockBytes = number('queue/logical_block_size');
      const labels = { device, nsid };
      const state = tryAttribute(`${path}/ana_state`) ?? 'unknown';
      gauge('namespace_info', 'Constantly 1, with the state of a namespace in labels.').add(1, {
        ana_state: state,
        ...labels,
      });
      gauge('namespace_capacity_bytes', 'Capacity of a namespace in bytes.').add(number('size') * blockBytes, labels);
      gauge('namespace_size_bytes', 'Size of a namespace in bytes.').add(number('size') * blockBytes, labels);
      gauge('namespace_used_bytes', 'What of a namespace is used, in bytes.').add(number('nuse') * blockBytes, labels);
      gauge('namespace_logical_block_size_bytes', 'Size of a block of a namespace in bytes.').add(blockBytes, labels);
    }
  }
});

const TAPE: readonly (readonly [file: string, name: string, divisor: number, help: string])[] = [
  ['in_flight', 'io_now', 1, 'I/O operations in progress.'],
  ['io_ns', 'io_time_seconds_total', 1e9, 'Seconds spent waiting for all I/O.'],
  ['other_cnt', 'io_others_total', 1, 'I/O operations that neither read nor write.'],
  ['read_byte_cnt', 'read_bytes_total', 1, 'Bytes read.'],
  ['read_cnt', 'reads_completed_total', 1, 'Reads.'],
  ['read_ns', 'read_time_seconds_total', 1e9, 'Seconds spent waiting for reads.'],
  ['resid_cnt', 'residual_total', 1, 'How often a read or write left something over.'],
  ['write_byte_cnt', 'written_bytes_total', 1, 'Bytes written.'],
  ['write_cnt', 'writes_completed_total', 1, 'Writes.'],
  ['write_ns', 'write_time_seconds_total', 1e9, 'Seconds spent waiting for writes.'],
];

/** Counters of the tape drives `sysfs` knows. */
export function writeTapes(sysfs: string, isIgnored: (device: string) => boolean, families: FamilyWriter): void {
  const root = `${sysfs}/class/scsi_tape`;
  const devices = listMatching(root, /^st\d+$/);
  if (devices.length === 0) throw new NoDataError('no tape drive');
  for (const device of devices.filter((name) => !isIgnored(name))) {
    for (const [file, name, divisor, help] of TAPE) {
      const type = name.endsWith('_total') ? 'counter' : 'gauge';
      const value = wholeNumber(readText(`${root}/${device}/stats/${file}`).trim(), `${device}/${file}`);
      families.family(`node_tape_${name}`, type, help).add(value / divisor, { device });
    }
  }
}
