import type { FamilyWriter } from '@avalanche/exposition';
import { type Paths, readText, words } from './fs.ts';

const IGNORED_DEVICES = /^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$/;
const SECTOR_BYTES = 512;

/** Columns of /proc/diskstats after the device name, as node_exporter names and scales them. */
const COLUMNS: readonly (readonly [string, 'counter' | 'gauge', string, number])[] = [
  ['node_disk_reads_completed_total', 'counter', 'Reads completed.', 1],
  ['node_disk_reads_merged_total', 'counter', 'Reads merged.', 1],
  ['node_disk_read_bytes_total', 'counter', 'Bytes read.', SECTOR_BYTES],
  ['node_disk_read_time_seconds_total', 'counter', 'Seconds spent by all reads.', 0.001],
  ['node_disk_writes_completed_total', 'counter', 'Writes completed.', 1],
  ['node_disk_writes_merged_total', 'counter', 'Writes merged.', 1],
  ['node_disk_written_bytes_total', 'counter', 'Bytes written.', SECTOR_BYTES],
  ['node_disk_write_time_seconds_total', 'counter', 'Seconds spent by all writes.', 0.001],
  ['node_disk_io_now', 'gauge', 'I/O operations in progress.', 1],
  ['node_disk_io_time_seconds_total', 'counter', 'Seconds spent doing I/O.', 0.001],
  ['node_disk_io_time_weighted_seconds_total', 'counter', 'Seconds spent doing I/O, weighted by their number.', 0.001],
  ['node_disk_discards_completed_total', 'counter', 'Discards completed.', 1],
  ['node_disk_discards_merged_total', 'counter', 'Discards merged.', 1],
  ['node_disk_discarded_sectors_total', 'counter', 'Sectors discarded.', 1],
  ['node_disk_discard_time_seconds_total', 'counter', 'Seconds spent by all discards.', 0.001],
  ['node_disk_flush_requests_total', 'counter', 'Flush requests completed.', 1],
  ['node_disk_flush_requests_time_seconds_total', 'counter', 'Seconds spent by all flush requests.', 0.001],
];

/** /proc/diskstats; partitions and loop devices are left out, as upstream does by default. */
export function collectDiskstats({ procfs }: Paths, families: FamilyWriter): void {
  for (const [major, minor, device, ...values] of words(readText(procfs, 'diskstats'))) {
    if (device === undefined || IGNORED_DEVICES.test(device)) continue;
    COLUMNS.forEach(([name, type, help, scale], i) => {
      if (values[i] === undefined) return;
      families.family(name, type, help).add(scaled(Number(values[i]), scale), { device });
    });
    families
      .gauge('node_disk_info', 'Constantly 1, with what is known of the device in labels.')
      .add(1, { device, major, minor, model: '', path: '', revision: '', serial: '', wwn: '' });
  }
}

/** Milliseconds as seconds without the error of multiplying by 0.001. */
function scaled(value: number, scale: number): number {
  return scale === 0.001 ? value / 1000 : value * scale;
}
