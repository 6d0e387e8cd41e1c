import type { FamilyWriter } from '@avalanche/exposition';
import { INFO_FIELDS, infoNumber, parseInfo, parsePairs } from './info.ts';

const DATABASES = 16;

/** What one scrape asked the server for. */
export interface RedisAnswers {
  readonly info: string;
  /** Names and values in turn, as CONFIG GET answers; null where the command is not allowed. */
  readonly config: readonly string[] | null;
  readonly slowlog: { readonly length: number; readonly lastId: number; readonly lastMicros: number } | null;
}

/** Turns a server's answers into redis_exporter's families. */
export function redisFamilies(answers: RedisAnswers, families: FamilyWriter): void {
  const sections = parseInfo(answers.info);
  const fields = new Map([...sections.values()].flatMap((section) => [...section]));
  for (const [field, name, type] of INFO_FIELDS) {
    const value = infoNumber(fields.get(field) ?? '');
    if (!Number.isNaN(value)) families.family(`redis_${name}`, type, `INFO field ${field}.`).add(value);
  }
  server(fields, families);
  replication(fields, families);
  commands(sections.get('Commandstats'), families);
  errors(sections.get('Errorstats'), families);
  keyspace(sections.get('Keyspace'), families);
  config(answers.config, families);
  if (answers.slowlog) slowlog(answers.slowlog, families);
}

function server(fields: ReadonlyMap<string, string>, families: FamilyWriter): void {
  const field = (name: string) => fields.get(name) ?? '';
  const uptime = Number(field('uptime_in_seconds'));
  families
    .gauge('redis_start_time_seconds', 'When the server started, in seconds since the epoch.')
    .add(Math.round(Date.now() / 1000 - uptime));
  const forkMicros = field('latest_fork_usec');
  if (forkMicros !== '') {
    families.gauge('redis_latest_fork_seconds', 'How long the last fork took.').add(Number(forkMicros) / 1e6);
  }
  families.gauge('redis_instance_info', 'Constantly 1, with what is known of the server in labels.').add(1, {
    role: field('role'),
    redis_version: field('redis_version'),
    redis_build_id: field('redis_build_id'),
    redis_mode: field('redis_mode'),
    os: field('os'),
    maxmemory_policy: field('maxmemory_policy'),
    tcp_port: field('tcp_port'),
    run_id: field('run_id'),
    process_id: field('process_id'),
    master_replid: field('master_replid'),
  });
}

function replication(fields: ReadonlyMap<string, string>, families: FamilyWriter): void {
  for (const [name, text] of fields) {
    if (!/^slave\d+$/.test(name)) continue;
    const pairs = parsePairs(text);
    const labels = {
      slave_ip: pairs.get('ip') ?? '',
      slave_port: pairs.get('port') ?? '',
      slave_state: pairs.get('state') ?? '',
    };
    families
      .gauge('redis_connected_slave_offset_bytes', 'Replication offset of a replica.')
      .add(Number(pairs.get('offset')), labels);
    families
      .gauge('redis_connected_slave_lag_seconds', 'How far a replica is behind, in seconds.')
      .add(Number(pairs.get('lag')), labels);
  }
  if (fields.get('role') !== 'slave') return;
  const labels = { master_host: fields.get('master_host') ?? '', master_port: fields.get('master_port') ?? '' };
  for (const [field, name, help] of [
    ['master_link_status', 'master_link_up', 'Whether the link to the master is up.'],
    ['master_last_io_seconds_ago', 'master_last_io_seconds_ago', 'Seconds since the master was last heard.'],
    ['master_sync_in_progress', 'master_sync_in_progress', 'Whether a sync with the master is going on.'],
    ['slave_repl_offset', 'slave_repl_offset', 'Replication offset of this replica.'],
  ] as const) {
    families.gauge(`redis_${name}`, help).add(infoNumber(fields.get(field) ?? ''), labels);
  }
}

function commands(section: ReadonlyMap<string, string> | undefined, families: FamilyWriter): void {
  for (const [field, text] of section ?? []) {
    const cmd = field.replace(/^cmdstat_/, '');
    const pairs = parsePairs(text);
    const value = (name: string) => Number(pairs.get(name) ?? 0);
    families.counter('redis_commands_total', 'Calls by command.').add(value('calls'), { cmd });
    families
      .counter('redis_commands_duration_seconds_total', 'Seconds spent by command.')
      .add(value('usec') / 1e6, { cmd });
    families
      .counter('redis_commands_rejected_calls_total', 'Calls rejected before they ran.')
      .add(value('rejected_calls'), { cmd });
    families
      .counter('redis_commands_failed_calls_total', 'Calls that failed while they ran.')
      .add(value('failed_calls'), { cmd });
  }
}

function errors(section: ReadonlyMap<string, string> | undefined, families: FamilyWriter): void {
  for (const [field, text] of section ?? []) {
    const err = field.replace(/^errorstat_/, '');
    families.counter('redis_errors_total', 'Errors by kind.').add(Number(parsePairs(text).get('count')), { err });
  }
}

/** Databases that are empty are told as 0, not left out. */
function keyspace(section: ReadonlyMap<string, string> | undefined, families: FamilyWriter): void {
  const names = new Set([...Array.from({ length: DATABASES }, (_, i) => `db${i}`), ...(section?.keys() ?? [])]);
  for (const db of names) {
    const pairs = parsePairs(section?.get(db) ?? '');
    families.gauge('redis_db_keys', 'Keys by database.').add(Number(pairs.get('keys') ?? 0), { db });
    families
      .gauge('redis_db_keys_expiring', 'Keys that expire, by database.')
      .add(Number(pairs.get('expires') ?? 0), { db });
    if (pairs.has('avg_ttl')) {
      families
        .gauge('redis_db_avg_ttl_seconds', 'Average time to live of keys that expire, by database.')
        .add(Number(pairs.get('avg_ttl')) / 1000, { db });
    }
  }
}

function config(pairs: readonly string[] | null, families: FamilyWriter): void {
  for (let i = 0; pairs && i + 1 < pairs.length; i += 2) {
    const name = pairs[i].replaceAll('-', '_');
    if (!['maxclients', 'maxmemory', 'io_threads'].includes(name)) continue;
    families.gauge(`redis_config_${name}`, `Configured ${pairs[i]}.`).add(Number(pairs[i + 1]));
  }
}

function slowlog({ length, lastId, lastMicros }: NonNullable<RedisAnswers['slowlog']>, families: FamilyWriter): void {
  families.gauge('redis_slowlog_length', 'Entries of the slow log.').add(length);
  families.gauge('redis_slowlog_last_id', 'Number of the newest entry of the slow log.').add(lastId);
  families
    .gauge('redis_last_slow_execution_duration_seconds', 'How long the newest entry of the slow log took.')
    .add(lastMicros / 1e6);
}
