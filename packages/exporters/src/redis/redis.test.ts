import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ENTRY_END, ExpositionParser } from '@avalanche/exposition';
import { type Logger, silentLogger } from '@avalanche/model';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { Authority, hasOpenssl } from '../../../../tests/support/certificates.ts';
import { freePort, hasRedis, type RunningService, startRedis } from '../../../../tests/support/services.ts';
import { type RedisExporterOptions, redisAnswers, startRedisExporter } from './start.ts';

const hasOriginal = spawnSync('prometheus-redis-exporter', ['--version']).status === 0;

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const role of running.splice(0).reverse()) await role.stop();
});

async function start(address: string, options: Partial<RedisExporterOptions> = {}) {
  const listen = { host: '127.0.0.1', port: 0 };
  const role = await startRedisExporter({ listen, logger: silentLogger, version: 'test', address, ...options });
  running.push(role);
  return role;
}

/** The body of a scrape, which must be a valid exposition. */
async function scrape(url: string, path = '/metrics', timeoutSeconds = 10): Promise<string> {
  const headers = { 'x-prometheus-scrape-timeout-seconds': String(timeoutSeconds) };
  const text = await (await fetch(url + path, { headers })).text();
  const parser = new ExpositionParser(text, 'text');
  while (parser.next() !== ENTRY_END); // throws where it is no exposition
  return text;
}

async function withClient<T>(url: string, work: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(url, { lazyConnect: true, disableClientInfo: true, protocol: 2 });
  client.on('error', () => {});
  try {
    await client.connect();
    return await work(client);
  } finally {
    client.disconnect();
  }
}

/** Connections of the exporter that the server knows. */
function connectionsLeft(url: string): Promise<number> {
  return withClient(url, async (client) => {
    const list = (await client.client('LIST')) as string;
    return list.split('\n').filter((line) => line.includes('name=redis_exporter')).length;
  });
}

function remembering(): { readonly logger: Logger; readonly lines: string[] } {
  const lines: string[] = [];
  const keep = (message: string, fields?: Readonly<Record<string, unknown>>) => {
    lines.push([message, ...Object.values(fields ?? {}).map(String)].join(' '));
  };
  const logger: Logger = { debug() {}, info: keep, warn: keep, error: keep, child: () => logger };
  return { logger, lines };
}

describe.skipIf(!hasRedis)('with a real Redis (Debian package redis-server)', () => {
  let redis: RunningService;
  beforeAll(async () => {
    redis = await startRedis();
    await withClient(redis.url, async (client) => {
      await client.mset('job:1', '12.5', 'job:2', 'word', 'big', 'x'.repeat(5000));
      await client.select(3);
      await client.rpush('queue', 'a', 'b', 'c');
      await client.pfadd('visitors', 'a', 'b');
      await client.hset('hash', 'a', 1);
      await client.select(0);
      await client.xadd('events', '1700000000000-1', 'a', '1');
      await client.xadd('events', '1700000000001-1', 'a', '2');
      await client.xgroup('CREATE', 'events', 'readers', '0');
      await client.xreadgroup('GROUP', 'readers', 'one', 'COUNT', 1, 'STREAMS', 'events', '>');
      await client.call('nosuchcommand').catch(() => {});
    });
  });
  afterAll(() => redis.stop());

  test('what the dashboards read is there, and no connection stays', async () => {
    expect(await redisAnswers(redis.url)).toBe(true);
    const role = await start(redis.url);
    await scrape(role.url);
    const text = await scrape(role.url);
    for (const series of [
      /^redis_up 1$/m,
      /^redis_memory_used_bytes \d+$/m,
      /^redis_total_system_memory_bytes \d+$/m,
      /^redis_connected_clients [1-9]\d*$/m,
      /^redis_commands_total\{cmd="info"\} [1-9]\d*$/m,
      /^redis_commands_latencies_usec_bucket\{cmd="info",le="\+Inf"\} [1-9]\d*$/m,
      /^redis_latency_percentiles_usec\{cmd="info",quantile="99.9"\} [\d.]+$/m,
      /^redis_errors_total\{err="ERR"\} [1-9]\d*$/m,
      /^redis_db_keys\{db="db15"\} 0$/m,
      /^redis_db_keys\{db="db3"\} 3$/m,
      /^redis_config_maxclients \d+$/m,
      /^redis_config_client_output_buffer_limit_bytes\{class="slave",limit="hard"\} \d+$/m,
      /^redis_slowlog_length \d+$/m,
      /^redis_exporter_scrapes_total 2$/m,
      /^redis_exporter_last_scrape_error\{err=""\} 0$/m,
      /^redis_exporter_build_info\{build_date="",commit_sha="",golang_version="",version="test"\} 1$/m,
    ]) {
      expect(text).toMatch(series);
    }
    await vi.waitFor(async () => expect(await connectionsLeft(redis.url)).toBe(0));
    const errors = /^redis_total_error_replies (\d+)$/m;
    expect(errors.exec(await scrape(role.url))?.[1]).toBe(errors.exec(text)?.[1]);
  });

  test('keys, counts, groups, streams, clients, settings and scripts, as flags ask for them', async () => {
    const role = await start(redis.url, {
      checkKeys: 'job:*,db3=h*',
      checkSingleKeys: 'big,db3=queue,db3=visitors,nokey',
      countKeys: 'db0=job:*,db3=*',
      checkStreams: 'ev*',
      checkKeyGroups: '"^(job):"',
      exportClientList: true,
      includeConfigMetrics: true,
      pingOnConnect: true,
      includeModulesMetrics: true,
      includeRdbFileSizeMetric: true,
      scripts: new Map([['s.lua', "return {'a', '1.5', 'b', '7'}"]]),
    });
    const text = await scrape(role.url);
    for (const series of [
      'redis_key_size{db="db0",key="job:1"} 4',
      'redis_key_value{db="db0",key="job:1"} 12.5',
      'redis_key_value_as_string{db="db0",key="job:2",val="word"} 1',
      'redis_key_size{db="db0",key="big"} 5000',
      'redis_key_size{db="db3",key="queue"} 3',
      'redis_key_size{db="db3",key="visitors"} 2',
      'redis_key_size{db="db3",key="hash"} 1',
      'redis_key_size{db="db0",key="nokey"} 0',
      'redis_keys_count{db="db0",key="job:*"} 2',
      'redis_keys_count{db="db3",key="*"} 3',
      'redis_key_group_count{db="db0",key_group="job"} 2',
      'redis_number_of_distinct_key_groups{db="db0"} 2',
      'redis_stream_length{db="db0",stream="events"} 2',
      'redis_stream_first_entry_id{db="db0",stream="events"} 1700000000000',
      'redis_stream_group_messages_pending{db="db0",group="readers",stream="events"} 1',
      'redis_stream_group_lag{db="db0",group="readers",stream="events"} 1',
      'redis_stream_group_consumer_messages_pending{consumer="one",db="db0",group="readers",stream="events"} 1',
      'redis_config_value{key="databases"} 16',
      'redis_script_values{filename="s.lua",key="a"} 1.5',
      'redis_script_result{filename="s.lua"} 1',
      'redis_rdb_current_size_bytes 0',
    ]) {
      expect(text).toContain(`\n${series}\n`);
    }
    expect(text).toMatch(/^redis_key_memory_usage_bytes\{db="db3",key="queue"\} \d+$/m);
    expect(text).toMatch(
      /^redis_connected_client_info\{db="0",flags="N",host="127.0.0.1",id="\d+",name="redis_exporter"/m,
    );
    expect(text).not.toMatch(/key="requirepass"|x{100}/);
  });

  test('other names, roles on everything, and less of it', async () => {
    const role = await start(redis.url, {
      namespace: 'kv',
      appendInstanceRoleLabel: true,
      redisOnlyMetrics: true,
      includeMetricsForEmptyDatabases: false,
      excludeLatencyHistogramMetrics: true,
      includeSystemMetrics: false,
      configCommand: '-',
      setClientName: false,
    });
    const text = await scrape(role.url);
    expect(text).toMatch(/^kv_up\{instance_role="master"\} 1$/m);
    expect(text).toMatch(/^kv_db_keys\{db="db0",instance_role="master"\} 4$/m);
    expect(text).not.toMatch(/^(?:redis|process)_|_build_info|total_system_memory|db15|latencies_usec|_config_/m);
  });

  test('targets by address, the lists of a request, and what is wrong with one', async () => {
    const role = await start('', { checkKeys: 'job:*' });
    const target = encodeURIComponent(redis.url);
    const text = await scrape(role.url, `/scrape?target=${target}&check-keys=db3%3Dqueue&check-single-keys=nokey`);
    expect(text).toMatch(/^redis_up 1$/m);
    expect(text).toMatch(/^redis_key_size\{db="db3",key="queue"\} 3$/m);
    expect(text).not.toMatch(/key="job:1"|process_cpu/);
    expect(await scrape(role.url, `/scrape?target=${redis.url.slice('redis://'.length)}`)).toMatch(/key="job:1"/);
    expect(await scrape(role.url, '/scrape?target=127.0.0.1:1')).toMatch(/^redis_up 0$/m);
    for (const [query, answer] of [
      ['', "'target' parameter must be specified\n"],
      [
        `?target=${target}&check-keys=a=b=c`,
        "NewRedisExporter() error: couldn't parse check-keys: invalid key list argument: a=b=c\n",
      ],
      [
        '?target=http://x',
        "Invalid 'target' parameter, parse err: a server is named by redis:// or rediss://, not http://\n",
      ],
    ]) {
      const response = await fetch(`${role.url}/scrape${query}`);
      expect([response.status, await response.text()]).toEqual([400, answer]);
    }
    expect(await scrape(role.url)).toMatch(/^redis_target_scrape_request_errors_total 3$/m);
    expect(await (await fetch(`${role.url}/health`)).text()).toBe('ok');
    expect((await fetch(`${role.url}/-/reload`)).status).toBe(400);
    expect((await fetch(`${role.url}/discover-cluster-nodes`)).status).toBe(400);
    const closed = await start(redis.url, { disableScrapeEndpoint: true, basicAuth: { user: 'a', password: 'b:c' } });
    const authorization = `Basic ${Buffer.from('a:b:c').toString('base64')}`;
    expect((await fetch(`${closed.url}/metrics`)).status).toBe(401);
    expect((await fetch(`${closed.url}/metrics`, { headers: { authorization } })).status).toBe(200);
    expect((await fetch(`${closed.url}/scrape?target=x`, { headers: { authorization } })).status).toBe(404);
  });

  test('a large keyspace is walked through within bounds: what is not counted to its end is not told', async () => {
    await withClient(redis.url, async (client) => {
      await client.select(9);
      await client.eval("for i = 1, 50000 do redis.call('SET', 'k:' .. i, i) end", 0);
    });
    const { logger, lines } = remembering();
    const options = { countKeys: 'db9=k:*', checkKeys: 'db9=k:*', maxScannedKeys: 5000, logger };
    const text = await scrape((await start(redis.url, options)).url);
    expect(text).toMatch(/^redis_up 1$/m);
    expect(text).not.toMatch(/redis_keys_count/);
    expect(text.match(/^redis_key_size\{db="db9"/gm)?.length).toBeLessThan(6000);
    expect(lines.join('\n')).toContain('k:*: more than 5000 keys');
    const whole = await scrape((await start(redis.url, { countKeys: 'db9=k:*' })).url);
    expect(whole).toMatch(/^redis_keys_count\{db="db9",key="k:\*"\} 50000$/m);
    await withClient(redis.url, async (client) => {
      await client.select(9);
      await client.flushdb();
    });
  });

  test.skipIf(!hasOriginal)('side by side with the original (Debian package prometheus-redis-exporter)', async () => {
    const port = await freePort();
    const args = [`--redis.addr=${redis.url}`, `--web.listen-address=127.0.0.1:${port}`, '--include-system-metrics'];
    const original = spawn('prometheus-redis-exporter', args, { stdio: 'ignore' });
    try {
      const role = await start(redis.url);
      const theirsUrl = `http://127.0.0.1:${port}`;
      await expect
        .poll(() =>
          fetch(`${theirsUrl}/metrics`).then(
            (r) => r.status,
            () => 0,
          ),
        )
        .toBe(200);
      const [theirs, ours] = [await scrape(theirsUrl), await scrape(role.url)];
      const types = (text: string) =>
        new Map([...text.matchAll(/^# TYPE (redis_\S+) (\w+)$/gm)].map(([, name, type]) => [name, type]));
      const candidate = types(ours);
      const other = [...types(theirs)].filter(([name, type]) => candidate.get(name) !== type).map(([name]) => name);
      expect(other).toEqual(['redis_expired_time_cap_reached_total']); // a counter in newer versions
      const stable = (text: string) =>
        [
          ...text.matchAll(
            /^(redis_(?:db_keys|config_|memory_max|start_time|up|process_id|connected_slaves)\S*) (\S+)$/gm,
          ),
        ]
          .filter(([, series]) => !/output_buffer|repl_backlog/.test(series))
          .map(([, series, value]) => [series, Number(value)]);
      expect(stable(ours).sort()).toEqual(stable(theirs).sort());
    } finally {
      original.kill();
    }
  });
});

describe.skipIf(!hasRedis)('who may ask, and how (Debian package redis-server)', () => {
  test('a password, an ACL user, and a password file that is read again', async () => {
    const redis = await startRedis({ args: ['--requirepass', 's3cret'] });
    const directory = mkdtempSync(join(tmpdir(), 'redis-passwords-'));
    const passwordFile = join(directory, 'passwords.json');
    try {
      const at = redis.url.slice('redis://'.length);
      await withClient(`redis://:s3cret@${at}`, (client) =>
        client.acl('SETUSER', 'watcher', 'on', '>w4tch', '+client', '+info', '+ping', '+select'),
      );
      const { logger, lines } = remembering();
      const wrong = await start(redis.url, { password: 'wr0ng', logger });
      const refused = await scrape(wrong.url);
      await scrape(wrong.url);
      expect(refused).toMatch(/^redis_up 0$/m);
      expect(refused).toMatch(/^redis_exporter_last_scrape_error\{err="WRONGPASS[^"]*"\} 1$/m);
      expect(lines).toHaveLength(1);
      expect(refused + lines.join()).not.toContain('wr0ng');
      expect(await scrape((await start(redis.url)).url)).toMatch(/err="NOAUTH[^"]*"\} 1$/m);
      expect(await scrape((await start(redis.url, { password: 's3cret' })).url)).toMatch(/^redis_up 1$/m);
      expect(await scrape((await start(`redis://:s3cret@${at}`)).url)).toMatch(/^redis_up 1$/m);
      const limited = await scrape((await start(redis.url, { user: 'watcher', password: 'w4tch' })).url);
      expect(limited).toMatch(/^redis_up 1$/m);
      expect(limited).toMatch(/^redis_db_keys\{db="db15"\} 0$/m);
      expect(limited).not.toMatch(/redis_config_maxclients|redis_slowlog/);
      writeFileSync(passwordFile, JSON.stringify({ [redis.url]: 'old' }));
      const byFile = await start(redis.url, { passwordFile });
      expect(await scrape(byFile.url)).toMatch(/^redis_up 0$/m);
      writeFileSync(passwordFile, '{');
      expect((await fetch(`${byFile.url}/-/reload`)).status).toBe(500);
      writeFileSync(passwordFile, JSON.stringify({ [redis.url]: 's3cret', [`redis://watcher@${at}`]: 'w4tch' }));
      expect(await (await fetch(`${byFile.url}/-/reload`, { method: 'POST' })).text()).toBe('ok');
      expect(await scrape(byFile.url)).toMatch(/^redis_up 1$/m);
      const target = `/scrape?target=${encodeURIComponent(`redis://watcher@${at}`)}`;
      expect(await scrape(byFile.url, target)).toMatch(/^redis_up 1$/m);
    } finally {
      await redis.stop();
      rmSync(directory, { recursive: true });
    }
  });

  test.skipIf(!hasOpenssl)('TLS with a certificate of our own, and a Unix socket', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'redis-tls-'));
    const authority = new Authority(directory, 'authority');
    const server = authority.sign('localhost', 'DNS:localhost');
    const client = authority.sign('client', 'DNS:client');
    const tlsPort = await freePort();
    const socket = join(directory, 'redis.sock');
    const redis = await startRedis({
      args: [
        ...['--tls-port', String(tlsPort), '--tls-cert-file', server.certFile, '--tls-key-file', server.keyFile],
        ...['--tls-ca-cert-file', authority.certFile, '--unixsocket', socket, '--databases', '20'],
      ],
    });
    try {
      const tls = {
        tlsCaCertFile: authority.certFile,
        tlsClientCertFile: client.certFile,
        tlsClientKeyFile: client.keyFile,
      };
      const upAt = async (address: string, options: Partial<RedisExporterOptions>) =>
        /^redis_up (\d)$/m.exec(await scrape((await start(address, options)).url))?.[1];
      expect(await upAt(`rediss://localhost:${tlsPort}`, tls)).toBe('1');
      expect(await upAt(`valkeys://localhost:${tlsPort}`, tls)).toBe('1');
      expect(await upAt(`rediss://127.0.0.1:${tlsPort}`, tls)).toBe('0');
      expect(await upAt(`rediss://127.0.0.1:${tlsPort}`, { ...tls, tlsServerName: 'localhost' })).toBe('1');
      expect(await upAt(`rediss://localhost:${tlsPort}`, { ...tls, tlsCaCertFile: '' })).toBe('0');
      expect(
        await upAt(`rediss://localhost:${tlsPort}`, { ...tls, tlsCaCertFile: '', skipTlsVerification: true }),
      ).toBe('1');
      expect(await upAt(`rediss://localhost:${tlsPort}`, { tlsCaCertFile: authority.certFile })).toBe('0');
      expect(await upAt(`redis://localhost:${tlsPort}`, {})).toBe('0');
      expect(await scrape((await start(`unix://${socket}`)).url)).toMatch(/^redis_db_keys\{db="db19"\} 0$/m);
    } finally {
      await redis.stop();
      rmSync(directory, { recursive: true });
    }
  });
});

describe.skipIf(!hasRedis)('several servers (Debian package redis-server)', () => {
  test('a replica and its master; a Sentinel of both', async () => {
    const master = await startRedis();
    const replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(master.port)] });
    const directory = mkdtempSync(join(tmpdir(), 'sentinel-'));
    const config = join(directory, 'sentinel.conf');
    writeFileSync(
      config,
      `sentinel monitor mine 127.0.0.1 ${master.port} 1\nsentinel down-after-milliseconds mine 5000\n`,
    );
    const port = await freePort();
    const sentinel = spawn('redis-server', [config, '--sentinel', '--port', String(port), '--bind', '127.0.0.1'], {
      stdio: 'ignore',
      cwd: directory,
    });
    try {
      const [ours, theirs] = [await start(master.url), await start(replica.url)];
      await expect
        .poll(() => scrape(ours.url), { timeout: 10_000 })
        .toMatch(
          /^redis_connected_slave_lag_seconds\{slave_ip="127.0.0.1",slave_port="\d+",slave_state="online"\} \d+$/m,
        );
      const text = await scrape(theirs.url);
      expect(text).toMatch(
        new RegExp(`^redis_master_link_up\\{master_host="127.0.0.1",master_port="${master.port}"\\} 1$`, 'm'),
      );
      expect(text).toMatch(/^redis_master_last_io_seconds_ago\{master_host="127.0.0.1",master_port="\d+"\} \d+$/m);
      expect(text).toMatch(/^redis_slave_repl_offset\{master_host="127.0.0.1",master_port="\d+"\} \d+$/m);
      expect(text).toMatch(/^redis_slave_info\{master_host="127.0.0.1",master_port="\d+",read_only="1"\} 1$/m);
      const skipping = await start(master.url, { checkSingleKeys: 'a', skipCheckKeysForRoleMaster: true });
      expect(await scrape(skipping.url)).not.toMatch(/redis_key_size/);
      const watcher = await start(`redis://127.0.0.1:${port}`, {
        includeSentinelPeerInfo: true,
        includeConfigMetrics: true,
      });
      await expect
        .poll(() => scrape(watcher.url), { timeout: 15_000 })
        .toMatch(/^redis_sentinel_master_ok_slaves\{master_address="127.0.0.1:\d+",master_name="mine"\} 1$/m);
      const sentinelText = await scrape(watcher.url);
      expect(sentinelText).toMatch(/^redis_up 1$/m);
      expect(sentinelText).toMatch(/^redis_sentinel_masters 1$/m);
      expect(sentinelText).toMatch(/^redis_sentinel_master_status\{.*master_status="ok"\} 1$/m);
      expect(sentinelText).toMatch(
        /^redis_sentinel_master_ckquorum_status\{master_name="mine",message="OK [^"]*"\} 1$/m,
      );
      expect(sentinelText).toMatch(/^redis_sentinel_master_setting_down_after_milliseconds\{.*\} 5000$/m);
      expect(sentinelText).toMatch(/^redis_sentinel_config_value\{key="[^"]+"\}/m);
    } finally {
      sentinel.kill('SIGKILL');
      await replica.stop();
      await master.stop();
      rmSync(directory, { recursive: true, force: true });
    }
  }, 60_000);

  test('a cluster: its state, keys of all its nodes, its discovery, and a node that goes away', async () => {
    const nodes = await Promise.all(
      [0, 1, 2].map(() => startRedis({ args: ['--cluster-enabled', 'yes', '--cluster-node-timeout', '1000'] })),
    );
    try {
      const at = nodes.map(({ port }) => `127.0.0.1:${port}`);
      execFileSync('redis-cli', ['--cluster', 'create', ...at, '--cluster-yes'], { stdio: 'pipe', timeout: 30_000 });
      const role = await start(nodes[0].url, {
        isCluster: true,
        checkKeys: 'k*',
        countKeys: 'k*',
        checkSingleKeys: 'k1',
      });
      await expect.poll(() => scrape(role.url), { timeout: 20_000 }).toMatch(/^redis_cluster_state 1$/m);
      for (let i = 0; i < 30; i++) execFileSync('redis-cli', ['-c', '-p', String(nodes[0].port), 'SET', `k${i}`, 'v']);
      const text = await scrape(role.url);
      expect(text).toMatch(/^redis_cluster_known_nodes 3$/m);
      expect(text).toMatch(/^redis_cluster_slots_ok 16384$/m);
      expect(text).toMatch(/^redis_keys_count\{db="db0",key="k\*"\} 30$/m);
      expect(text.match(/^redis_key_size\{db="db0",key="k\d+"\} 1$/gm)).toHaveLength(30);
      expect(text).not.toMatch(/db="db1"/);
      const found = (await (await fetch(`${role.url}/discover-cluster-nodes`)).json()) as { targets: string[] }[];
      expect(found[0].targets.sort()).toEqual(at.map((address) => `redis://${address}`).sort());
      await nodes[2].stop();
      await expect.poll(() => scrape(role.url, '/metrics', 5), { timeout: 20_000 }).toMatch(/^redis_cluster_state 0$/m);
      const begin = performance.now();
      expect(await scrape(role.url, '/metrics', 5)).toMatch(/^redis_up 1$/m);
      expect(performance.now() - begin).toBeLessThan(5000);
    } finally {
      await Promise.all(nodes.map((node) => node.stop()));
    }
  }, 90_000);
});

test('a server that is away, and one that accepts and never answers, are redis_up 0 in bounded time', async () => {
  const mute = createServer((socket) => socket.resume());
  await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
  const { port } = mute.address() as { port: number };
  try {
    for (const at of ['127.0.0.1:1', `127.0.0.1:${port}`]) {
      const role = await start(`redis://${at}`, { password: 'x' });
      const begin = performance.now();
      const text = await scrape(role.url, '/metrics', 2);
      expect(performance.now() - begin).toBeLessThan(2000);
      expect(text).toMatch(/^redis_up 0$/m);
      expect(text).toMatch(/^redis_exporter_last_scrape_error\{err="[^"]+"\} 1$/m);
    }
    const connections = () =>
      new Promise<number>((resolve, reject) =>
        mute.getConnections((error, count) => (error ? reject(error) : resolve(count))),
      );
    await expect.poll(connections).toBe(0);
  } finally {
    mute.close();
  }
});

test('something that is no Redis is redis_up 0, with what it said', async () => {
  const web = await start('');
  const role = await start(new URL(web.url).host);
  expect(await scrape(role.url)).toMatch(/^redis_exporter_last_scrape_error\{err="Unknown RESP type .*\} 1$/m);
});

test('what cannot be used is told at the start', async () => {
  const options = { listen: { host: '127.0.0.1', port: 0 }, logger: silentLogger, version: 'test' };
  const startWith = (more: Partial<RedisExporterOptions>) => startRedisExporter({ ...options, address: '', ...more });
  await expect(startWith({ checkKeys: 'a=b=c' })).rejects.toThrow("couldn't parse check-keys");
  await expect(startWith({ countKeys: 'dbx=*' })).rejects.toThrow('invalid database index');
  await expect(startWith({ address: 'http://u:s3cret@x' })).rejects.toThrow('not http://');
  await expect(startWith({ passwordFile: '/nonexistent' })).rejects.toThrow('cannot read /nonexistent: ENOENT');
  await expect(startWith({ tlsCaCertFile: '/nonexistent' })).rejects.toThrow('--tls-ca-cert-file: cannot read');
});
