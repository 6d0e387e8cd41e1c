import { rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ENTRY_END, ExpositionParser } from '@avalanche/exposition';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { NODE_COLLECTORS } from './registry.ts';
import { makeMachine, samples, scrape, watchMachine } from './testing.ts';

const testdata = (name: string) => fileURLToPath(new URL(`./testdata/${name}`, import.meta.url));

let root = '';
beforeAll(() => {
  root = makeMachine(testdata('machine.tree'));
});
afterAll(() => rmSync(root, { recursive: true }));

/** What depends on the machine that the test runs on, or needs more files than the made-up one has. */
const NOT_MADE_UP = [
  'filesystem',
  'selinux',
  'sysctl',
  'systemd',
  'timex',
  'uname',
  'zoneinfo',
  'xfrm',
  'lnstat',
  'network_route',
];
const VOLATILE =
  /^node_(scrape_collector_duration_seconds|time_(zone_offset_)?seconds|textfile_mtime_seconds|exporter_build_info)\b/;

/** Compared with node_exporter 1.12.1 on the same files; the differences are in docs/exporters.md. */
test('every collector on a made-up machine', async () => {
  const role = await watchMachine(root, {
    collectors: Object.keys(NODE_COLLECTORS).filter((name) => !NOT_MADE_UP.includes(name)),
    flags: { 'cpu.info.flags-include': ['aes'], 'textfile.directory': [`${root}/text*`] },
  });
  const text = await scrape(role);
  await role.stop();
  const parser = new ExpositionParser(text, 'text');
  while (parser.next() !== ENTRY_END); // throws where it is no exposition
  const stable = samples(text)
    .filter((line) => !VOLATILE.test(line))
    .join('\n')
    .replaceAll(root, 'ROOT');
  await expect(`${stable}\n`).toMatchFileSnapshot(testdata('machine.samples'));
  expect(text).toMatch(/^# TYPE job_last_success_seconds gauge$/m);
  expect(text).toMatch(/^node_textfile_mtime_seconds\{file="[^"]*\/textfile\/one.prom"\} \d+$/m);
});

test('filesystems: those of the kernel are left out, a place that is not there is marked', async () => {
  const role = await watchMachine(root, { collectors: ['filesystem'] });
  const lines = samples(await scrape(role));
  await role.stop();
  expect(lines).toContain(
    'node_filesystem_device_error{device="/dev/sdb",device_error="no such file or directory",fstype="ext4",mountpoint="/a b"} 1',
  );
  expect(lines).toContain(
    'node_filesystem_readonly{device="/dev/sdb",device_error="no such file or directory",fstype="ext4",mountpoint="/a b"} 1',
  );
  const sizes = lines.filter((line) => line.startsWith('node_filesystem_size_bytes{'));
  expect(sizes).toHaveLength(1); // `/` is mounted twice
  expect(Number(sizes[0].split(' ').at(-1))).toBeGreaterThan(0);
  expect(lines).toContain('node_filesystem_mount_info{device="/dev/sda1",major="0",minor="21",mountpoint="/"} 1');
  expect(lines.some((line) => /mountpoint="\/(proc|dev)/.test(line))).toBe(false);
});

test('counters of a CPU never step back, unless it was away', async () => {
  const machine = makeMachine(testdata('machine.tree'));
  const role = await watchMachine(machine, { collectors: ['cpu'] });
  const idle = async (user: number, ticks: number) => {
    writeFileSync(`${machine}/proc/stat`, `cpu  0 0 0 0\ncpu0 ${user} 0 0 ${ticks} 5 0 0 0 0 0\n`);
    const lines = samples(await scrape(role));
    return ['user', 'idle', 'iowait'].map((mode) =>
      Number(lines.find((line) => line.startsWith(`node_cpu_seconds_total{cpu="0",mode="${mode}"}`))?.split(' ')[1]),
    );
  };
  expect(await idle(100, 1000)).toEqual([1, 10, 0.05]);
  expect(await idle(99, 990)).toEqual([1, 10, 0.05]);
  expect(await idle(101, 1001)).toEqual([1.01, 10.01, 0.05]);
  expect(await idle(7, 8)).toEqual([0.07, 0.08, 0.05]);
  await role.stop();
  rmSync(machine, { recursive: true });
});

test('over HTTP: collect[] and exclude[] as node_exporter has them', async () => {
  const role = await watchMachine(root, { collectors: ['cpu', 'loadavg'] });
  expect(await scrape(role, '?collect[]=cpu')).not.toContain('node_load1');
  expect(await scrape(role, '?exclude[]=cpu')).not.toContain('node_cpu_');
  const refused = async (query: string) => {
    const answer = await fetch(`${role.url}/metrics${query}`);
    return [answer.status, await answer.text()];
  };
  const because = "Couldn't create filtered metrics handler: couldn't create collector:";
  expect(await refused('?collect[]=nope')).toEqual([400, `${because} missing collector: nope`]);
  expect(await refused('?collect[]=stat')).toEqual([400, `${because} disabled collector: stat`]);
  expect(await refused('?collect[]=cpu&exclude[]=loadavg')).toEqual([
    400,
    'Combined collect and exclude queries are not allowed.',
  ]);
  await role.stop();
});

test.each([
  [
    { 'netdev.device-include': ['eth0'], 'netdev.device-exclude': ['lo'] },
    'device-exclude & device-include are mutually',
  ],
  [{ 'netdev.device-include': ['('] }, '--collector.netdev.device-include: '],
  [{ 'ipvs.backend-labels': ['local_port,nope'] }, 'unknown IPVS backend labels: "nope"'],
  [
    { 'filesystem.ignored-mount-points': ['a'], 'filesystem.mount-points-exclude': ['b'] },
    '--collector.filesystem.ignored-mount-points and --collector.filesystem.mount-points-exclude are mutually exclusive',
  ],
])('flags %j are refused', async (flags, message) => {
  await expect(watchMachine(root, { flags })).rejects.toThrow(message);
});

test('an include alone takes the place of the default exclusion; old names hold', async () => {
  const role = await watchMachine(root, {
    collectors: ['diskstats', 'netdev'],
    flags: { 'diskstats.device-include': ['^loop'], 'netdev.device-blacklist': ['bond'] },
  });
  const lines = samples(await scrape(role));
  await role.stop();
  const devices = (family: string) => lines.filter((line) => line.startsWith(family)).map((line) => line.split('"')[1]);
  expect(devices('node_disk_io_now')).toEqual(['loop0']);
  expect(devices('node_network_receive_bytes_total')).toEqual(['eth0']);
});
