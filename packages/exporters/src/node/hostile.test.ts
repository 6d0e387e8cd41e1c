import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ENTRY_END, ExpositionParser } from '@avalanche/exposition';
import { type Logger, silentLogger } from '@avalanche/model';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NODE_COLLECTORS } from './registry.ts';
import { makeMachine, samples, scrape, watchMachine } from './testing.ts';

let root = '';
beforeEach(() => {
  root = makeMachine(fileURLToPath(new URL('./testdata/machine.tree', import.meta.url)));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function successes(text: string): Record<string, string> {
  const found = text.matchAll(/^node_scrape_collector_success\{collector="(\w+)"\} (\d)$/gm);
  return Object.fromEntries([...found].map(([, name, value]) => [name, value]));
}

function checkSyntax(text: string): void {
  const parser = new ExpositionParser(text, 'text');
  while (parser.next() !== ENTRY_END); // throws where it is no exposition
}

/** Files that a collector cannot do without, or that must be right where they are there. */
const NEEDED: readonly (readonly [collector: string, file: string])[] = [
  ['arp', 'proc/net/arp'],
  ['buddyinfo', 'proc/buddyinfo'],
  ['conntrack', 'proc/net/stat/nf_conntrack'],
  ['cpu', 'proc/stat'],
  ['diskstats', 'proc/diskstats'],
  ['edac', 'sys/devices/system/edac/mc/mc0/ce_count'],
  ['entropy', 'proc/sys/kernel/random/entropy_avail'],
  ['filefd', 'proc/sys/fs/file-nr'],
  ['interrupts', 'proc/interrupts'],
  ['ipvs', 'proc/net/ip_vs_stats'],
  ['kernel_hung', 'proc/sys/kernel/hung_task_detect_count'],
  ['loadavg', 'proc/loadavg'],
  ['meminfo', 'proc/meminfo'],
  ['mdadm', 'proc/mdstat'],
  ['netdev', 'proc/net/dev'],
  ['netstat', 'proc/net/netstat'],
  ['nfs', 'proc/net/rpc/nfs'],
  ['nfsd', 'proc/net/rpc/nfsd'],
  ['processes', 'proc/sys/kernel/pid_max'],
  ['rapl', 'sys/class/powercap/intel-rapl:0/energy_uj'],
  ['schedstat', 'proc/schedstat'],
  ['softnet', 'proc/net/softnet_stat'],
  ['swap', 'proc/swaps'],
  ['tapestats', 'sys/class/scsi_tape/st0/stats/io_ns'],
  ['tcpstat', 'proc/net/tcp'],
  ['udp_queues', 'proc/net/udp'],
  ['vmstat', 'proc/vmstat'],
  ['zfs', 'proc/spl/kstat/zfs/arcstats'],
];

const BINARY = Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 37 + 11) % 256));

/** Each collector is given one file like this; it may fail, the others may not, and the text stays an exposition. */
test.each<[string, (path: string) => void]>([
  ['missing', (path) => rmSync(path)],
  ['empty', (path) => writeFileSync(path, '')],
  ['cut off', (path) => writeFileSync(path, 'cpu0 1 2\nTcp: a')],
  ['binary', (path) => writeFileSync(path, BINARY)],
  ['10 MB of digits', (path) => writeFileSync(path, '7'.repeat(10_000_000))],
  ['10 MB of lines', (path) => writeFileSync(path, 'cpu0 1 2 3\n'.repeat(1_000_000))],
  [
    'a directory',
    (path) => {
      rmSync(path);
      mkdirSync(path);
    },
  ],
])('files that are %s', { timeout: 60_000 }, async (_what, spoil) => {
  const collectors = Object.keys(NODE_COLLECTORS).filter((name) => name !== 'timex');
  const role = await watchMachine(root, { collectors });
  expect(successes(await scrape(role))).toMatchObject(Object.fromEntries(NEEDED.map(([name]) => [name, '1'])));
  for (const [, file] of NEEDED) spoil(join(root, file));
  const text = await scrape(role);
  checkSyntax(text);
  const after = successes(text);
  for (const name of ['hwmon', 'thermal_zone', 'powersupplyclass', 'pressure', 'os', 'time', 'nvme', 'xfs']) {
    expect([name, after[name]]).toEqual([name, '1']);
  }
  const failed = NEEDED.filter(([name]) => after[name] === '0');
  expect(failed.length).toBeGreaterThan(NEEDED.length / 3);
  await role.stop();
});

test('an unknown kernel: nothing at all', async () => {
  rmSync(join(root, 'proc'), { recursive: true });
  rmSync(join(root, 'sys'), { recursive: true });
  const role = await watchMachine(root, {
    collectors: Object.keys(NODE_COLLECTORS).filter((name) => name !== 'timex'),
  });
  const text = await scrape(role);
  checkSyntax(text);
  expect(successes(text)).toMatchObject({ cpu: '0', meminfo: '0', filesystem: '0', os: '1', textfile: '1' });
  await role.stop();
});

describe('text files', () => {
  test('a broken one is told by name, once, and takes no other down', async () => {
    const told: string[] = [];
    const logger: Logger = {
      ...silentLogger,
      error: (_message, fields) => void told.push(String(fields?.path).slice(root.length)),
      child: () => logger,
    };
    const directory = join(root, 'textfile');
    writeFileSync(join(directory, 'bad.prom'), 'no value\n');
    writeFileSync(join(directory, 'cut.prom'), 'cut 1');
    writeFileSync(join(directory, 'stamped.prom'), 'stamped 1 1700000000000\n');
    writeFileSync(
      join(directory, 'twice.prom'),
      '# TYPE job_last_success_seconds gauge\njob_last_success_seconds{job="backup"} 2\njob_last_success_seconds{job="other"} 3\n',
    );
    writeFileSync(
      join(directory, 'type.prom'),
      '# TYPE job_last_success_seconds counter\njob_last_success_seconds 3\n',
    );
    writeFileSync(join(directory, 'large.prom'), 'x 1\n'.repeat(2_000_000));
    writeFileSync(join(directory, 'own.prom'), 'node_load1 7\n# TYPE node_load5 counter\nnode_load5 7\n');
    writeFileSync(join(directory, 'ignored.txt'), 'ignored 1\n');
    mkdirSync(join(directory, 'directory.prom'));
    symlinkSync('nowhere', join(directory, 'dangling.prom'));
    const role = await watchMachine(root, {
      logger,
      collectors: ['textfile', 'loadavg'],
      flags: { 'textfile.directory': [directory, '/no/such/directory'] },
    });
    await scrape(role);
    const text = await scrape(role);
    checkSyntax(text);
    const lines = samples(text);
    expect(lines).toContain('job_last_success_seconds{job="backup"} 1700000000');
    expect(lines).toContain('job_last_success_seconds{job="other"} 3');
    expect(lines).toContain('node_textfile_scrape_error 1');
    expect(lines).toContain('node_load1 0.5');
    expect(
      lines
        .filter((line) => line.startsWith('node_textfile_mtime_seconds'))
        .map((line) => line.split('/').at(-1)?.split('"')[0]),
    ).toEqual(['one.prom', 'own.prom', 'twice.prom', 'type.prom']);
    expect(text).not.toMatch(/^(ignored|cut|stamped|x) /m);
    const broken = ['bad', 'cut', 'dangling', 'directory', 'large', 'stamped', 'twice', 'type'];
    expect(told.filter((path) => path !== '').sort()).toEqual(broken.map((name) => `/textfile/${name}.prom`));
    for (const name of broken) rmSync(join(directory, `${name}.prom`), { recursive: true });
    rmSync(join(directory, 'own.prom'));
    expect(samples(await scrape(role))).toContain('node_textfile_scrape_error 1'); // the other directory
    await role.stop();
  });

  test('a file is read again when it has changed', async () => {
    const path = join(root, 'textfile/one.prom');
    const role = await watchMachine(root, {
      collectors: ['textfile'],
      flags: { 'textfile.directory': [join(root, 'text*')] },
    });
    await scrape(role);
    writeFileSync(path, '# TYPE h histogram\nh_bucket{le="1"} 2\nh_bucket{le="+Inf"} 3\nh_sum 4\nh_count 3\n');
    expect(samples(await scrape(role)).filter((line) => line.startsWith('h_'))).toEqual([
      'h_bucket{le="1"} 2',
      'h_bucket{le="+Inf"} 3',
      'h_sum 4',
      'h_count 3',
    ]);
    await role.stop();
  });
});

test('10,000 mounts are told in bounded time', { timeout: 30_000 }, async () => {
  const mounts = Array.from({ length: 10_000 }, (_, i) => `${i + 30} 22 0:${i} / /m/${i} rw - tmpfs t${i} rw`);
  writeFileSync(join(root, 'proc/1/mountinfo'), `22 1 8:0 / / rw - ext4 /dev/sda1 rw\n${mounts.join('\n')}\n`);
  const role = await watchMachine(root, { collectors: ['filesystem'] });
  await scrape(role);
  const begin = performance.now();
  const lines = samples(await scrape(role));
  expect(performance.now() - begin).toBeLessThan(3_000);
  expect(lines.filter((line) => line.startsWith('node_filesystem_device_error{'))).toHaveLength(10_001);
  await role.stop();
});

/** Mounts a FUSE filesystem whose process never answers, so that statfs hangs, until its standard input ends. */
const HANGING_MOUNT = String.raw`
use Fcntl; sysopen(my $fuse, '/dev/fuse', O_RDWR) or exit 2;
my ($mount, $umount) = @ARGV[1, 2]; my $at = $ARGV[0];
my ($device, $type) = ('hung', 'fuse.hung');
my $options = 'fd=' . fileno($fuse) . ',rootmode=40000,user_id=0,group_id=0';
syscall($mount + 0, $device, $at, $type, 0, $options) == 0 or exit 3;
$| = 1; print "mounted\n"; <STDIN>;
close($fuse); syscall($umount + 0, $at, 2);
`;
const canMount =
  process.getuid?.() === 0 &&
  process.arch === 'x64' &&
  existsSync('/dev/fuse') &&
  spawnSync('perl', ['-v']).status === 0;

test.skipIf(!canMount)(
  'a mount that hangs is marked alone, is not asked again, and recovers (FUSE, perl, root)',
  { timeout: 20_000 },
  async () => {
    const hung = join(root, 'hung');
    mkdirSync(hung);
    const [SYS_MOUNT, SYS_UMOUNT2] = ['165', '166'];
    const fuse = spawn('perl', ['-e', HANGING_MOUNT, hung, SYS_MOUNT, SYS_UMOUNT2], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await new Promise<void>((resolve, reject) => {
      fuse.stdout.once('data', () => resolve());
      fuse.once('exit', (code) => reject(new Error(`no FUSE mount: exit code ${code}`)));
    });
    writeFileSync(
      join(root, 'proc/1/mountinfo'),
      `22 1 8:0 / / rw - ext4 /dev/sda1 rw
30 22 0:30 / /hung rw - fuse.hung hung rw
31 22 0:31 / /proc rw - nfs server:/other rw
32 30 0:32 / /hung/below rw - tmpfs below rw
`,
    );
    const role = await watchMachine(root, {
      collectors: ['filesystem', 'loadavg'],
      flags: { 'filesystem.mount-timeout': ['300ms'], 'filesystem.mount-points-exclude': [''] },
    });
    const marked = async () => {
      const begin = performance.now();
      const text = await scrape(role);
      const errors = samples(text).filter((line) => line.startsWith('node_filesystem_device_error{'));
      return {
        seconds: (performance.now() - begin) / 1000,
        success: successes(text).filesystem,
        marks: errors.map(
          (line) => `${/device_error="([^"]*)"/.exec(line)?.[1]} ${/mountpoint="([^"]*)"/.exec(line)?.[1]}`,
        ),
      };
    };
    const first = await marked();
    expect(first).toMatchObject({
      success: '1',
      marks: [' /', 'mountpoint timeout /hung', ' /proc', 'mountpoint timeout /hung/below'],
    });
    expect(first.seconds).toBeLessThan(2);
    const second = await marked();
    expect(second.marks).toEqual(first.marks);
    expect(second.seconds).toBeLessThan(0.25);
    fuse.stdin.end();
    await new Promise((resolve) => fuse.once('exit', resolve));
    await expect.poll(async () => (await marked()).marks[1], { timeout: 5_000 }).not.toBe('mountpoint timeout /hung');
    await role.stop();
  },
);
