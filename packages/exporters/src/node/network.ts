import type { FamilyWriter } from '@avalanche/exposition';
import { type Paths, readText, tryList, tryReadText, words } from './fs.ts';

const RECEIVE = ['bytes', 'packets', 'errs', 'drop', 'fifo', 'frame', 'compressed', 'multicast'] as const;
const TRANSMIT = ['bytes', 'packets', 'errs', 'drop', 'fifo', 'colls', 'carrier', 'compressed'] as const;

/** /proc/net/dev: bytes, packets, errors and drops by device. */
export function collectNetdev({ procfs }: Paths, families: FamilyWriter): void {
  for (const line of readText(procfs, 'net', 'dev').split('\n')) {
    const match = /^\s*([^:\s|]+):\s*(.+)$/.exec(line);
    if (!match) continue;
    const device = match[1];
    const values = match[2].trim().split(/\s+/).map(Number);
    const write = (direction: string, fields: readonly string[], from: number) => {
      fields.forEach((field, i) => {
        families
          .counter(`node_network_${direction}_${field}_total`, `Network device statistic ${direction}_${field}.`)
          .add(values[from + i], { device });
      });
    };
    write('receive', RECEIVE, 0);
    write('transmit', TRANSMIT, RECEIVE.length);
  }
}

/** /sys/class/net: whether devices are up, their speed and MTU. */
export function collectNetclass({ sysfs }: Paths, families: FamilyWriter): void {
  for (const device of tryList(sysfs, 'class', 'net')) {
    const read = (name: string) => tryReadText(sysfs, 'class', 'net', device, name);
    const operstate = read('operstate');
    if (operstate === '') continue;
    families
      .gauge('node_network_up', 'Whether the device is operationally up.')
      .add(operstate === 'up' ? 1 : 0, { device });
    const mtu = read('mtu');
    if (mtu !== '') families.gauge('node_network_mtu_bytes', 'Largest packet, in bytes.').add(Number(mtu), { device });
    const megabits = Number(read('speed') || -1);
    if (megabits >= 0) {
      families.gauge('node_network_speed_bytes', 'Speed in bytes a second.').add((megabits * 1e6) / 8, { device });
    }
  }
}

/** /proc/net/sockstat: sockets in use by protocol. */
export function collectSockstat({ procfs }: Paths, families: FamilyWriter): void {
  for (const [protocol, ...pairs] of words(readText(procfs, 'net', 'sockstat'))) {
    for (let i = 0; i + 1 < pairs.length; i += 2) {
      const name = `node_sockstat_${protocol.replace(':', '')}_${pairs[i]}`;
      families.gauge(name, `Sockets: ${protocol.replace(':', '')} ${pairs[i]}.`).add(Number(pairs[i + 1]));
    }
  }
}
