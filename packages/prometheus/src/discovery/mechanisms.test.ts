import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@avalanche/model';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { discoveryFields } from '../config/discovery.ts';
import { type Discover, discover, type TargetGroup } from './discovery.ts';
import { discoverByDns } from './dns.ts';

const directory = mkdtempSync(join(tmpdir(), 'avalanche-discovery-'));
const ends: (() => unknown)[] = [];
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
});
afterAll(() => rmSync(directory, { recursive: true }));

const errors: string[] = [];
const logger = {
  ...silentLogger,
  error: (_message: string, more: Readonly<Record<string, unknown>> = {}) => void errors.push(String(more.error)),
};
const context = { logger, resolvePath: (path: string) => path };
const parse = (config: object) => z.strictObject(discoveryFields).parse(config);

/** What a configuration finds, each change of it. */
function watch(config: object): string[][] {
  errors.length = 0;
  const seen: string[][] = [];
  ends.push(discover(parse(config), context, (targets) => seen.push(targets.map(String))));
  return seen;
}

async function serve(server: Server, path?: string): Promise<number> {
  await new Promise<void>((resolve) => (path ? server.listen(path, resolve) : server.listen(0, '127.0.0.1', resolve)));
  ends.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return path ? 0 : (server.address() as AddressInfo).port;
}

test('http: targets come with the address, and stay where an answer cannot be used', async () => {
  const answers: [status: number, type: string, body: string][] = [
    [200, 'application/json; charset=utf-8', '[{"targets":["a:1"],"labels":{"env":"x"}},{"targets":["b:2"]}]'],
    [500, 'application/json', '[]'],
    [200, 'text/plain', '[]'],
    [200, 'application/json', '[null]'],
    [200, 'application/json', '[]'],
  ];
  const asked: unknown[] = [];
  const server = createServer((request, response) => {
    asked.push(request.headers['x-prometheus-refresh-interval-seconds']);
    const [status, type, body] = answers.length > 1 ? (answers.shift() ?? [500, '', '']) : answers[0];
    response.writeHead(status, { 'content-type': type }).end(body);
  });
  const url = `http://127.0.0.1:${await serve(server)}/`;
  const seen = watch({ http_sd_configs: [{ url, refresh_interval: '700ms' }] });
  await vi.waitFor(() => expect(seen.length).toBeGreaterThanOrEqual(3), 15_000);
  expect(seen.slice(0, 3)).toEqual([
    [],
    [`{__address__="a:1", __meta_url="${url}", env="x"}`, `{__address__="b:2", __meta_url="${url}"}`],
    [],
  ]);
  expect(asked[0]).toBe('0.7');
  expect(errors).toEqual([
    'Error: server returned HTTP status 500 Internal Server Error',
    'Error: unsupported content type "text/plain"',
    'Error: nil target group item found',
  ]);
});

describe('docker', () => {
  const containers = [
    {
      Id: 'one',
      Names: ['/web'],
      Image: 'nginx',
      ImageID: 'sha256:1',
      Labels: { 'com.example/team': 'a' },
      Ports: [
        { IP: '0.0.0.0', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' },
        { PrivatePort: 53, Type: 'udp' },
      ],
      HostConfig: { NetworkMode: 'bridge' },
      NetworkSettings: {
        Networks: { z: { NetworkID: 'n2', IPAddress: '10.0.1.1' }, bridge: { NetworkID: 'n1', IPAddress: '10.0.0.1' } },
      },
    },
    {
      Id: 'two',
      Names: ['/side'],
      Ports: [],
      HostConfig: { NetworkMode: 'container:one' },
      NetworkSettings: { Networks: {} },
    },
    {
      Id: 'three',
      Names: ['/host'],
      Ports: null,
      HostConfig: { NetworkMode: 'host' },
      NetworkSettings: { Networks: { host: { NetworkID: 'n3', IPAddress: '' } } },
    },
  ];
  const networks = [
    { Id: 'n1', Name: 'bridge', Scope: 'local', Internal: false, Ingress: false, Labels: { 'a.b': 'c' } },
  ];
  const asked: string[] = [];
  const daemon = () =>
    createServer((request, response) => {
      asked.push(request.url ?? '');
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(request.url?.startsWith('/networks') ? networks : containers));
    });

  test.each(['unix', 'http', 'tcp'])('by %s', async (scheme) => {
    asked.length = 0;
    const socket = join(directory, 'docker.sock');
    const port = await serve(daemon(), scheme === 'unix' ? socket : undefined);
    const host = scheme === 'unix' ? `unix://${socket}` : `${scheme}://127.0.0.1:${port}`;
    const seen = watch({ docker_sd_configs: [{ host, port: 9, filters: [{ name: 'status', values: ['running'] }] }] });
    await vi.waitFor(() => expect(seen).toHaveLength(2));
    const network =
      '__meta_docker_network_id="n1", __meta_docker_network_ingress="false", __meta_docker_network_internal="false", __meta_docker_network_ip="10.0.0.1", __meta_docker_network_label_a_b="c", __meta_docker_network_name="bridge", __meta_docker_network_scope="local"';
    expect(seen[1]).toEqual([
      `{__address__="10.0.0.1:80", __meta_docker_container_id="one", __meta_docker_container_image="nginx", __meta_docker_container_image_id="sha256:1", __meta_docker_container_label_com_example_team="a", __meta_docker_container_name="/web", __meta_docker_container_network_mode="bridge", ${network}, __meta_docker_port_private="80", __meta_docker_port_public="8080", __meta_docker_port_public_ip="0.0.0.0"}`,
      `{__address__="10.0.0.1:9", __meta_docker_container_id="two", __meta_docker_container_name="/side", __meta_docker_container_network_mode="container:one", ${network}}`,
      '{__address__="localhost", __meta_docker_container_id="three", __meta_docker_container_name="/host", __meta_docker_container_network_mode="host"}',
    ]);
    expect(asked).toContain(`/containers/json?filters=${encodeURIComponent('{"status":["running"]}')}`);
  });

  test('a daemon that is not there is told', async () => {
    const seen = watch({ docker_sd_configs: [{ host: 'tcp://127.0.0.1:1' }] });
    await vi.waitFor(() => expect(errors).toHaveLength(1));
    expect(errors[0]).toContain('error while listing containers: Get "http://127.0.0.1:1/containers/json": dial tcp');
    expect(seen).toEqual([[]]);
  });
});

describe('dns', () => {
  const TYPES: Readonly<Record<number, string>> = { 1: 'A', 2: 'NS', 15: 'MX', 28: 'AAAA', 33: 'SRV' };

  /** A name server with these records (`NAME TYPE` to record data); names that it does not know do not exist. */
  async function nameServer(records: Readonly<Record<string, readonly Buffer[] | 'refused'>>): Promise<string> {
    const socket: UdpSocket = createSocket('udp4');
    socket.on('message', (query, { address, port }) => {
      let end = 12;
      const labels: string[] = [];
      for (; query[end] > 0; end += query[end] + 1)
        labels.push(query.toString('latin1', end + 1, end + 1 + query[end]));
      const question = query.subarray(12, end + 5);
      const type = query.readUInt16BE(end + 1);
      const found = records[`${labels.join('.')} ${TYPES[type]}`];
      const data = found === undefined || found === 'refused' ? [] : found;
      const code = found === 'refused' ? 5 : found === undefined ? 3 : 0;
      const head = Buffer.from([query[0], query[1], 0x81, 0x80 | code, 0, 1, 0, data.length, 0, 0, 0, 0]);
      const answers = data.map((rdata) => {
        const fixed = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, rdata.length >> 8, rdata.length & 255]);
        return Buffer.concat([fixed, rdata]);
      });
      socket.send(Buffer.concat([head, question, ...answers]), port, address);
    });
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    ends.push(() => new Promise<void>((resolve) => socket.close(() => resolve())));
    return `127.0.0.1:${socket.address().port}`;
  }

  const name = (text: string) =>
    Buffer.concat([
      ...text.split('.').map((label) => Buffer.from([label.length, ...Buffer.from(label)])),
      Buffer.from([0]),
    ]);
  const number = (value: number) => Buffer.from([value >> 8, value & 255]);

  async function found(config: object, servers: string, resolvConf = ''): Promise<string[]> {
    const [dns] = parse({ dns_sd_configs: [config] }).dns_sd_configs;
    if (!dns) throw new Error('BUG: no configuration');
    const start: Discover = discoverByDns(dns, context, { servers: [servers], resolvConf });
    const groups = await new Promise<readonly TargetGroup[]>((resolve) => ends.push(start(resolve)));
    return groups.flatMap(({ targets }) => targets.map(String));
  }

  test('records of every type become targets', async () => {
    const server = await nameServer({
      '_web._tcp.example.org SRV': [Buffer.concat([number(1), number(1), number(8080), name('one.example.org')])],
      'a.example.org A': [Buffer.from([10, 0, 0, 1]), Buffer.from([10, 0, 0, 2])],
      'a.example.org AAAA': [Buffer.from([...Array<number>(15).fill(0), 1])],
      'mail.example.org MX': [Buffer.concat([number(10), name('mx.example.org')])],
      'example.org NS': [name('ns.example.org')],
    });
    expect(await found({ names: ['_web._tcp.example.org'] }, server)).toEqual([
      '{__address__="one.example.org:8080", __meta_dns_name="_web._tcp.example.org", __meta_dns_srv_record_port="8080", __meta_dns_srv_record_target="one.example.org."}',
    ]);
    expect((await found({ names: ['a.example.org'], type: 'A', port: 9 }, server)).sort()).toEqual([
      '{__address__="10.0.0.1:9", __meta_dns_name="a.example.org"}',
      '{__address__="10.0.0.2:9", __meta_dns_name="a.example.org"}',
    ]);
    expect(await found({ names: ['a.example.org'], type: 'aaaa', port: 9 }, server)).toEqual([
      '{__address__="[::1]:9", __meta_dns_name="a.example.org"}',
    ]);
    expect(await found({ names: ['mail.example.org'], type: 'MX', port: 9 }, server)).toEqual([
      '{__address__="mx.example.org:9", __meta_dns_mx_record_target="mx.example.org.", __meta_dns_name="mail.example.org"}',
    ]);
    expect(await found({ names: ['example.org'], type: 'NS', port: 9 }, server)).toEqual([
      '{__address__="ns.example.org:9", __meta_dns_name="example.org", __meta_dns_ns_record_target="ns.example.org."}',
    ]);
  });

  test('names are looked for in the search list, and one that fails is told', async () => {
    const server = await nameServer({ 'web.lab.example A': [Buffer.from([10, 0, 0, 1])], 'bad.example A': 'refused' });
    const web = { names: ['web'], type: 'A', port: 9 };
    expect(await found(web, server, 'search lab.example\n')).toEqual([
      '{__address__="10.0.0.1:9", __meta_dns_name="web"}',
    ]);
    expect(await found(web, server)).toEqual([]);
    errors.length = 0;
    expect(await found({ ...web, names: ['bad.example'] }, server)).toEqual([]);
    expect(errors).toEqual([
      'Error: could not resolve "bad.example": all servers responded with errors to at least one search domain',
    ]);
  });
});
