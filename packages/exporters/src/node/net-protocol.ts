import { readFileSync } from 'node:fs';
import { endianness } from 'node:os';
import type { FamilyWriter } from '@avalanche/exposition';
import { NoDataError } from '../base/collector.ts';
import { byDefault, type NodeCollector, onRequest } from './collector.ts';
import { nameMatcher } from './filter.ts';
import {
  decimal,
  fields,
  hexNumber,
  ifThere,
  lines,
  listMatching,
  MANY_LINES_BYTES_MAX,
  readIfThere,
  readNumber,
  readText,
  wholeNumber,
} from './machine.ts';

const NETSTAT_FIELDS =
  '^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Icmp6?_(InMsgs|OutMsgs)|TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts|TCPOFOQueue|TCPRcvQDrop)|Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)|Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$';

/** /proc/net/netstat, snmp and snmp6: counters by protocol, those that are asked for. */
export const netstat: NodeCollector = {
  isDefault: true,
  flags: {
    'netstat.fields': { kind: 'string', help: 'Regular expression of the fields to tell.', default: NETSTAT_FIELDS },
  },
  create(context) {
    const isWanted = nameMatcher(context.flag('netstat.fields'), 'netstat.fields');
    const { procfs } = context.paths;
    return (families) => {
      const write = (key: string, value: string, file: string) => {
        if (!isWanted(key)) return;
        const number = decimal(value, `/proc/net/${file}: ${key}`);
        families.family(`node_netstat_${key}`, 'untyped', `Counter ${key}.`).add(number);
      };
      for (const file of ['netstat', 'snmp']) writePairs(readText(`${procfs}/net/${file}`), file, write);
      for (const line of lines(readIfThere(`${procfs}/net/snmp6`) ?? '')) {
        const [name, value] = fields(line);
        const six = name.indexOf('6');
        if (value !== undefined && six >= 0) write(`${name.slice(0, six + 1)}_${name.slice(six + 1)}`, value, 'snmp6');
      }
    };
  },
};

/** Lines of names, each followed by one of values. @throws where they do not fit each other */
function writePairs(text: string, file: string, write: (key: string, value: string, file: string) => void): void {
  const rows = lines(text);
  for (let i = 0; i < rows.length; i += 2) {
    const names = rows[i].split(' ');
    const values = (rows[i + 1] ?? '').split(' ');
    const protocol = names[0].slice(0, -1);
    if (names.length !== values.length) throw new Error(`/proc/net/${file}: mismatch of field counts of ${protocol}`);
    for (let j = 1; j < names.length; j++) write(`${protocol}_${names[j]}`, values[j], file);
  }
}

const SOCKSTAT_KEYS = new Set(['inuse', 'orphan', 'tw', 'alloc', 'mem', 'memory']);
/** In /proc/self/auxv, which is pairs of 64-bit numbers: the size of a page. */
const AT_PAGESZ = 6n;

/** Bytes of a page of memory: 4096, but on some machines of arm64. */
function pageBytes(): number {
  try {
    const auxv = readFileSync('/proc/self/auxv');
    const pairs = new BigUint64Array(auxv.buffer.slice(auxv.byteOffset, auxv.byteOffset + (auxv.length & ~15)));
    for (let i = 0; i < pairs.length; i += 2) if (pairs[i] === AT_PAGESZ) return Number(pairs[i + 1]);
  } catch {
    // not Linux
  }
  return 4096;
}

/** /proc/net/sockstat and sockstat6: sockets in use by protocol. */
export const sockstat: NodeCollector = {
  isDefault: true,
  create({ paths }) {
    const page = pageBytes();
    return (families) => {
      for (const file of ['sockstat', 'sockstat6']) {
        const text = readIfThere(`${paths.procfs}/net/${file}`) ?? '';
        for (const line of lines(text)) writeSockets(line, file, page, families);
      }
    };
  },
};

/** A line such as `TCP: inuse 2 orphan 0`. */
function writeSockets(line: string, file: string, page: number, families: FamilyWriter): void {
  const [name, ...pairs] = fields(line);
  const protocol = name.slice(0, -1);
  if (pairs.length === 0 || pairs.length % 2 !== 0) throw new Error(`/proc/net/${file}: ${line.slice(0, 80)}`);
  const write = (suffix: string, amount: number) =>
    families.gauge(`node_sockstat_${protocol}_${suffix}`, `Sockets: ${protocol} ${suffix}.`).add(amount);
  for (let i = 0; i < pairs.length; i += 2) {
    const [key, value] = [pairs[i], wholeNumber(pairs[i + 1], `/proc/net/${file}`)];
    if (protocol === 'sockets') {
      if (key === 'used' && file === 'sockstat') write('used', value);
    } else if (SOCKSTAT_KEYS.has(key)) {
      write(key, value);
      if (key === 'mem') write('mem_bytes', value * page);
    }
  }
}

/** Columns of /proc/net/softnet_stat, which are hexadecimal; the last one is the CPU. */
const SOFTNET: readonly (readonly [column: number, name: string, type: 'counter' | 'gauge', help: string])[] = [
  [0, 'processed_total', 'counter', 'Packets processed.'],
  [1, 'dropped_total', 'counter', 'Packets dropped.'],
  [2, 'times_squeezed_total', 'counter', 'How often processing packets used up its share.'],
  [8, 'cpu_collision_total', 'counter', 'Collisions when a device was locked for sending.'],
  [9, 'received_rps_total', 'counter', 'How often another CPU woke this one for packets.'],
  [10, 'flow_limit_count_total', 'counter', 'How often the limit of flows was reached.'],
  [11, 'backlog_len', 'gauge', 'Packets in the backlog.'],
];
const SOFTNET_CPU = 12;

export const softnet = byDefault(({ procfs }, families) => {
  lines(readText(`${procfs}/net/softnet_stat`)).forEach((line, row) => {
    const columns = fields(line);
    const numbers = columns.map((column) => hexNumber(column, '/proc/net/softnet_stat'));
    if (columns.length < 9)
      throw new Error(`/proc/net/softnet_stat has ${columns.length} columns, at least 9 are needed`);
    const cpu = String(numbers[SOFTNET_CPU] ?? row);
    const hasBacklog = columns.length > SOFTNET_CPU;
    for (const [column, name, type, help] of SOFTNET) {
      const value = name === 'backlog_len' && !hasBacklog ? 0 : (numbers[column] ?? 0);
      families.family(`node_softnet_${name}`, type, help).add(value, { cpu });
    }
  });
});

const CONNTRACK: readonly (readonly [column: number, name: string, help: string])[] = [
  [2, 'found', 'Searches that found an entry.'],
  [4, 'invalid', 'Packets that cannot be tracked.'],
  [5, 'ignore', 'Packets of a tracked connection that were left alone.'],
  [8, 'insert', 'Entries added.'],
  [9, 'insert_failed', 'Entries that could not be added.'],
  [10, 'drop', 'Packets dropped as tracking failed.'],
  [11, 'early_drop', 'Entries dropped to make room for new ones.'],
  [16, 'search_restart', 'Searches that began again, as the table was resized.'],
];

/** Connection tracking: entries, their limit, and what happened, summed over CPUs. */
export const conntrack = byDefault(({ procfs }, families) => {
  const netfilter = `${procfs}/sys/net/netfilter`;
  const entries = ifThere(() => readNumber(`${netfilter}/nf_conntrack_count`));
  if (entries === undefined) throw new NoDataError('no connection tracking');
  families.gauge('node_nf_conntrack_entries', 'Connections tracked.').add(entries);
  const limit = ifThere(() => readNumber(`${netfilter}/nf_conntrack_max`));
  if (limit === undefined) throw new NoDataError('no connection tracking');
  families.gauge('node_nf_conntrack_entries_limit', 'Most connections that can be tracked.').add(limit);
  const text = readIfThere(`${procfs}/net/stat/nf_conntrack`);
  if (text === undefined) throw new NoDataError('no statistics of connection tracking');
  const rows = lines(text).slice(1).map(fields);
  for (const [column, name, help] of CONNTRACK) {
    let sum = 0;
    for (const row of rows) sum += hexNumber(row[column], '/proc/net/stat/nf_conntrack');
    families.gauge(`node_nf_conntrack_stat_${name}`, help).add(sum);
  }
});

/** Where state and queues stand in a line of /proc/net/tcp and udp: behind `local remote`, which are as wide as the family. */
interface Queues {
  readonly state: number;
  readonly sent: number;
  readonly received: number;
}

/** One line after another: `sl: local_address rem_address st tx_queue:rx_queue …`, all in hexadecimal. */
function* socketsOf(text: string, file: string): Generator<Queues> {
  let begin = text.indexOf('\n') + 1;
  while (begin > 0 && begin < text.length) {
    let end = text.indexOf('\n', begin);
    if (end < 0) end = text.length;
    if (end > begin) {
      const local = text.indexOf(': ', begin) + 2;
      const remote = text.indexOf(' ', local) + 1;
      const state = text.indexOf(' ', remote) + 1;
      if (local < 2 || state === 0 || state + 20 > end) throw new Error(`${file}: ${text.slice(begin, begin + 80)}`);
      const hex = (from: number, to: number) => hexNumber(text.slice(from, to), file);
      yield {
        state: hex(state, state + 2),
        sent: hex(state + 3, state + 11),
        received: hex(state + 12, state + 20),
      };
    }
    begin = end + 1;
  }
}

/** Bytes that wait in the queues of all UDP sockets. */
export const udpQueues = byDefault(({ procfs }, families) => {
  const texts = ['udp', 'udp6'].map((file) => readIfThere(`${procfs}/net/${file}`, MANY_LINES_BYTES_MAX));
  if (texts.every((text) => text === undefined)) throw new NoDataError('no UDP');
  const queues = families.gauge('node_udp_queues', 'Bytes that wait in the queues of UDP sockets.');
  texts.forEach((text, i) => {
    if (text === undefined) return;
    let [sent, received] = [0, 0];
    for (const socket of socketsOf(text, '/proc/net/udp')) {
      sent += socket.sent;
      received += socket.received;
    }
    const ip = i === 0 ? 'v4' : 'v6';
    queues.add(sent, { ip, queue: 'tx' }).add(received, { ip, queue: 'rx' });
  });
});

const TCP_STATES = [
  'unknown',
  'established',
  'syn_sent',
  'syn_recv',
  'fin_wait1',
  'fin_wait2',
  'time_wait',
  'close',
].concat('close_wait', 'last_ack', 'listen', 'closing');

/** TCP sockets by state, and the bytes that wait in their queues. */
export const tcpstat = onRequest(({ procfs }, families) => {
  const counts = new Map<string, number>([
    ['rx_queued_bytes', 0],
    ['tx_queued_bytes', 0],
  ]);
  const add = (key: string, amount: number) => counts.set(key, (counts.get(key) ?? 0) + amount);
  for (const text of [
    readText(`${procfs}/net/tcp`, MANY_LINES_BYTES_MAX),
    readIfThere(`${procfs}/net/tcp6`, MANY_LINES_BYTES_MAX) ?? '',
  ]) {
    for (const { state, sent, received } of socketsOf(text, '/proc/net/tcp')) {
      add(TCP_STATES[state] ?? 'unknown', 1);
      add('rx_queued_bytes', received);
      add('tx_queued_bytes', sent);
    }
  }
  const gauge = families.gauge('node_tcp_connection_states', 'TCP sockets by state, and bytes in their queues.');
  for (const [state, count] of counts) gauge.add(count, { state });
});

/** /proc/net/route: the IPv4 routes of the main table; source and protocol, which only netlink has, stay empty. */
export const networkRoute = onRequest(({ procfs }, families) => {
  const routes = new Map<string, number>();
  const info = families.gauge('node_network_route_info', 'Constantly 1, with a route in labels.');
  for (const line of lines(readText(`${procfs}/net/route`)).slice(1)) {
    const [device, destination, gateway, , , , metric, mask] = fields(line);
    const bits = hexNumber(mask, '/proc/net/route').toString(2).replaceAll('0', '').length;
    const dest = bits === 0 ? 'default' : `${addressOf(destination)}/${bits}`;
    const gw = gateway === '00000000' ? '' : addressOf(gateway);
    info.add(1, { dest, device, gw, priority: metric === '0' ? '' : metric, proto: '', src: '', weight: '' });
    routes.set(device, (routes.get(device) ?? 0) + 1);
  }
  const counts = families.gauge('node_network_routes', 'Routes by device.');
  for (const [device, count] of routes) counts.add(count, { device });
});

/** An IPv4 address of /proc/net/route, which is a number in the machine's own order of bytes. */
function addressOf(hex: string): string {
  const bytes = [...Buffer.from(hex.padStart(8, '0'), 'hex')];
  return (endianness() === 'LE' ? bytes.reverse() : bytes).join('.');
}

/** /proc/net/stat: counters of subsystems by CPU. */
export const lnstat = onRequest(({ procfs }, families) => {
  for (const subsystem of listMatching(`${procfs}/net/stat`, /./)) {
    const [header = '', ...rows] = lines(readText(`${procfs}/net/stat/${subsystem}`));
    const names = fields(header);
    rows.forEach((row, cpu) => {
      fields(row).forEach((value, i) => {
        if (names[i] === undefined) return;
        families
          .counter(`node_lnstat_${names[i]}_total`, `Counter ${names[i]} of /proc/net/stat.`)
          .add(hexNumber(value, `/proc/net/stat/${subsystem}`), { cpu: String(cpu), subsystem });
      });
    });
  }
});
