import type { FamilyWriter } from '@avalanche/exposition';
import { NoDataError } from '../base/collector.ts';
import { byDefault, FlagError, type NodeCollector } from './collector.ts';
import { filterFlags, nameFilter } from './filter.ts';
import {
  decimal,
  fields,
  hexNumber,
  ifThere,
  list,
  listMatching,
  readAttribute,
  readIfThere,
  tryAttribute,
  wholeNumber,
} from './machine.ts';

/** Counters of an InfiniBand port by file; those of data count words of four bytes. */
const COUNTERS: Readonly<Record<string, string>> = {
  excessive_buffer_overrun_errors: 'excessive_buffer_overrun_errors_total',
  link_downed: 'link_downed_total',
  link_error_recovery: 'link_error_recovery_total',
  local_link_integrity_errors: 'local_link_integrity_errors_total',
  multicast_rcv_packets: 'multicast_packets_received_total',
  multicast_xmit_packets: 'multicast_packets_transmitted_total',
  port_rcv_constraint_errors: 'port_constraint_errors_received_total',
  port_rcv_data: 'port_data_received_bytes_total',
  port_rcv_discards: 'port_discards_received_total',
  port_rcv_errors: 'port_errors_received_total',
  port_rcv_packets: 'port_packets_received_total',
  port_rcv_remote_physical_errors: 'port_receive_remote_physical_errors_total',
  port_rcv_switch_relay_errors: 'port_receive_switch_relay_errors_total',
  port_xmit_constraint_errors: 'port_constraint_errors_transmitted_total',
  port_xmit_data: 'port_data_transmitted_bytes_total',
  port_xmit_discards: 'port_discards_transmitted_total',
  port_xmit_packets: 'port_packets_transmitted_total',
  port_xmit_wait: 'port_transmit_wait_total',
  symbol_error: 'symbol_error_total',
  unicast_rcv_packets: 'unicast_packets_received_total',
  unicast_xmit_packets: 'unicast_packets_transmitted_total',
  VL15_dropped: 'vl15_dropped_total',
};
const LEGACY_COUNTERS: Readonly<Record<string, string>> = {
  port_multicast_rcv_packets: 'legacy_multicast_packets_received_total',
  port_multicast_xmit_packets: 'legacy_multicast_packets_transmitted_total',
  port_rcv_data_64: 'legacy_data_received_bytes_total',
  port_rcv_packets_64: 'legacy_packets_received_total',
  port_unicast_rcv_packets: 'legacy_unicast_packets_received_total',
  port_unicast_xmit_packets: 'legacy_unicast_packets_transmitted_total',
  port_xmit_data_64: 'legacy_data_transmitted_bytes_total',
  port_xmit_packets_64: 'legacy_packets_transmitted_total',
};
const HARDWARE_COUNTERS: Readonly<Record<string, string>> = {
  duplicate_request: 'duplicate_requests_packets_total',
  implied_nak_seq_err: 'implied_nak_seq_errors_total',
  local_ack_timeout_err: 'local_ack_timeout_errors_total',
  np_cnp_sent: 'np_cnp_packets_sent_total',
  np_ecn_marked_roce_packets: 'np_ecn_marked_roce_packets_received_total',
  out_of_buffer: 'out_of_buffer_drops_total',
  out_of_sequence: 'out_of_sequence_packets_received_total',
  packet_seq_err: 'packet_sequence_errors_total',
  req_cqe_error: 'req_cqes_errors_total',
  req_cqe_flush_error: 'req_cqes_flush_errors_total',
  req_remote_access_errors: 'req_remote_access_errors_total',
  req_remote_invalid_request: 'req_remote_invalid_request_errors_total',
  resp_cqe_error: 'resp_cqes_errors_total',
  resp_cqe_flush_error: 'resp_cqes_flush_errors_total',
  resp_local_length_error: 'resp_local_length_errors_total',
  resp_remote_access_errors: 'resp_remote_access_errors_total',
  rnr_nak_retry_err: 'rnr_nak_retry_packets_received_total',
  roce_adp_retrans: 'roce_adp_retransmits_total',
  roce_adp_retrans_to: 'roce_adp_retransmits_timeout_total',
  roce_slow_restart: 'roce_slow_restart_used_total',
  roce_slow_restart_cnps: 'roce_slow_restart_cnps_total',
  roce_slow_restart_trans: 'roce_slow_restart_total',
  rp_cnp_handled: 'rp_cnp_packets_handled_total',
  rp_cnp_ignored: 'rp_cnp_ignored_packets_received_total',
  rx_atomic_requests: 'rx_atomic_requests_total',
  rx_dct_connect: 'rx_dct_connect_requests_total',
  rx_icrc_encapsulated: 'rx_icrc_encapsulated_errors_total',
  rx_read_requests: 'rx_read_requests_total',
  rx_write_requests: 'rx_write_requests_total',
};
const WORD_BYTES = 4;
const BYTES_PER_GIGABIT = 125_000_000;

/** InfiniBand devices and the counters of their ports. */
export const infiniband: NodeCollector = {
  isDefault: true,
  flags: filterFlags('infiniband.device', 'InfiniBand devices'),
  create(context) {
    const isWanted = nameFilter(context, 'infiniband.device-exclude', 'infiniband.device-include');
    const root = `${context.paths.sysfs}/class/infiniband`;
    return (families) => {
      const devices = ifThere(() => list(root));
      if (devices === undefined) throw new NoDataError('no InfiniBand');
      for (const device of devices) if (isWanted(device)) writeInfiniband(`${root}/${device}`, device, families);
    };
  },
};

function writeInfiniband(path: string, device: string, families: FamilyWriter): void {
  families.gauge('node_infiniband_info', 'Constantly 1, with what is known of a device in labels.').add(1, {
    board_id: tryAttribute(`${path}/board_id`) ?? '',
    device,
    firmware_version: readAttribute(`${path}/fw_ver`),
    hca_type: tryAttribute(`${path}/hca_type`) ?? '',
  });
  for (const port of list(`${path}/ports`)) {
    const directory = `${path}/ports/${port}`;
    const labels = { device, port };
    const number = (file: string) =>
      decimal(/^\s*([\d.]+)/.exec(readAttribute(`${directory}/${file}`))?.[1], `${directory}/${file}`);
    const gauge = (name: string, help: string) => families.gauge(`node_infiniband_${name}`, help);
    gauge('state_id', 'State of a port; 4 is active.').add(number('state'), labels);
    gauge('physical_state_id', 'Physical state of a port; 5 is up.').add(number('phys_state'), labels);
    gauge('rate_bytes_per_second', 'Bytes a second that a port can carry.').add(
      Math.trunc(number('rate') * BYTES_PER_GIGABIT),
      labels,
    );
    const counters = [
      [`${directory}/counters`, COUNTERS],
      [`${directory}/counters_ext`, LEGACY_COUNTERS],
      [`${directory}/hw_counters`, HARDWARE_COUNTERS],
    ] as const;
    for (const [counterDirectory, names] of counters) {
      for (const file of listMatching(counterDirectory, /./)) {
        const text = Object.hasOwn(names, file) ? tryAttribute(`${counterDirectory}/${file}`) : undefined;
        if (text === undefined || !/^\d+$/.test(text)) continue; // "N/A (no PMA)"
        const value = Number(text) * (/_data(_64)?$/.test(file) ? WORD_BYTES : 1);
        families.counter(`node_infiniband_${names[file]}`, `Counter ${file} of a port.`).add(value, labels);
      }
    }
    const lifespan = tryAttribute(`${directory}/hw_counters/lifespan`);
    if (lifespan === undefined || !/^\d+$/.test(lifespan)) continue;
    gauge('lifespan_seconds', 'For how long counters may be old, in seconds.').add(
      Math.trunc(Number(lifespan) / 1000),
      labels,
    );
  }
}

/** Counters of a Fibre Channel host by file of `statistics`. */
const FIBRECHANNEL: Readonly<Record<string, string>> = {
  dumped_frames: 'dumped_frames_total',
  error_frames: 'error_frames_total',
  invalid_crc_count: 'invalid_crc_total',
  rx_frames: 'rx_frames_total',
  rx_words: 'rx_words_total',
  tx_frames: 'tx_frames_total',
  tx_words: 'tx_words_total',
  seconds_since_last_reset: 'seconds_since_last_reset_total',
  invalid_tx_word_count: 'invalid_tx_words_total',
  link_failure_count: 'link_failure_total',
  loss_of_sync_count: 'loss_of_sync_total',
  loss_of_signal_count: 'loss_of_signal_total',
  nos_count: 'nos_total',
  fcp_packet_aborts: 'fcp_packet_aborts_total',
};
const FIBRECHANNEL_INFO = [
  ...['dev_loss_tmo', 'fabric_name', 'port_id', 'port_name', 'port_state', 'port_type', 'speed'],
  ...['supported_classes', 'supported_speeds', 'symbolic_name'],
];
/** Written in hexadecimal, with a prefix that upstream leaves out. */
const WITH_PREFIX = new Set(['fabric_name', 'port_id', 'port_name']);
const NOT_COUNTED = 2 ** 64;

/** Fibre Channel hosts. */
export const fibrechannel = byDefault(({ sysfs }, families) => {
  const root = `${sysfs}/class/fc_host`;
  const hosts = ifThere(() => list(root));
  if (hosts === undefined) throw new NoDataError('no Fibre Channel');
  for (const host of hosts) {
    const labels = { fc_host: host };
    const info: Record<string, string> = { ...labels };
    for (const file of FIBRECHANNEL_INFO) {
      const value = ifThere(() => readAttribute(`${root}/${host}/${file}`)) ?? '';
      info[file] = WITH_PREFIX.has(file) && value.length > 2 ? value.slice(2) : value;
    }
    families.gauge('node_fibrechannel_info', 'Constantly 1, with what is known of a host in labels.').add(1, info);
    const isUnknown = info.port_state === '' || info.port_state === 'Unknown';
    for (const [file, name] of Object.entries(FIBRECHANNEL)) {
      const text = isUnknown ? '0' : tryAttribute(`${root}/${host}/statistics/${file}`);
      const value = text === undefined || text === '' ? Number.NaN : Number(text);
      if (Number.isNaN(value) || value >= NOT_COUNTED) continue;
      families.counter(`node_fibrechannel_${name}`, `Counter ${file} of a host.`).add(value, labels);
    }
  }
});

const IPVS_LABELS = ['local_address', 'local_port', 'remote_address', 'remote_port', 'proto', 'local_mark'] as const;
type IpvsLabel = (typeof IPVS_LABELS)[number];

const IPVS_TOTALS: readonly (readonly [name: string, help: string])[] = [
  ['connections', 'Connections made.'],
  ['incoming_packets', 'Packets that came in.'],
  ['outgoing_packets', 'Packets that went out.'],
  ['incoming_bytes', 'Bytes that came in.'],
  ['outgoing_bytes', 'Bytes that went out.'],
];

/** The load balancer of the kernel: totals, and connections by backend. */
export const ipvs: NodeCollector = {
  isDefault: true,
  flags: {
    'ipvs.backend-labels': {
      kind: 'string',
      help: 'Labels of backends, comma separated.',
      default: IPVS_LABELS.join(','),
    },
  },
  create(context) {
    const wanted = new Set(
      context
        .flag('ipvs.backend-labels')
        .split(',')
        .filter((label) => label !== ''),
    );
    const labels = IPVS_LABELS.filter((label) => wanted.delete(label));
    if (wanted.size > 0) throw new FlagError(`unknown IPVS backend labels: "${[...wanted].sort().join(', ')}"`);
    return (families) => writeIpvs(`${context.paths.procfs}/net`, labels, families);
  },
};

function writeIpvs(net: string, labels: readonly IpvsLabel[], families: FamilyWriter): void {
  const text = readIfThere(`${net}/ip_vs_stats`);
  if (text === undefined) throw new NoDataError('no IPVS');
  const totals = fields(text.split('\n')[2] ?? '');
  if (totals.length !== 5) throw new Error('ip_vs_stats corrupt: unexpected number of fields');
  IPVS_TOTALS.forEach(([name, help], i) => {
    families.counter(`node_ipvs_${name}_total`, help).add(hexNumber(totals[i], 'ip_vs_stats'));
  });
  const sums = new Map<string, { labels: Record<string, string>; active: number; inactive: number; weight: number }>();
  for (const { active, inactive, weight, ...backend } of backendsOf(readIfThere(`${net}/ip_vs`) ?? '')) {
    const own = Object.fromEntries(labels.map((label) => [label, backend[label]]));
    const key = Object.values(own).join('\0');
    const sum = sums.get(key) ?? { labels: own, active: 0, inactive: 0, weight: 0 };
    sums.set(key, sum);
    sum.active += active;
    sum.inactive += inactive;
    sum.weight += weight;
  }
  const gauge = (name: string, help: string) => families.gauge(`node_ipvs_backend_${name}`, help);
  for (const { labels: own, active, inactive, weight } of sums.values()) {
    gauge('connections_active', 'Active connections of a backend.').add(active, own);
    gauge('connections_inactive', 'Inactive connections of a backend.').add(inactive, own);
    gauge('weight', 'Weight of a backend.').add(weight, own);
  }
}

interface Backend extends Readonly<Record<IpvsLabel, string>> {
  readonly active: number;
  readonly inactive: number;
  readonly weight: number;
}

/** Services `TCP C0A80016:0CEA wlc`, each followed by its backends `-> C0A85216:0CEA Tunnel 100 248 2`. */
function* backendsOf(text: string): Generator<Backend> {
  let service = { proto: '', local_mark: '', local_address: '', local_port: '0' };
  for (const line of text.split('\n')) {
    const words = fields(line);
    const [first, second] = words;
    if (first === 'TCP' || first === 'UDP') {
      const { address, port } = endpointOf(second);
      service = { proto: first, local_mark: '', local_address: address, local_port: port };
    } else if (first === 'FWM') {
      service = { proto: first, local_mark: second ?? '', local_address: '', local_port: '0' };
    } else if (first === '->' && words.length >= 6 && second !== 'RemoteAddress:Port') {
      const { address, port } = endpointOf(second);
      const [weight, active, inactive] = words.slice(3, 6).map((word) => wholeNumber(word, 'ip_vs'));
      yield { ...service, remote_address: address, remote_port: port, weight, active, inactive };
    }
  }
}

/** `C0A80016:0CEA`, or an IPv6 address in brackets. */
function endpointOf(text = ''): { readonly address: string; readonly port: string } {
  const [, v4, v6, port] = /^(?:([0-9A-F]{8})|\[([0-9a-fA-F:]+)\]):([0-9A-F]{4})$/.exec(text) ?? [];
  if (port === undefined) throw new Error(`ip_vs: unexpected address ${JSON.stringify(text.slice(0, 60))}`);
  const address = v4 ? [...Buffer.from(v4, 'hex')].join('.') : new URL(`http://[${v6}]/`).hostname.slice(1, -1);
  return { address, port: String(hexNumber(port, 'ip_vs')) };
}
