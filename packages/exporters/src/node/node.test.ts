import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { FamilyWriter } from '@avalanche/exposition';
import { silentLogger } from '@avalanche/model';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { NODE_COLLECTORS, startNodeExporter } from './start.ts';

let root = '';
const tree: Readonly<Record<string, string>> = {
  'proc/stat':
    'cpu  10 0 0\ncpu0 100 2 50 1000 5 0 1 0 7 0\nintr 42 1 2\nctxt 99\nbtime 1700000000\nprocesses 7\nprocs_running 2\nprocs_blocked 0\n',
  'proc/loadavg': '0.50 0.25 0.10 1/100 42\n',
  'proc/meminfo': 'MemTotal:  1000 kB\nMemAvailable:   400 kB\nActive(anon):  8 kB\nHugePages_Total:  3\n',
  'proc/vmstat': 'pgpgin 5\nnr_free_pages 8\noom_kill 1\npgmajfault 2\n',
  'proc/diskstats':
    ' 8 0 sda 10 1 20 30 40 2 50 60 1 70 80\n 8 1 sda1 1 1 1 1 1 1 1 1 1 1 1\n 7 0 loop0 1 1 1 1 1 1 1 1 1 1 1\n',
  'proc/net/dev': 'Inter-| Receive\n face |bytes\n  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n',
  'proc/net/sockstat': 'sockets: used 5\nTCP: inuse 2 orphan 0\n',
  'proc/1/mounts':
    '/dev/sda1 / ext4 rw,relatime 0 0\nproc /proc proc rw 0 0\n/dev/sdb /a\\040b ext4 ro 0 0\ntmpfs /dev/shm tmpfs rw 0 0\n',
  'proc/pressure/cpu': 'some avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\n',
  'proc/sys/fs/file-nr': '10\t0\t100\n',
  'proc/sys/kernel/hostname': 'lab\n',
  'sys/class/net/eth0/operstate': 'up\n',
  'sys/class/net/eth0/mtu': '1500\n',
  'sys/class/net/eth0/speed': '1000\n',
};

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'node-exporter-'));
  for (const [name, text] of Object.entries(tree)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
});
afterAll(() => rmSync(root, { recursive: true }));

async function collect(name: string): Promise<string[]> {
  const families = new FamilyWriter();
  const paths = { procfs: join(root, 'proc'), sysfs: join(root, 'sys'), rootfs: root };
  await NODE_COLLECTORS[name](paths, families);
  return families
    .text()
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
}

test.each([
  ['cpu', ['node_cpu_seconds_total{cpu="0",mode="idle"} 10', 'node_cpu_guest_seconds_total{cpu="0",mode="user"} 0.07']],
  ['stat', ['node_boot_time_seconds 1700000000', 'node_context_switches_total 99', 'node_procs_running 2']],
  ['loadavg', ['node_load1 0.5', 'node_load15 0.1']],
  [
    'meminfo',
    ['node_memory_MemTotal_bytes 1024000', 'node_memory_Active_anon_bytes 8192', 'node_memory_HugePages_Total 3'],
  ],
  ['vmstat', ['node_vmstat_oom_kill 1', 'node_vmstat_pgmajfault 2']],
  [
    'diskstats',
    ['node_disk_read_bytes_total{device="sda"} 10240', 'node_disk_io_time_seconds_total{device="sda"} 0.07'],
  ],
  [
    'netdev',
    ['node_network_receive_bytes_total{device="eth0"} 1', 'node_network_transmit_bytes_total{device="eth0"} 9'],
  ],
  ['netclass', ['node_network_up{device="eth0"} 1', 'node_network_speed_bytes{device="eth0"} 125000000']],
  ['sockstat', ['node_sockstat_TCP_inuse 2', 'node_sockstat_sockets_used 5']],
  ['pressure', ['node_pressure_cpu_waiting_seconds_total 1.5']],
  ['filefd', ['node_filefd_allocated 10', 'node_filefd_maximum 100']],
])('%s', async (name, lines) => {
  const found = await collect(name);
  for (const line of lines) expect(found).toContain(line);
});

test('partitions and loop devices are left out', async () => {
  expect((await collect('diskstats')).filter((line) => /sda1|loop0/.test(line))).toEqual([]);
});

test('a mount that cannot be read is marked, and the others are whole', async () => {
  const lines = await collect('filesystem');
  expect(lines).toContain(
    'node_filesystem_device_error{device="/dev/sdb",device_error="ENOENT",fstype="ext4",mountpoint="/a b"} 1',
  );
  const size = lines.find((line) => line.startsWith('node_filesystem_size_bytes{') && line.includes('mountpoint="/"'));
  expect(Number(size?.split(' ').at(-1))).toBeGreaterThan(0);
  expect(lines.some((line) => line.includes('/proc'))).toBe(false);
});

test('scrapes at the same time do not take each other for a mount that hangs', async () => {
  const [one, other] = await Promise.all([collect('filesystem'), collect('filesystem')]);
  const series = (lines: readonly string[]) => lines.map((line) => line.slice(0, line.lastIndexOf(' ')));
  expect(series(other)).toEqual(series(one)); // the values may differ: the disk is in use
});

test('over HTTP: one broken collector fails alone, unknown ones are refused', async () => {
  const role = await startNodeExporter({
    listen: { host: '127.0.0.1', port: 0 },
    logger: silentLogger,
    version: 'test',
    paths: { procfs: join(root, 'proc') },
    collectors: ['cpu', 'uname', 'netdev'],
  });
  rmSync(join(root, 'proc/net/dev'));
  const text = await (await fetch(`${role.url}/metrics`)).text();
  expect(text).toContain('node_scrape_collector_success{collector="netdev"} 0');
  expect(text).toContain('node_scrape_collector_success{collector="cpu"} 1');
  expect(text).toContain('nodename="lab"');
  expect(text).toMatch(/^process_resident_memory_bytes \d+/m);
  expect(await (await fetch(`${role.url}/metrics?collect[]=cpu`)).text()).not.toContain('node_uname_info');
  expect((await fetch(`${role.url}/metrics?collect[]=nope`)).status).toBe(400);
  await role.stop();
});
