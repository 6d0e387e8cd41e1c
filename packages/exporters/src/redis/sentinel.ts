import type { Asker, Command, Reply } from './connection.ts';
import type { RedisFamilies } from './families.ts';
import { parsePairs } from './info.ts';
import { listOf, textMapOf } from './reply.ts';

const FIELDS: Readonly<Record<string, string>> = {
  sentinel_masters: 'Masters that the Sentinel watches.',
  sentinel_tilt: 'Whether the Sentinel is in TILT mode.',
  sentinel_running_scripts: 'Scripts that are running.',
  sentinel_scripts_queue_length: 'Scripts that wait to be run.',
  sentinel_simulate_failure_flags: 'Failures that are simulated.',
};

/** A field of the section Sentinel of INFO. */
export function writeSentinelField(name: string, value: string, families: RedisFamilies): void {
  if (Object.hasOwn(FIELDS, name)) {
    families.gauge(name, FIELDS[name], Number.parseInt(value, 10) || 0);
    return;
  }
  if (!/^master\d+$/.test(name)) return;
  const pairs = parsePairs(value);
  const [slaves, sentinels] = [Number(pairs.get('slaves')), Number(pairs.get('sentinels'))];
  if (Number.isNaN(slaves) || Number.isNaN(sentinels)) return;
  const labels = { master_address: pairs.get('address') ?? '', master_name: pairs.get('name') ?? '' };
  const status = pairs.get('status') ?? '';
  const isOk = status === 'ok' ? 1 : 0;
  families.gauge('sentinel_master_status', 'Whether a master is fine.', isOk, { ...labels, master_status: status });
  families.gauge('sentinel_master_slaves', 'Replicas of a master.', slaves, labels);
  families.gauge('sentinel_master_sentinels', 'Sentinels that watch a master.', sentinels, labels);
}

const SETTINGS = [
  ['quorum', 'sentinel_master_setting_ckquorum', 'Configured quorum.'],
  ['failover-timeout', 'sentinel_master_setting_failover_timeout', 'Configured time for a failover, in milliseconds.'],
  ['parallel-syncs', 'sentinel_master_setting_parallel_syncs', 'Configured replicas that sync at a time.'],
  [
    'down-after-milliseconds',
    'sentinel_master_setting_down_after_milliseconds',
    'Configured silence after which a master is down, in milliseconds.',
  ],
  ['config-epoch', 'sentinel_master_config_epoch', 'Configuration epoch; grows with each failover.'],
] as const;

interface Master {
  readonly name: string;
  readonly address: string;
  readonly fields: ReadonlyMap<string, string>;
}

/** What a Sentinel knows of its masters. */
export async function writeSentinel(
  asker: Asker,
  options: { readonly withPeers: boolean; readonly withConfig: boolean },
  families: RedisFamilies,
): Promise<void> {
  const config: Command[] = options.withConfig ? [['SENTINEL', 'CONFIG', 'GET', '*']] : [];
  const [masters, settings] = await asker.ask([['SENTINEL', 'MASTERS'], ...config]);
  if (masters instanceof Error) throw masters;
  writeConfig(settings, families);
  const known = listOf(masters).map(masterOf);
  const details = await asker.ask(
    known.flatMap(({ name }): Command[] => [
      ['SENTINEL', 'CKQUORUM', name],
      ['SENTINEL', 'SENTINELS', name],
      ['SENTINEL', 'SLAVES', name],
    ]),
  );
  known.forEach((master, i) => {
    const [quorum, sentinels, slaves] = details.slice(3 * i, 3 * i + 3);
    writeMaster(master, quorum, families);
    writePeers(master, listOf(sentinels).map(textMapOf), options.withPeers, families);
    const up = listOf(slaves).map(textMapOf).filter(isUp).length;
    families.gauge('sentinel_master_ok_slaves', 'Replicas of a master that are fine.', up, labelsOf(master));
  });
}

function masterOf(reply: Reply): Master {
  const fields = textMapOf(reply);
  return { name: fields.get('name') ?? '', address: `${fields.get('ip')}:${fields.get('port')}`, fields };
}

function labelsOf({ name, address }: Master) {
  return { master_address: address, master_name: name };
}

function writeMaster(master: Master, quorum: Reply, families: RedisFamilies): void {
  const labels = labelsOf(master);
  const isReached = !(quorum instanceof Error);
  families.gauge('sentinel_master_ckquorum_status', 'Whether the quorum can be reached.', isReached ? 1 : 0, {
    master_name: master.name,
    message: quorum instanceof Error ? quorum.message : String(quorum),
  });
  for (const [field, name, help] of SETTINGS) {
    families.gauge(name, help, Number(master.fields.get(field)) || 0, labels);
  }
  const lastPing = (Number(master.fields.get('last-ok-ping-reply')) || 0) / 1000;
  families.gauge(
    'sentinel_master_last_ok_ping_reply_seconds',
    'Seconds since a master last answered.',
    lastPing,
    labels,
  );
}

function writePeers(
  master: Master,
  peers: readonly ReadonlyMap<string, string>[],
  withPeers: boolean,
  families: RedisFamilies,
): void {
  const labels = labelsOf(master);
  for (const peer of withPeers ? peers : []) {
    const names = ['flags', 'ip', 'name', 'port', 'runid'];
    const own = Object.fromEntries(names.map((name) => [name, peer.get(name) ?? '']));
    families.gauge('sentinel_peer_info', 'Constantly 1, with another Sentinel in labels.', 1, { ...own, ...labels });
  }
  const up = 1 + peers.filter(isUp).length; // itself
  families.gauge('sentinel_master_ok_sentinels', 'Sentinels of a master that are fine.', up, labels);
}

function isUp(fields: ReadonlyMap<string, string>): boolean {
  const flags = fields.get('flags');
  return flags !== undefined && !/[os]_down/.test(flags);
}

function writeConfig(settings: Reply | undefined, families: RedisFamilies): void {
  for (const [key, value] of textMapOf(settings)) {
    families.gauge('sentinel_config_key_value', 'Constantly 1, with a setting in labels.', 1, { key, value });
    const number = Number(value);
    if (value === '' || Number.isNaN(number)) continue;
    families.gauge('sentinel_config_value', 'A setting that is a number.', number, { key });
  }
}
