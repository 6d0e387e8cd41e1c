import type { RedisFamilies } from './families.ts';
import { type InfoField, pairNumber, parsePairs, writeField } from './info.ts';
import { writeSentinelField } from './sentinel.ts';

export interface InfoOptions {
  /** Databases that are told as 0 where INFO has nothing of them; none where it is 0. */
  readonly databases: number;
  /** Seconds since the epoch. */
  readonly now: number;
}

/** Turns INFO into redis_exporter's families. */
export function writeInfo(
  fields: readonly InfoField[],
  { databases, now }: InfoOptions,
  families: RedisFamilies,
): void {
  const master = { host: '', port: '' };
  const commands = new Map<string, CommandStats>();
  const handled = new Set<string>();
  for (const field of fields) {
    const { section, name, value } = field;
    switch (section) {
      case 'Replication':
        if (/^master(?:_\d+)?_host$/.test(name)) master.host = value;
        if (/^master(?:_\d+)?_port$/.test(name)) master.port = value;
        if (writeReplication(name, value, master, families)) continue;
        break;
      case 'Server':
        writeServer(name, value, now, families);
        break;
      case 'Commandstats':
        writeCommand(name, value, commands, families);
        continue;
      case 'Latencystats':
        writeLatency(name, value, commands, families);
        continue;
      case 'Errorstats':
        writeError(name, value, families);
        break;
      case 'Keyspace':
        if (writeDatabase(name, value, families)) {
          handled.add(name);
          continue;
        }
        break;
      case 'Sentinel':
        writeSentinelField(name, value, families);
        break;
    }
    writeField(families, name, value);
  }
  for (let i = 0; i < databases; i++) if (!handled.has(`db${i}`)) writeKeys(`db${i}`, 0, 0, families);
  writeInstance(fields, families);
}

function writeServer(name: string, value: string, now: number, families: RedisFamilies): void {
  const number = Number(value);
  if (Number.isNaN(number)) return;
  if (name === 'uptime_in_seconds') {
    families.gauge(
      'start_time_seconds',
      'When the server started, in seconds since the epoch.',
      Math.floor(now) - number,
    );
  }
  if (name === 'configured_hz' || name === 'hz')
    families.gauge(name, 'Runs of the background tasks per second.', number);
}

function writeReplication(
  name: string,
  value: string,
  { host, port }: { readonly host: string; readonly port: string },
  families: RedisFamilies,
): boolean {
  const labels = { master_host: host, master_port: port };
  if (/^master(?:_\d+)?_link_status$/.test(name)) {
    families.gauge('master_link_up', 'Whether the link to the master is up.', value === 'up' ? 1 : 0, labels);
    return true;
  }
  const direct = /^(?:master(?:_\d+)?_(last_io_seconds_ago|sync_in_progress)|slave_repl_offset)$/.exec(name);
  if (direct) {
    const family = direct[1] ? `master_${direct[1]}` : name;
    families.gauge(family, DIRECT_HELP[family], Number.parseInt(value, 10) || 0, labels);
    return true;
  }
  if (!/^slave\d+$/.test(name)) return false;
  const pairs = parsePairs(value);
  const replica = {
    slave_ip: pairs.get('ip') ?? '',
    slave_port: pairs.get('port') ?? '',
    slave_state: pairs.get('state') ?? '',
  };
  const [offset, lag] = [Number(pairs.get('offset')), Number(pairs.get('lag'))];
  if (Number.isNaN(offset)) return false;
  families.gauge('connected_slave_offset_bytes', 'Replication offset of a replica.', offset, replica);
  if (lag > -1) families.gauge('connected_slave_lag_seconds', 'Seconds since a replica was last heard.', lag, replica);
  return true;
}

const DIRECT_HELP: Readonly<Record<string, string>> = {
  master_last_io_seconds_ago: 'Seconds since the master was last heard.',
  master_sync_in_progress: 'Whether a sync with the master is going on.',
  slave_repl_offset: 'Replication offset of this replica.',
};

interface CommandStats {
  readonly calls: number;
  readonly micros: number;
}

/** Before 6.2 there are no rejected and failed calls. */
function writeCommand(name: string, value: string, commands: Map<string, CommandStats>, families: RedisFamilies): void {
  if (!name.startsWith('cmdstat_')) return;
  const cmd = name.slice('cmdstat_'.length);
  const [calls, micros] = [pairNumber(value, 'calls'), pairNumber(value, 'usec')];
  if (calls === null || micros === null) return;
  commands.set(cmd, { calls, micros });
  const labels = families.rendered({ cmd });
  families.counterAt('commands_total', 'Calls by command.', calls, labels);
  families.counterAt('commands_duration_seconds_total', 'Seconds spent by command.', micros / 1e6, labels);
  const [rejected, failed] = [pairNumber(value, 'rejected_calls'), pairNumber(value, 'failed_calls')];
  if (rejected === null || failed === null) return;
  families.counterAt('commands_rejected_calls_total', 'Calls rejected before they ran.', rejected, labels);
  families.counterAt('commands_failed_calls_total', 'Calls that failed while they ran.', failed, labels);
}

/** From 7.0 on; the sums and counts are those of the section before. */
function writeLatency(
  name: string,
  value: string,
  commands: ReadonlyMap<string, CommandStats>,
  families: RedisFamilies,
): void {
  const prefix = 'latency_percentiles_usec_';
  const cmd = name.slice(prefix.length);
  const stats = commands.get(cmd);
  if (!name.startsWith(prefix) || !stats) return;
  const quantiles = [...parsePairs(value)].map(
    ([percentile, micros]) => [percentile.slice(1), Number(micros)] as const,
  );
  const help = 'Percentiles of how long a command takes, in microseconds.';
  families.summary('latency_percentiles_usec', help, { cmd }, { quantiles, sum: stats.micros, count: stats.calls });
}

function writeError(name: string, value: string, families: RedisFamilies): void {
  const count = Number(parsePairs(value).get('count'));
  if (!name.startsWith('errorstat_') || Number.isNaN(count)) return;
  families.counter('errors_total', 'Errors by kind.', count, { err: name.slice('errorstat_'.length) });
}

function writeDatabase(db: string, value: string, families: RedisFamilies): boolean {
  const pairs = parsePairs(value);
  const [keys, expiring] = [Number(pairs.get('keys')), Number(pairs.get('expires'))];
  if (!/^db\d+$/.test(db) || Number.isNaN(keys) || Number.isNaN(expiring)) return false;
  writeKeys(db, keys, expiring, families);
  const [ttl, cached] = [pairs.get('avg_ttl'), pairs.get('cached_keys')];
  if (cached !== undefined) families.gauge('db_keys_cached', 'Cached keys by database.', Number(cached), { db });
  if (ttl !== undefined) {
    const help = 'Average time to live of keys that expire, by database.';
    families.gauge('db_avg_ttl_seconds', help, Number(ttl) / 1000, { db });
  }
  return true;
}

function writeKeys(db: string, keys: number, expiring: number, families: RedisFamilies): void {
  families.gauge('db_keys', 'Keys by database.', keys, { db });
  families.gauge('db_keys_expiring', 'Keys that expire, by database.', expiring, { db });
}

const INSTANCE_LABELS = [
  ...['maxmemory_policy', 'os', 'process_id', 'redis_build_id', 'redis_mode', 'redis_version', 'role', 'run_id'],
  ...['tcp_port', 'master_replid'],
];
const VALKEY_LABELS = ['valkey_release_stage', 'valkey_version'];
const TOLD_OF_INSTANCE: ReadonlySet<string> = new Set([
  ...INSTANCE_LABELS,
  ...VALKEY_LABELS,
  ...['master_host', 'master_port', 'slave_read_only'],
]);

function writeInstance(all: readonly InfoField[], families: RedisFamilies): void {
  const fields = new Map<string, string>();
  for (const { name, value } of all) if (TOLD_OF_INSTANCE.has(name)) fields.set(name, value);
  const names = [...INSTANCE_LABELS, ...VALKEY_LABELS.filter((name) => fields.has(name))].sort();
  const labels = Object.fromEntries(names.map((name) => [name, fields.get(name) ?? '']));
  families.gauge('instance_info', 'Constantly 1, with what is known of the server in labels.', 1, labels);
  if (fields.get('role') !== 'slave') return;
  families.gauge('slave_info', 'Constantly 1, with what is known of this replica in labels.', 1, {
    master_host: fields.get('master_host') ?? '',
    master_port: fields.get('master_port') ?? '',
    read_only: fields.get('slave_read_only') ?? '',
  });
}
