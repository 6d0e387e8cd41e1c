/** The text of `INFO ALL` as sections of fields. */
export function parseInfo(text: string): Map<string, Map<string, string>> {
  const sections = new Map<string, Map<string, string>>();
  let fields = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith('# ')) {
      fields = new Map();
      sections.set(line.slice(2).trim(), fields);
      continue;
    }
    const colon = line.indexOf(':');
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return sections;
}

/** `a=1,b=2` as a map. */
export function parsePairs(text: string): Map<string, string> {
  return new Map(
    text.split(',').map((pair) => {
      const equals = pair.indexOf('=');
      return [pair.slice(0, equals), pair.slice(equals + 1)] as const;
    }),
  );
}

/** `ok` and `true` are 1, `err`, `fail` and `false` 0; NaN for what is no number. */
export function infoNumber(text: string): number {
  if (text === 'ok' || text === 'true' || text === 'up') return 1;
  if (text === 'err' || text === 'fail' || text === 'false' || text === 'down') return 0;
  return text === '' ? Number.NaN : Number(text);
}

type Kind = 'gauge' | 'counter';

/** INFO fields that are exported as they are: field, family without `redis_`, type. Fields not listed are dropped. */
export const INFO_FIELDS: readonly (readonly [string, string, Kind])[] = [
  ['uptime_in_seconds', 'uptime_in_seconds', 'gauge'],
  ['process_id', 'process_id', 'gauge'],
  ['io_threads_active', 'io_threads_active', 'gauge'],
  ['connected_clients', 'connected_clients', 'gauge'],
  ['blocked_clients', 'blocked_clients', 'gauge'],
  ['tracking_clients', 'tracking_clients', 'gauge'],
  ['maxclients', 'max_clients', 'gauge'],
  ['clients_in_timeout_table', 'clients_in_timeout_table', 'gauge'],
  ['client_recent_max_input_buffer', 'client_recent_max_input_buffer_bytes', 'gauge'],
  ['client_recent_max_output_buffer', 'client_recent_max_output_buffer_bytes', 'gauge'],
  ['allocator_active', 'allocator_active_bytes', 'gauge'],
  ['allocator_allocated', 'allocator_allocated_bytes', 'gauge'],
  ['allocator_resident', 'allocator_resident_bytes', 'gauge'],
  ['allocator_frag_ratio', 'allocator_frag_ratio', 'gauge'],
  ['allocator_frag_bytes', 'allocator_frag_bytes', 'gauge'],
  ['used_memory', 'memory_used_bytes', 'gauge'],
  ['used_memory_rss', 'memory_used_rss_bytes', 'gauge'],
  ['used_memory_peak', 'memory_used_peak_bytes', 'gauge'],
  ['used_memory_lua', 'memory_used_lua_bytes', 'gauge'],
  ['used_memory_scripts', 'memory_used_scripts_bytes', 'gauge'],
  ['used_memory_overhead', 'memory_used_overhead_bytes', 'gauge'],
  ['used_memory_startup', 'memory_used_startup_bytes', 'gauge'],
  ['used_memory_dataset', 'memory_used_dataset_bytes', 'gauge'],
  ['maxmemory', 'memory_max_bytes', 'gauge'],
  ['total_system_memory', 'total_system_memory_bytes', 'gauge'],
  ['mem_fragmentation_ratio', 'mem_fragmentation_ratio', 'gauge'],
  ['mem_fragmentation_bytes', 'mem_fragmentation_bytes', 'gauge'],
  ['mem_clients_slaves', 'mem_clients_slaves', 'gauge'],
  ['mem_clients_normal', 'mem_clients_normal', 'gauge'],
  ['lazyfree_pending_objects', 'lazyfree_pending_objects', 'gauge'],
  ['active_defrag_running', 'active_defrag_running', 'gauge'],
  ['loading', 'loading_dump_file', 'gauge'],
  ['rdb_changes_since_last_save', 'rdb_changes_since_last_save', 'gauge'],
  ['rdb_bgsave_in_progress', 'rdb_bgsave_in_progress', 'gauge'],
  ['rdb_last_save_time', 'rdb_last_save_timestamp_seconds', 'gauge'],
  ['rdb_last_bgsave_status', 'rdb_last_bgsave_status', 'gauge'],
  ['rdb_last_bgsave_time_sec', 'rdb_last_bgsave_duration_sec', 'gauge'],
  ['rdb_current_bgsave_time_sec', 'rdb_current_bgsave_duration_sec', 'gauge'],
  ['rdb_last_cow_size', 'rdb_last_cow_size_bytes', 'gauge'],
  ['aof_enabled', 'aof_enabled', 'gauge'],
  ['aof_rewrite_in_progress', 'aof_rewrite_in_progress', 'gauge'],
  ['aof_last_bgrewrite_status', 'aof_last_bgrewrite_status', 'gauge'],
  ['aof_last_write_status', 'aof_last_write_status', 'gauge'],
  ['total_connections_received', 'connections_received_total', 'counter'],
  ['total_commands_processed', 'commands_processed_total', 'counter'],
  ['rejected_connections', 'rejected_connections_total', 'counter'],
  ['total_net_input_bytes', 'net_input_bytes_total', 'counter'],
  ['total_net_output_bytes', 'net_output_bytes_total', 'counter'],
  ['sync_full', 'replica_resyncs_full', 'gauge'],
  ['sync_partial_ok', 'replica_partial_resync_accepted', 'gauge'],
  ['sync_partial_err', 'replica_partial_resync_denied', 'gauge'],
  ['expired_keys', 'expired_keys_total', 'counter'],
  ['expired_stale_perc', 'expired_stale_percentage', 'gauge'],
  ['evicted_keys', 'evicted_keys_total', 'counter'],
  ['keyspace_hits', 'keyspace_hits_total', 'counter'],
  ['keyspace_misses', 'keyspace_misses_total', 'counter'],
  ['pubsub_channels', 'pubsub_channels', 'gauge'],
  ['pubsub_patterns', 'pubsub_patterns', 'gauge'],
  ['total_error_replies', 'total_error_replies', 'gauge'],
  ['connected_slaves', 'connected_slaves', 'gauge'],
  ['repl_backlog_size', 'replication_backlog_bytes', 'gauge'],
  ['repl_backlog_active', 'repl_backlog_is_active', 'gauge'],
  ['master_repl_offset', 'master_repl_offset', 'gauge'],
  ['slave_priority', 'slave_priority', 'gauge'],
  ['used_cpu_sys', 'cpu_sys_seconds_total', 'counter'],
  ['used_cpu_user', 'cpu_user_seconds_total', 'counter'],
  ['used_cpu_sys_children', 'cpu_sys_children_seconds_total', 'counter'],
  ['used_cpu_user_children', 'cpu_user_children_seconds_total', 'counter'],
  ['used_cpu_sys_main_thread', 'cpu_sys_main_thread_seconds_total', 'counter'],
  ['used_cpu_user_main_thread', 'cpu_user_main_thread_seconds_total', 'counter'],
  ['cluster_enabled', 'cluster_enabled', 'gauge'],
];
