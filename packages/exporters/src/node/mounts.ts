import { renderLabels } from '@avalanche/exposition';
import { nextTurn } from '../base/collector.ts';
import { MANY_LINES_BYTES_MAX, malformed, type Paths, readText } from './machine.ts';

/** A mounted filesystem as /proc/1/mountinfo tells it. */
export interface Mount {
  readonly device: string;
  /** As seen from the root that is watched. */
  readonly mountpoint: string;
  readonly fstype: string;
  readonly isReadonly: boolean;
  /** Whether asking it cannot hang: the kernel answers from memory. */
  readonly isLocal: boolean;
  /** Labels of its samples, with `device_error` empty. */
  readonly labels: string;
  /** Labels of `mount_info`. */
  readonly infoLabels: string;
}

/** Filesystems that the kernel answers for from memory; others may ask a server, a process or a pool that hangs. */
const LOCAL_TYPES = new Set(
  [
    'ext2 ext3 ext4 xfs btrfs f2fs vfat exfat msdos ntfs3 iso9660 udf squashfs erofs tmpfs ramfs overlay',
    'proc sysfs devtmpfs devpts cgroup cgroup2 mqueue hugetlbfs bpf tracefs debugfs securityfs configfs pstore',
    'efivarfs nsfs binfmt_misc rpc_pipefs fusectl selinuxfs',
  ]
    .join(' ')
    .split(' '),
);

const LINES_PER_TURN = 500;

/** The mounts of the first process, read again only when they have changed. */
export class MountTable {
  private text = '';
  private mounts: readonly Mount[] = [];

  constructor(private readonly paths: Paths) {}

  /** @throws where neither /proc/1 nor /proc/self has a mountinfo, or it is malformed */
  async read(): Promise<readonly Mount[]> {
    const text = this.readText();
    if (text === this.text) return this.mounts;
    const rows: Row[] = [];
    let done = 0;
    for (const line of text.split('\n')) {
      if (line !== '') rows.push(parse(line, this.paths.rootfs));
      if (++done % LINES_PER_TURN === 0) await nextTurn();
    }
    const remote = new Set(rows.filter(({ fstype }) => !LOCAL_TYPES.has(fstype)).map(({ mountpoint }) => mountpoint));
    // of several on one place the last is the one to be seen
    const byLabels = new Map<string, Row>();
    for (const row of rows) byLabels.set(labelsOf(row), row);
    const mounts: Mount[] = [];
    for (const [labels, row] of byLabels) {
      mounts.push(mountOf(row, labels, remote));
      if (++done % LINES_PER_TURN === 0) await nextTurn();
    }
    this.text = text;
    this.mounts = mounts;
    return mounts;
  }

  private readText(): string {
    try {
      return readText(`${this.paths.procfs}/1/mountinfo`, MANY_LINES_BYTES_MAX);
    } catch {
      return readText(`${this.paths.procfs}/self/mountinfo`, MANY_LINES_BYTES_MAX);
    }
  }
}

interface Row {
  readonly device: string;
  readonly mountpoint: string;
  readonly fstype: string;
  readonly major: string;
  readonly minor: string;
  readonly isReadonly: boolean;
}

const READONLY = /(^|,)(ro|emergency_ro)(,|$)/;

/** `36 35 98:0 /root /mount rw,noatime master:1 - ext3 /dev/root rw`; there may be any number of fields before the dash. */
function parse(line: string, rootfs: string): Row {
  const words = line.split(' ');
  const dash = words.indexOf('-', 6);
  const [major, minor] = (words[2] ?? '').split(':');
  if (dash < 0 || words.length < dash + 3 || !/^\d+$/.test(minor ?? '')) throw malformed('mountinfo', line);
  const mountpoint = unescapeOctal(words[4]);
  return {
    device: words[dash + 2],
    mountpoint: rootfs === '/' || !mountpoint.startsWith(rootfs) ? mountpoint : mountpoint.slice(rootfs.length) || '/',
    fstype: words[dash + 1],
    major: String(Number(major)),
    minor: String(Number(minor)),
    isReadonly: /(^|,)ro(,|$)/.test(words[5]) || READONLY.test(words[dash + 3] ?? ''),
  };
}

function labelsOf({ device, fstype, mountpoint }: Row): string {
  return renderLabels({ device, device_error: '', fstype, mountpoint });
}

function mountOf(row: Row, labels: string, remote: ReadonlySet<string>): Mount {
  const { device, fstype, mountpoint, major, minor, isReadonly } = row;
  const isLocal = LOCAL_TYPES.has(fstype) && !isBelow(mountpoint, remote);
  const infoLabels = renderLabels({ device, major, minor, mountpoint });
  return { device, fstype, mountpoint, isReadonly, isLocal, labels, infoLabels };
}

/** Whether the way to a path leads through one of the directories, where it could hang. */
function isBelow(path: string, directories: ReadonlySet<string>): boolean {
  if (directories.size === 0) return false;
  for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
    if (directories.has(path.slice(0, slash))) return true;
  }
  return path !== '/' && directories.has('/');
}

function unescapeOctal(text: string): string {
  if (!text.includes('\\')) return text;
  return text.replace(/\\(\d{3})/g, (_all, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
