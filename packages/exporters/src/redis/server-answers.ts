import { statSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Reply } from './connection.ts';
import type { RedisFamilies } from './families.ts';
import { type InfoField, pairNumber } from './info.ts';
import type { RedisScrapeOptions } from './options.ts';
import { listOf, numberOf, textMapOf, textOf } from './reply.ts';

const SECRETS: ReadonlySet<string> = new Set([
  ...['masterauth', 'requirepass', 'tls-key-file-pass', 'tls-client-key-file-pass'],
]);
const TOLD_SETTINGS = ['io-threads', 'maxclients', 'maxmemory', 'repl-backlog-size'];

/** All settings that are told of, or needed, where not all are. */
export const SETTINGS = [
  ...TOLD_SETTINGS,
  ...['databases', 'client-output-buffer-limit', 'dir', 'dbfilename', 'commandlog-*'],
];

type ConfigOptions = Pick<
  RedisScrapeOptions,
  'includeConfigMetrics' | 'redactConfigMetrics' | 'includeRdbFileSizeMetric'
>;

/** The answer to CONFIG GET. */
export function writeConfig(
  config: ReadonlyMap<string, string>,
  options: ConfigOptions,
  families: RedisFamilies,
): void {
  for (const [key, value] of options.includeConfigMetrics ? config : []) {
    if (options.redactConfigMetrics && SECRETS.has(key)) continue;
    families.gauge('config_key_value', 'Constantly 1, with a setting in labels.', 1, { key, value });
    const number = numberOf(value);
    if (number !== null) families.gauge('config_value', 'A setting that is a number.', number, { key });
  }
  for (const key of TOLD_SETTINGS) {
    const value = numberOf(config.get(key));
    if (value !== null) families.gauge(`config_${key.replaceAll('-', '_')}`, `Setting ${key}.`, value);
  }
  writeBufferLimits(config.get('client-output-buffer-limit') ?? '', families);
  if (options.includeRdbFileSizeMetric) writeRdbSize(config, families);
}

/** `normal 0 0 0 slave 268435456 67108864 60`: class, hard limit, soft limit, seconds. */
function writeBufferLimits(text: string, families: RedisFamilies): void {
  const words = text.split(' ');
  const bytes = 'Limit of the output buffer of a class of clients, in bytes.';
  for (let i = 0; i + 3 < words.length; i += 4) {
    const [name, hard, soft, seconds] = words.slice(i, i + 4);
    families.gauge('config_client_output_buffer_limit_bytes', bytes, Number(hard), { class: name, limit: 'hard' });
    families.gauge('config_client_output_buffer_limit_bytes', bytes, Number(soft), { class: name, limit: 'soft' });
    families.gauge(
      'config_client_output_buffer_limit_overcome_seconds',
      'Seconds that the soft limit may be passed.',
      Number(seconds),
      { class: name, limit: 'soft' },
    );
  }
}

/** Only where the exporter runs beside the server and may look into its folder. */
function writeRdbSize(config: ReadonlyMap<string, string>, families: RedisFamilies): void {
  const [directory, file] = [config.get('dir') ?? '', config.get('dbfilename') ?? ''];
  if (directory === '' || file === '' || file !== basename(file) || file === '..') return;
  let bytes = 0;
  try {
    const stats = statSync(join(directory, file));
    if (!stats.isFile()) return;
    bytes = stats.size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  families.gauge('rdb_current_size_bytes', 'Bytes of the RDB file.', bytes);
}

export function writeSlowlog(length: Reply, newest: Reply, families: RedisFamilies): void {
  const entries = numberOf(length);
  if (entries !== null) families.gauge('slowlog_length', 'Entries of the slow log.', entries);
  if (newest instanceof Error) return;
  const [id, , micros] = listOf(listOf(newest)[0]);
  families.gauge('slowlog_last_id', 'Number of the newest entry of the slow log.', numberOf(id) ?? 0);
  families.gauge(
    'last_slow_execution_duration_seconds',
    'How long the newest entry of the slow log took.',
    (numberOf(micros) ?? 0) / 1e6,
  );
}

export function writeLatencySpikes(latest: Reply, families: RedisFamilies): void {
  for (const [event, at, ms] of listOf(latest).map(listOf)) {
    const labels = { event_name: textOf(event) };
    families.gauge('latency_spike_last', 'When the last spike was.', numberOf(at) ?? 0, labels);
    families.gauge('latency_spike_duration_seconds', 'Length of the last spike.', (numberOf(ms) ?? 0) / 1000, labels);
  }
}

/** The answer to LATENCY HISTOGRAM (7.0); the sums are the times of the commands and their subcommands in INFO. */
export function writeLatencyHistograms(histograms: Reply, info: readonly InfoField[], families: RedisFamilies): void {
  const list = listOf(histograms);
  if (list.length === 0) return;
  const micros = microsByCommand(info);
  for (let i = 0; i + 1 < list.length; i += 2) {
    const cmd = textOf(list[i]);
    const [, calls, , flat] = listOf(list[i + 1]);
    const numbers = listOf(flat).map((value) => numberOf(value) ?? 0);
    const buckets = numbers.flatMap((bound, j) => (j % 2 === 0 ? [[bound, numbers[j + 1] ?? 0] as const] : []));
    const histogram = { buckets, sum: micros.get(cmd) ?? 0, count: numberOf(calls) ?? 0 };
    families.histogram('commands_latencies_usec', 'How long a command takes, in microseconds.', { cmd }, histogram);
  }
}

function microsByCommand(info: readonly InfoField[]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { section, name, value } of info) {
    if (section !== 'Commandstats') continue;
    const cmd = name.slice('cmdstat_'.length);
    const micros = pairNumber(value, 'usec') ?? 0;
    const bar = cmd.indexOf('|');
    const names = bar < 0 ? [cmd] : [cmd, cmd.slice(0, bar)];
    for (const each of names) sums.set(each, (sums.get(each) ?? 0) + micros);
  }
  return sums;
}

const COMMAND_LOGS = [
  ['slow', 'commandlog_slow_length', 'Entries of the log of slow commands.'],
  ['large-request', 'commandlog_large_request_length', 'Entries of the log of large requests.'],
  ['large-reply', 'commandlog_large_reply_length', 'Entries of the log of large replies.'],
] as const;
const COMMAND_LOG_SETTINGS = [
  ['commandlog-execution-slower-than', 'commandlog_execution_slower_than'],
  ['commandlog-request-larger-than', 'commandlog_request_larger_than'],
  ['commandlog-reply-larger-than', 'commandlog_reply_larger_than'],
  ['commandlog-slow-execution-max-len', 'commandlog_slow_execution_max_len'],
  ['commandlog-large-request-max-len', 'commandlog_large_request_max_len'],
  ['commandlog-large-reply-max-len', 'commandlog_large_reply_max_len'],
] as const;

/** What COMMANDLOG LEN of Valkey 8.1 is asked. */
export const COMMAND_LOG_COMMANDS = COMMAND_LOGS.map(([kind]) => ['COMMANDLOG', 'LEN', kind] as const);

export function writeCommandLogs(
  lengths: readonly Reply[],
  config: ReadonlyMap<string, string>,
  families: RedisFamilies,
): void {
  if (lengths.every((reply) => numberOf(reply) === null)) return;
  COMMAND_LOGS.forEach(([, name, help], i) => {
    const length = numberOf(lengths[i]);
    if (length !== null) families.gauge(name, help, length);
  });
  for (const [key, name] of COMMAND_LOG_SETTINGS) {
    const value = numberOf(config.get(key));
    if (value !== null) families.gauge(name, `Setting ${key}.`, value);
  }
}

/** Settings by name of the answer to CONFIG GET; empty where it is refused. */
export function configOf(reply: Reply | undefined): Map<string, string> {
  return reply instanceof Error ? new Map() : textMapOf(reply);
}
