import { FamilyWriter } from '@avalanche/exposition';
import { expect, test } from 'vitest';
import { parseRedisAddress } from './address.ts';
import { writeClients } from './clients.ts';
import { nodeAddress } from './cluster-nodes.ts';
import { RedisFamilies } from './families.ts';
import { parseInfo } from './info.ts';
import { writeInfo } from './info-families.ts';
import { parseCsvLine } from './key-groups.ts';
import { parseKeys } from './keys.ts';
import { passwordOf } from './passwords.ts';
import { writeCommandLogs, writeLatencyHistograms } from './server-answers.ts';

/** The samples that `write` writes, without HELP and TYPE. */
function samples(write: (families: RedisFamilies) => void): string[] {
  const families = new RedisFamilies(new FamilyWriter(), 'redis');
  write(families);
  const text = families.writer.text();
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

function infoSamples(info: string): string[] {
  return samples((families) =>
    writeInfo(parseInfo(info.replaceAll('\n', '\r\n')), { databases: 0, now: 1000.9 }, families),
  );
}

const REDIS_6 = `# Server
redis_version:6.0.16
redis_mode:standalone
os:Linux 5.10
tcp_port:6379
run_id:abc
process_id:7
uptime_in_seconds:100
hz:10
configured_hz:10

# Persistence
rdb_last_bgsave_status:ok
aof_last_write_status:err

# Stats
latest_fork_usec:1500
expired_time_cap_reached_count:2

# Replication
role:slave
master_host:10.0.0.1
master_port:6379
master_link_status:down
master_last_io_seconds_ago:-1
master_sync_in_progress:1
slave_repl_offset:42
slave_priority:100
slave_read_only:1
connected_slaves:2
slave0:ip=10.0.0.3,port=6380,state=online,offset=9007199254740993,lag=1
slave1:ip=10.0.0.4,port=6380,state=wait_bgsave,offset=0,lag=0

# Commandstats
cmdstat_get:calls=21,usec=175,usec_per_call=8.33

# Keyspace
db0:keys=3,expires=1,avg_ttl=1500
`;

test('INFO of Redis 6, of a replica that has replicas', () => {
  const lines = infoSamples(REDIS_6);
  expect(lines).toEqual(
    expect.arrayContaining([
      'redis_start_time_seconds 900',
      'redis_hz 10',
      'redis_rdb_last_bgsave_status 1',
      'redis_aof_last_write_status 0',
      'redis_latest_fork_seconds 0.0015',
      'redis_expired_time_cap_reached_total 2',
      'redis_master_link_up{master_host="10.0.0.1",master_port="6379"} 0',
      'redis_master_last_io_seconds_ago{master_host="10.0.0.1",master_port="6379"} -1',
      'redis_slave_repl_offset{master_host="10.0.0.1",master_port="6379"} 42',
      'redis_slave_info{master_host="10.0.0.1",master_port="6379",read_only="1"} 1',
      'redis_connected_slave_lag_seconds{slave_ip="10.0.0.3",slave_port="6380",slave_state="online"} 1',
      'redis_connected_slaves 2',
      'redis_commands_total{cmd="get"} 21',
      'redis_commands_duration_seconds_total{cmd="get"} 0.000175',
      'redis_db_avg_ttl_seconds{db="db0"} 1.5',
    ]),
  );
  expect(lines.join('\n')).not.toContain('rejected_calls');
  expect(lines.join('\n')).not.toMatch(/slave_priority\{/);
});

test('what newer servers add is told where it is there: Redis 7.4 and 8', () => {
  const lines = infoSamples(`# Server
redis_version:8.0.3
run_id:x
# Clients
pubsub_clients:3
watching_clients:1
total_watched_keys:2
# Memory
mem_overhead_db_hashtable_rehashing:5
lazyfreed_objects:0
# Stats
expired_subkeys:4
evicted_scripts:6
eventloop_cycles:100
instantaneous_eventloop_duration_usec:9
acl_access_denied_auth:1
client_query_buffer_limit_disconnections:0
# Latencystats
latency_percentiles_usec_get:p50=1.003,p99=2.007,p99.9=4.015
# Commandstats
cmdstat_config|get:calls=2,usec=10,usec_per_call=5.00,rejected_calls=1,failed_calls=3
# Errorstats
errorstat_ERR:count=4
# Modules
search_number_of_indexes:2
`);
  expect(lines).toEqual(
    expect.arrayContaining([
      'redis_pubsub_clients 3',
      'redis_watching_clients 1',
      'redis_total_watched_keys 2',
      'redis_mem_overhead_db_hashtable_rehashing_bytes 5',
      'redis_expired_subkeys_total 4',
      'redis_evicted_scripts_total 6',
      'redis_eventloop_cycles_total 100',
      'redis_instantaneous_eventloop_duration_usec 9',
      'redis_acl_access_denied_auth_total 1',
      'redis_commands_rejected_calls_total{cmd="config|get"} 1',
      'redis_commands_failed_calls_total{cmd="config|get"} 3',
      'redis_errors_total{err="ERR"} 4',
      'redis_search_number_of_indexes 2',
    ]),
  );
});

test('Valkey 8.1: its version, threads and command logs', () => {
  const lines = infoSamples(
    '# Server\nredis_version:7.2.4\nvalkey_version:8.1.0\nvalkey_release_stage:ga\n# CPU\nused_active_time_main_thread:1.5\nused_active_time_io_thread_2:0.25\n',
  );
  expect(lines).toContain('redis_active_time_main_thread_seconds_total 1.5');
  expect(lines).toContain('redis_active_time_io_thread_seconds_total{thread="2"} 0.25');
  expect(lines.find((line) => line.startsWith('redis_instance_info'))).toContain(
    'valkey_release_stage="ga",valkey_version="8.1.0"',
  );
  const config = new Map([['commandlog-request-larger-than', '1048576']]);
  expect(samples((families) => writeCommandLogs([1, 2, new Error('x')], config, families))).toEqual([
    'redis_commandlog_large_request_length 2',
    'redis_commandlog_request_larger_than 1048576',
    'redis_commandlog_slow_length 1',
  ]);
});

test('the sum of a histogram is that of the command and its subcommands', () => {
  const info = parseInfo('# Commandstats\ncmdstat_config|get:calls=1,usec=10\ncmdstat_config|set:calls=1,usec=5\n');
  const reply = ['config', ['calls', 2, 'histogram_usec', [8, 1, 16, 2]]];
  expect(samples((families) => writeLatencyHistograms(reply, info, families))).toEqual([
    'redis_commands_latencies_usec_bucket{cmd="config",le="8"} 1',
    'redis_commands_latencies_usec_bucket{cmd="config",le="16"} 2',
    'redis_commands_latencies_usec_bucket{cmd="config",le="+Inf"} 2',
    'redis_commands_latencies_usec_sum{cmd="config"} 15',
    'redis_commands_latencies_usec_count{cmd="config"} 2',
  ]);
});

test('CLIENT LIST of an old server and of a new one', () => {
  const list = `id=11 addr=127.0.0.1:63508 fd=8 name= age=60 idle=2 flags=N db=0 sub=0 psub=0 multi=-1 qbuf=0 qbuf-free=0 obl=0 oll=0 omem=0 events=r cmd=setex
id=12 addr=[::1]:1 name=me age=1 idle=0 flags=S db=3 sub=1 psub=2 ssub=3 watch=4 qbuf=5 qbuf-free=6 obl=7 oll=8 omem=9 tot-mem=10 user=app resp=3
nonsense`;
  const lines = samples((families) => writeClients(list, { now: 100, withPort: true }, families));
  expect(lines).toContain(
    'redis_connected_client_info{db="0",flags="N",host="127.0.0.1",id="11",name="",port="63508"} 1',
  );
  expect(lines).toContain(
    'redis_connected_client_info{db="3",flags="S",host="[::1]",id="12",name="me",port="1",resp="3",user="app"} 1',
  );
  expect(lines).toContain('redis_connected_client_created_at_timestamp{id="11",name=""} 40');
  expect(lines).toContain('redis_connected_client_shard_channel_watched_keys{id="12",name="me"} 4');
  expect(lines.filter((line) => line.includes('watched_keys'))).toHaveLength(1);
});

test.each([
  ['a', [{ db: 0, key: 'a' }]],
  [
    'db3=a,7=b%2Cc,,=x',
    [
      { db: 3, key: 'a' },
      { db: 7, key: 'b,c' },
    ],
  ],
])('the list of keys %s', (text, expected) => {
  expect(parseKeys(text)).toEqual(expected);
});

test.each([
  ['a=b=c', 'invalid key list argument'],
  ['dbx=a', 'invalid database index'],
  ['%zz', "couldn't parse db/key string"],
])('%s is no list of keys', (text, message) => {
  expect(() => parseKeys(text)).toThrow(message);
});

test('one line of CSV', () => {
  expect(parseCsvLine(' ^a$ ,"b,""c""",,d')).toEqual(['^a$', 'b,"c"', 'd']);
  expect(parseCsvLine('')).toEqual([]);
});

test.each([
  ['host:1', { host: 'host', port: 1, isTls: false, uri: 'redis://host:1' }],
  ['redis://u:p%40w@host/2', { host: 'host', port: 6379, user: 'u', password: 'p@w', db: 2, uri: 'redis://u@host/2' }],
  ['valkeys://[::1]:7', { host: '::1', port: 7, isTls: true, uri: 'rediss://[::1]:7' }],
  ['unix:///run/redis.sock', { path: '/run/redis.sock' }],
])('the address %s', (text, expected) => {
  expect(parseRedisAddress(text)).toMatchObject(expected);
});

test('a password by address, and by user', () => {
  const passwords = new Map([
    ['redis://h:1', 'a'],
    ['redis://u@h:1', 'b'],
  ]);
  expect(passwordOf(passwords, parseRedisAddress('h:1'), '')).toBe('a');
  expect(passwordOf(passwords, parseRedisAddress('redis://h:1'), 'u')).toBe('b');
  expect(passwordOf(passwords, parseRedisAddress('redis://u:x@h:1'), 'u')).toBe('b');
  expect(passwordOf(passwords, parseRedisAddress('other:1'), '')).toBeUndefined();
});

test.each([
  ['id 10.0.0.1:7002@17002,node.example myself,master - 0 0 3 connected 0-1', true, ['node.example:7002']],
  ['id 10.0.0.1:7002@17002,node.example,shard-id=x master', false, ['10.0.0.1:7002']],
  ['id 2001:db8::1:7002@17002 master', false, ['2001:db8::1:7002']],
  ['', true, []],
])('a line of CLUSTER NODES: %s', (line, byHostname, expected) => {
  expect(nodeAddress(line, byHostname)).toEqual(expected);
});
