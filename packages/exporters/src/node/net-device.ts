import { readdirSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { type FamilyWriter, renderLabels } from '@avalanche/exposition';
import { NoDataError, nextTurn } from '../base/collector.ts';
import { byDefault, type Collect, type NodeCollector, type NodeContext } from './collector.ts';
import { exclusiveFilter, type Filter, filterFlags, nameMatcher } from './filter.ts';
import {
  errorCode,
  fields,
  ifThere,
  isUnreadable,
  lines,
  type Paths,
  readAttribute,
  readIfThere,
  readText,
  tryAttribute,
  tryNumber,
  wholeNumber,
} from './machine.ts';

/** Columns of /proc/net/dev; each is what upstream adds up of the counters of rtnetlink. */
const COLUMNS = [
  ...['receive_bytes', 'receive_packets', 'receive_errs', 'receive_drop', 'receive_fifo', 'receive_frame'],
  ...['receive_compressed', 'receive_multicast'],
  ...['transmit_bytes', 'transmit_packets', 'transmit_errs', 'transmit_drop', 'transmit_fifo', 'transmit_colls'],
  ...['transmit_carrier', 'transmit_compressed'],
].map((key) => ({ name: `node_network_${key}_total`, help: `Network device counter ${key}.` }));

/** Names of `--collector.netdev.enable-detailed-metrics` by the file of `statistics`. */
const DETAILED: Readonly<Record<string, string>> = {
  collisions: 'collisions',
  multicast: 'multicast',
  ...Object.fromEntries(
    ['bytes', 'packets', 'errors', 'dropped', 'fifo_errors', 'frame_errors', 'length_errors', 'over_errors']
      .concat('crc_errors', 'missed_errors', 'compressed', 'nohandler')
      .map((key) => [`rx_${key}`, `receive_${key}`]),
  ),
  ...Object.fromEntries(
    ['bytes', 'packets', 'errors', 'dropped', 'fifo_errors', 'aborted_errors', 'carrier_errors', 'heartbeat_errors']
      .concat('window_errors', 'compressed')
      .map((key) => [`tx_${key}`, `transmit_${key}`]),
  ),
};

/** Counters of the network devices: /proc/net/dev, and what it lacks from /sys. */
export const netdev: NodeCollector = {
  isDefault: true,
  flags: {
    ...filterFlags('netdev.device', 'network devices', {
      oldExclude: 'netdev.device-blacklist',
      oldInclude: 'netdev.device-whitelist',
    }),
    'netdev.address-info': { kind: 'boolean', help: 'Tell the addresses of each device.', default: 'false' },
    'netdev.enable-detailed-metrics': {
      kind: 'boolean',
      help: 'Each counter under a name of its own.',
      default: 'false',
    },
    'netdev.netlink': { kind: 'boolean', help: 'Tell also what only netlink has: nohandler.', default: 'true' },
    'netdev.label-ifalias': { kind: 'boolean', help: 'Add the alias as a label.', default: 'false' },
  },
  create(context) {
    const isWanted = exclusiveFilter(
      context,
      'netdev.device',
      'device-exclude & device-include are mutually exclusive',
    );
    const writeDevice = context.isOn('netdev.enable-detailed-metrics') ? writeDetailed : writeColumns;
    const withAlias = context.isOn('netdev.label-ifalias');
    const withMore = context.isOn('netdev.netlink');
    const { procfs, sysfs } = context.paths;
    const labelsOf = new Map<string, string>();
    return (families) => {
      for (const line of lines(readText(`${procfs}/net/dev`)).slice(2)) {
        const colon = line.lastIndexOf(':');
        const device = line.slice(0, colon).trim();
        if (colon < 0 || !isWanted(device)) continue;
        let labels = labelsOf.get(device) ?? renderLabels({ device });
        labelsOf.set(device, labels);
        if (withAlias)
          labels = renderLabels({ device, ifalias: tryAttribute(`${sysfs}/class/net/${device}/ifalias`) ?? '' });
        writeDevice(families, {
          counts: fields(line.slice(colon + 1)),
          labels,
          directory: `${sysfs}/class/net/${device}`,
          withMore,
        });
      }
      if (labelsOf.size > 1_000) labelsOf.clear();
      if (context.isOn('netdev.address-info')) writeAddresses(families, isWanted);
    };
  },
};

interface Device {
  readonly counts: readonly string[];
  readonly labels: string;
  readonly directory: string;
  readonly withMore: boolean;
}

function writeColumns(families: FamilyWriter, { counts, labels, directory, withMore }: Device): void {
  COLUMNS.forEach(({ name, help }, i) => {
    families.counter(name, help).addRendered(wholeNumber(counts[i], '/proc/net/dev'), labels);
  });
  const nohandler = withMore ? tryNumber(`${directory}/statistics/rx_nohandler`) : undefined;
  if (nohandler === undefined) return;
  families
    .counter('node_network_receive_nohandler_total', 'Network device counter receive_nohandler.')
    .addRendered(nohandler, labels);
}

function writeDetailed(families: FamilyWriter, { labels, directory }: Device): void {
  for (const [file, key] of Object.entries(DETAILED)) {
    const value = tryNumber(`${directory}/statistics/${file}`);
    if (value === undefined) continue;
    families.counter(`node_network_${key}_total`, `Network device counter ${key}.`).addRendered(value, labels);
  }
}

function writeAddresses(families: FamilyWriter, isWanted: Filter): void {
  const info = families.gauge('node_network_address_info', 'Constantly 1, with an address of a device in labels.');
  for (const [device, addresses = []] of Object.entries(networkInterfaces())) {
    if (!isWanted(device)) continue;
    for (const { address, cidr, internal } of addresses) {
      const scope = internal || /^(fe80:|169\.254\.)/i.test(address) ? 'link-local' : 'global';
      info.add(1, { address, device, netmask: cidr?.split('/')[1] ?? '', scope });
    }
  }
}

/** Attributes of /sys/class/net by file. */
const ATTRIBUTES: readonly (readonly [file: string, name: string, type: 'counter' | 'gauge'])[] = [
  ['addr_assign_type', 'address_assign_type', 'gauge'],
  ['carrier', 'carrier', 'gauge'],
  ['carrier_changes', 'carrier_changes_total', 'counter'],
  ['carrier_up_count', 'carrier_up_changes_total', 'counter'],
  ['carrier_down_count', 'carrier_down_changes_total', 'counter'],
  ['dev_id', 'device_id', 'gauge'],
  ['dormant', 'dormant', 'gauge'],
  ['flags', 'flags', 'gauge'],
  ['ifindex', 'iface_id', 'gauge'],
  ['iflink', 'iface_link', 'gauge'],
  ['link_mode', 'iface_link_mode', 'gauge'],
  ['mtu', 'mtu_bytes', 'gauge'],
  ['name_assign_type', 'name_assign_type', 'gauge'],
  ['netdev_group', 'net_dev_group', 'gauge'],
  ['tx_queue_len', 'transmit_queue_length', 'gauge'],
  ['type', 'protocol_type', 'gauge'],
];
const INFO = ['address', 'broadcast', 'duplex', 'ifalias', 'operstate'] as const;
const IFF_UP = 1;
/** A machine may have thousands of devices with some twenty files each. */
const DEVICES_PER_TURN = 20;
/** A driver that has refused an attribute so often has none; it is asked again every so many scrapes. */
const REFUSED_ASK_EVERY = 20;

/** What /sys/class/net says of each device. */
export const netclass: NodeCollector = {
  isDefault: true,
  flags: {
    'netclass.ignored-devices': {
      kind: 'string',
      help: 'Regular expression of the devices to leave out.',
      default: '^$',
    },
    'netclass.ignore-invalid-speed': { kind: 'boolean', help: 'No speed where it is not known.', default: 'false' },
    'netclass.netlink': { kind: 'boolean', help: 'Accepted; /sys tells the same.', default: 'false' },
  },
  create: (context) => new NetClass(context).collect,
};

class NetClass {
  private readonly isIgnored: Filter;
  private readonly withInvalidSpeed: boolean;
  private readonly root: string;
  /** By file: at which scrape it was refused. */
  private readonly refused = new Map<string, number>();
  private scrapes = 0;

  constructor(context: NodeContext) {
    this.isIgnored = nameMatcher(context.flag('netclass.ignored-devices'), 'netclass.ignored-devices');
    this.withInvalidSpeed = !context.isOn('netclass.ignore-invalid-speed');
    this.root = `${context.paths.sysfs}/class/net`;
  }

  readonly collect: Collect = async (families) => {
    this.scrapes++;
    if (this.refused.size > 10_000) this.refused.clear();
    let done = 0;
    for (const device of this.devices()) {
      this.write(device, families);
      if (++done % DEVICES_PER_TURN === 0) await nextTurn();
    }
  };

  private devices(): string[] {
    try {
      return readdirSync(this.root, { withFileTypes: true })
        .filter((entry) => !entry.isFile() && !this.isIgnored(entry.name))
        .map(({ name }) => name)
        .sort();
    } catch (error) {
      if (errorCode(error) === 'ENOENT' || errorCode(error) === 'EACCES') throw new NoDataError('no /sys/class/net');
      throw error;
    }
  }

  private write(device: string, families: FamilyWriter): void {
    const directory = `${this.root}/${device}`;
    const read = (file: string) => this.read(`${directory}/${file}`);
    const info: Record<string, string> = { adminstate: 'unknown' };
    for (const file of INFO) info[file] = read(file) ?? '';
    families
      .gauge('node_network_up', 'Whether the device is operationally up.')
      .add(info.operstate === 'up' ? 1 : 0, { device });
    const labels = renderLabels({ device });
    for (const [file, name, type] of ATTRIBUTES) {
      const text = read(file);
      const value = text === undefined || text === '' ? Number.NaN : Number(text);
      if (Number.isNaN(value)) continue;
      families.family(`node_network_${name}`, type, `Network device property ${name}.`).addRendered(value, labels);
      if (file === 'flags') info.adminstate = value & IFF_UP ? 'up' : 'down';
    }
    const megabits = Number(read('speed') ?? Number.NaN);
    if (megabits >= 0 || (megabits < 0 && this.withInvalidSpeed)) {
      families
        .gauge('node_network_speed_bytes', 'Speed in bytes a second.')
        .addRendered(Math.trunc((megabits * 1e6) / 8), labels);
    }
    families
      .gauge('node_network_info', 'Constantly 1, with what is known of the device in labels.')
      .add(1, { device, ...info });
  }

  /** @throws where a file fails in another way than not being there for this device */
  private read(path: string): string | undefined {
    const refusedAt = this.refused.get(path);
    if (refusedAt !== undefined && this.scrapes - refusedAt < REFUSED_ASK_EVERY) return undefined;
    try {
      const text = readAttribute(path);
      if (refusedAt !== undefined) this.refused.delete(path);
      return text;
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      this.refused.set(path, this.scrapes);
      return undefined;
    }
  }
}

/** /proc/net/arp: entries by device. */
export const arp: NodeCollector = {
  isDefault: true,
  flags: {
    ...filterFlags('arp.device', 'devices'),
    'arp.netlink': { kind: 'boolean', help: 'Accepted; /proc/net/arp tells the same.', default: 'true' },
  },
  create(context) {
    const isWanted = exclusiveFilter(context, 'arp.device', 'device-exclude & device-include are mutually exclusive');
    return (families) => {
      const entries = new Map<string, number>();
      for (const line of lines(readText(`${context.paths.procfs}/net/arp`)).slice(1)) {
        const device = line.slice(line.lastIndexOf(' ') + 1);
        if (isWanted(device)) entries.set(device, (entries.get(device) ?? 0) + 1);
      }
      const gauge = families.gauge('node_arp_entries', 'ARP entries by device.');
      for (const [device, count] of entries) gauge.add(count, { device });
    };
  },
};

/** Bonded interfaces and how many of their slaves are up. */
export const bonding = byDefault(({ sysfs }: Paths, families) => {
  const root = `${sysfs}/class/net`;
  const masters = readIfThere(`${root}/bonding_masters`);
  if (masters === undefined) throw new NoDataError('no bonded interface');
  for (const master of fields(masters)) {
    const slaves = fields(readText(`${root}/${master}/bonding/slaves`));
    const isUp = (slave: string) =>
      (ifThere(() => readAttribute(`${root}/${master}/lower_${slave}/bonding_slave/mii_status`)) ??
        readAttribute(`${root}/${master}/slave_${slave}/bonding_slave/mii_status`)) === 'up';
    families.gauge('node_bonding_slaves', 'Slaves of a bonded interface.').add(slaves.length, { master });
    families
      .gauge('node_bonding_active', 'Slaves of a bonded interface that are up.')
      .add(slaves.filter(isUp).length, { master });
  }
});
