import { statSync } from 'node:fs';
import { type FamilyWriter, renderLabels } from '@avalanche/exposition';
import type { NodeCollector, NodeContext } from './collector.ts';
import { exclusiveFilter, filterFlags } from './filter.ts';
import { fields, lines, type Paths, readText, tryAttribute, tryText, wholeNumber } from './machine.ts';

const IGNORED_DEVICES = '^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\\d+n\\d+p)\\d+$';
const SECTOR_BYTES = 512;

/** What a column of /proc/diskstats counts: things, sectors or milliseconds. */
const SCALES = {
  count: (value: number) => value,
  bytes: (value: number) => value * SECTOR_BYTES,
  seconds: (value: number) => value / 1000,
} as const;

/** Columns of /proc/diskstats after the device's name; older kernels have fewer. */
const COLUMNS: readonly (readonly [name: string, scale: keyof typeof SCALES, help: string])[] = [
  ['reads_completed_total', 'count', 'Reads completed.'],
  ['reads_merged_total', 'count', 'Reads merged.'],
  ['read_bytes_total', 'bytes', 'Bytes read.'],
  ['read_time_seconds_total', 'seconds', 'Seconds spent by all reads.'],
  ['writes_completed_total', 'count', 'Writes completed.'],
  ['writes_merged_total', 'count', 'Writes merged.'],
  ['written_bytes_total', 'bytes', 'Bytes written.'],
  ['write_time_seconds_total', 'seconds', 'Seconds spent by all writes.'],
  ['io_now', 'count', 'I/O operations in progress.'],
  ['io_time_seconds_total', 'seconds', 'Seconds spent doing I/O.'],
  ['io_time_weighted_seconds_total', 'seconds', 'Seconds spent doing I/O, weighted by their number.'],
  ['discards_completed_total', 'count', 'Discards completed.'],
  ['discards_merged_total', 'count', 'Discards merged.'],
  ['discarded_sectors_total', 'count', 'Sectors discarded.'],
  ['discard_time_seconds_total', 'seconds', 'Seconds spent by all discards.'],
  ['flush_requests_total', 'count', 'Flush requests completed.'],
  ['flush_requests_time_seconds_total', 'seconds', 'Seconds spent by all flush requests.'],
];
const FEWEST_FIELDS = 4;

/** /proc/diskstats, and what udev and /sys know of each device. */
export const diskstats: NodeCollector = {
  isDefault: true,
  flags: filterFlags('diskstats.device', 'block devices', {
    exclude: IGNORED_DEVICES,
    oldExclude: 'diskstats.ignored-devices',
  }),
  create(context) {
    const isWanted = exclusiveFilter(
      context,
      'diskstats.device',
      'device-exclude & device-include are mutually exclusive',
    );
    const devices = new Devices(context);
    return (families) => {
      for (const line of lines(readText(`${context.paths.procfs}/diskstats`))) {
        const [major, minor, device, ...values] = fields(line);
        if (values.length + 3 < FEWEST_FIELDS) throw new Error(`/proc/diskstats: ${JSON.stringify(line.slice(0, 80))}`);
        if (!isWanted(device)) continue;
        const { labels, write } = devices.of(device, major, minor);
        write(families);
        for (let i = 0; i < COLUMNS.length && i < values.length; i++) {
          const [name, scale, help] = COLUMNS[i];
          families
            .family(`node_disk_${name}`, name === 'io_now' ? 'gauge' : 'counter', help)
            .addRendered(SCALES[scale](wholeNumber(values[i], '/proc/diskstats')), labels);
        }
      }
      devices.forgetIfMany();
    };
  },
};

interface Device {
  readonly labels: string;
  /** When udev wrote what it knows; 0 where it has not. */
  readonly udevMtimeMs: number;
  write(families: FamilyWriter): void;
}

/** What is known of each device, read again when udev has written again. */
class Devices {
  private readonly known = new Map<string, Device>();
  private readonly paths: Paths;
  private readonly hasUdev: boolean;

  constructor({ paths, logger }: NodeContext) {
    this.paths = paths;
    this.hasUdev = mtimeOf(paths.udevData) > 0;
    // one of many reasons, and nobody's trouble: containers have none
    if (!this.hasUdev) {
      logger.debug('No data of udev: disks are told without serial and model', { path: paths.udevData });
    }
  }

  of(device: string, major: string, minor: string): Device {
    const key = `${device} ${major}:${minor}`;
    const path = `${this.paths.udevData}/b${major}:${minor}`;
    const udevMtimeMs = this.hasUdev ? mtimeOf(path) : 0;
    let known = this.known.get(key);
    if (known?.udevMtimeMs !== udevMtimeMs || udevMtimeMs === 0) {
      const udev = udevMtimeMs > 0 ? udevProperties(tryText(path) ?? '') : new Map<string, string>();
      const rotational = tryAttribute(`${this.paths.sysfs}/block/${device.replaceAll('/', '!')}/queue/rotational`);
      const isRotational = rotational === '1' ? '1' : '0';
      known = {
        labels: renderLabels({ device }),
        udevMtimeMs,
        write: (families) => writeDevice(families, { device, major, minor, udev, rotational: isRotational }),
      };
      this.known.set(key, known);
    }
    return known;
  }

  forgetIfMany(): void {
    if (this.known.size > 10_000) this.known.clear();
  }
}

function mtimeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function udevProperties(text: string): Map<string, string> {
  const properties = new Map<string, string>();
  for (const line of lines(text)) {
    const equals = line.indexOf('=');
    if (line.startsWith('E:') && equals > 0) properties.set(line.slice(2, equals), line.slice(equals + 1));
  }
  return properties;
}

const ATA: readonly (readonly [property: string, name: string, help: string])[] = [
  ['ID_ATA_WRITE_CACHE', 'ata_write_cache', 'Whether an ATA disk has a write cache.'],
  ['ID_ATA_WRITE_CACHE_ENABLED', 'ata_write_cache_enabled', 'Whether the write cache of an ATA disk is on.'],
  ['ID_ATA_ROTATION_RATE_RPM', 'ata_rotation_rate_rpm', 'Rotations of an ATA disk a minute; 0 where nothing rotates.'],
];

interface KnownDevice {
  readonly device: string;
  readonly major: string;
  readonly minor: string;
  readonly udev: ReadonlyMap<string, string>;
  readonly rotational: string;
}

function writeDevice(families: FamilyWriter, { device, major, minor, udev, rotational }: KnownDevice): void {
  const value = (property: string) => udev.get(property) ?? '';
  families.gauge('node_disk_info', 'Constantly 1, with what is known of the device in labels.').add(1, {
    device,
    major,
    minor,
    model: value('ID_MODEL'),
    path: value('ID_PATH'),
    revision: value('ID_REVISION'),
    rotational,
    serial: value('SCSI_IDENT_SERIAL') || value('ID_SERIAL_SHORT') || value('ID_SERIAL'),
    wwn: value('ID_WWN'),
  });
  const type = value('ID_FS_TYPE');
  if (type !== '') {
    families.gauge('node_disk_filesystem_info', 'Constantly 1, with the filesystem of a device in labels.').add(1, {
      device,
      type,
      usage: value('ID_FS_USAGE'),
      uuid: value('ID_FS_UUID'),
      version: value('ID_FS_VERSION'),
    });
  }
  const name = value('DM_NAME');
  if (name !== '') {
    families
      .gauge('node_disk_device_mapper_info', 'Constantly 1, with what the device mapper knows in labels.')
      .add(1, {
        device,
        lv_layer: value('DM_LV_LAYER'),
        lv_name: value('DM_LV_NAME'),
        name,
        uuid: value('DM_UUID'),
        vg_name: value('DM_VG_NAME'),
      });
  }
  if (value('ID_ATA') === '') return;
  for (const [property, family, help] of ATA) {
    const number = Number(udev.get(property) ?? Number.NaN);
    if (!Number.isNaN(number)) families.gauge(`node_disk_${family}`, help).add(number, { device });
  }
}
