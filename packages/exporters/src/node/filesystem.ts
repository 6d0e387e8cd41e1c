import type { StatsFs } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { FamilyWriter } from '@avalanche/exposition';
import { type Paths, readText } from './fs.ts';

const IGNORED_MOUNTS =
  /^\/(dev|proc|run\/credentials\/.+|sys|var\/lib\/docker\/.+|var\/lib\/containers\/storage\/.+)($|\/)/;
const IGNORED_TYPES =
  /^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs|tracefs)$/;
const STUCK_AFTER_MS = 5_000;

interface Mount {
  readonly device: string;
  readonly mountpoint: string;
  readonly fstype: string;
  readonly readonly: boolean;
}

/** Mounts whose statfs has not come back; each holds a thread of the pool, so they are not asked again until it does. */
const stuck = new Set<string>();

/**
 * Space and inodes of the mounted filesystems. A mount that hangs (a dead NFS server) is marked with
 * `node_filesystem_device_error` and holds up nothing else.
 */
export async function collectFilesystem(paths: Paths, families: FamilyWriter): Promise<void> {
  const mounts = parseMounts(readText(paths.procfs, '1', 'mounts'));
  const stats = await Promise.all(mounts.map(({ mountpoint }) => statfsWithin(join(paths.rootfs, mountpoint))));
  mounts.forEach((mount, i) => {
    writeMount(mount, stats[i], families);
  });
}

/** The samples of one mount; `stats` is why there are none where reading it failed. */
function writeMount(mount: Mount, stats: StatsFs | string, families: FamilyWriter): void {
  const { device, mountpoint, fstype } = mount;
  const failed = typeof stats === 'string';
  const labels = { device, device_error: failed ? stats : '', fstype, mountpoint };
  const gauge = (name: string, help: string) => families.gauge(`node_filesystem_${name}`, help);
  gauge('device_error', 'Whether reading the filesystem failed.').add(failed ? 1 : 0, labels);
  gauge('readonly', 'Whether the filesystem is mounted read-only.').add(mount.readonly ? 1 : 0, labels);
  if (failed) return;
  const { bsize, blocks, bfree, bavail, files, ffree } = stats;
  gauge('size_bytes', 'Size in bytes.').add(blocks * bsize, labels);
  gauge('free_bytes', 'Free space in bytes.').add(bfree * bsize, labels);
  gauge('avail_bytes', 'Space for users who are not root, in bytes.').add(bavail * bsize, labels);
  gauge('files', 'Inodes.').add(files, labels);
  gauge('files_free', 'Free inodes.').add(ffree, labels);
}

/** The statistics, or why there are none. */
async function statfsWithin(path: string): Promise<StatsFs | string> {
  if (stuck.has(path)) return 'mountpoint timeout';
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<string>((resolve) => {
    timer = setTimeout(() => {
      stuck.add(path);
      resolve('mountpoint timeout');
    }, STUCK_AFTER_MS);
  });
  const asked = statfs(path)
    .catch((error: NodeJS.ErrnoException) => error.code ?? error.message)
    .finally(() => stuck.delete(path));
  const result = await Promise.race([asked, timeout]);
  clearTimeout(timer);
  return result;
}

/** The mounts of /proc/1/mounts that count; of several on one place the last, which is the one to be seen. */
function parseMounts(text: string): Mount[] {
  const byPlace = new Map<string, Mount>();
  for (const line of text.split('\n')) {
    const [device, mountpoint, fstype, options] = line.split(' ').map(unescapeOctal);
    if (options === undefined || IGNORED_MOUNTS.test(mountpoint) || IGNORED_TYPES.test(fstype)) continue;
    byPlace.set(mountpoint, { device, mountpoint, fstype, readonly: options.split(',').includes('ro') });
  }
  return [...byPlace.values()];
}

function unescapeOctal(text: string): string {
  return text.replace(/\\(\d{3})/g, (_all, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
