import { statfsSync } from 'node:fs';
import { join } from 'node:path';
import { type FamilyWriter, renderLabels } from '@avalanche/exposition';
import { parseDuration } from '@avalanche/model';
import { nextTurn } from '../base/collector.ts';
import type { Scrape } from '../base/scrape.ts';
import type { NodeCollector, NodeContext } from './collector.ts';
import { exclusiveFilter, type Filter, filterFlags } from './filter.ts';
import { type Mount, MountTable } from './mounts.ts';
import { RemoteMounts, type Space, statfsMessage } from './remote-mounts.ts';

const IGNORED_MOUNTS = '^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)';
const IGNORED_TYPES =
  '^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs|tracefs)$';
/** What is left of the scrape's time to render and send. */
const LAST_MS = 100;
const MOUNTS_PER_TURN = 200;

/**
 * Space and inodes of the mounted filesystems. A mount that hangs (a dead NFS server) is marked with
 * `node_filesystem_device_error`, is not asked again until it has answered, and holds up nothing else.
 */
export const filesystem: NodeCollector = {
  isDefault: true,
  flags: {
    ...filterFlags('filesystem.mount-points', 'mount points', {
      exclude: IGNORED_MOUNTS,
      oldExclude: 'filesystem.ignored-mount-points',
    }),
    ...filterFlags('filesystem.fs-types', 'filesystem types', {
      exclude: IGNORED_TYPES,
      oldExclude: 'filesystem.ignored-fs-types',
    }),
    'filesystem.mount-timeout': { kind: 'string', help: 'After this long a mount counts as hung.', default: '5s' },
    'filesystem.stat-workers': {
      kind: 'string',
      help: 'How many mounts that can hang are asked at once.',
      default: '4',
    },
  },
  create: (context) => {
    const filesystems = new Filesystems(context);
    return (families, scrape) => filesystems.collect(families, scrape);
  },
};

class Filesystems {
  private readonly table: MountTable;
  private readonly remote: RemoteMounts;
  private readonly isWantedMount: Filter;
  private readonly isWantedType: Filter;
  private readonly rootfs: string;

  constructor(context: NodeContext) {
    const exclusive = (prefix: string) =>
      exclusiveFilter(
        context,
        prefix,
        `--collector.${prefix}-exclude and --collector.${prefix}-include are mutually exclusive`,
      );
    this.isWantedMount = exclusive('filesystem.mount-points');
    this.isWantedType = exclusive('filesystem.fs-types');
    this.rootfs = context.paths.rootfs;
    this.table = new MountTable(context.paths);
    this.remote = new RemoteMounts({
      timeoutMs: parseDuration(context.flag('filesystem.mount-timeout')),
      workers: Math.max(1, Number(context.flag('filesystem.stat-workers')) || 1),
      logger: context.logger,
    });
    context.onStop(() => this.remote.close());
  }

  async collect(families: FamilyWriter, { deadline }: Scrape): Promise<void> {
    const mounts = (await this.table.read()).filter(
      ({ mountpoint, fstype }) => this.isWantedMount(mountpoint) && this.isWantedType(fstype),
    );
    const path = ({ mountpoint }: Mount) => (this.rootfs === '/' ? mountpoint : join(this.rootfs, mountpoint));
    const hanging = mounts.filter(({ isLocal }) => !isLocal);
    const asked = hanging.length > 0 ? this.remote.ask(hanging.map(path), deadline - LAST_MS) : null;
    const writer = new SpaceWriter(families);
    let done = 0;
    for (const mount of mounts) {
      if (mount.isLocal) writer.write(mount, spaceOf(path(mount)));
      if (++done % MOUNTS_PER_TURN === 0) await nextTurn();
    }
    const spaces = await asked;
    hanging.forEach((mount, i) => {
      writer.write(mount, spaces?.[i] ?? 'not asked');
    });
  }
}

/** The space of a filesystem that answers at once, or why there is none. */
function spaceOf(path: string): Space | string {
  try {
    return statfsSync(path);
  } catch (error) {
    return statfsMessage(-((error as NodeJS.ErrnoException).errno ?? 0));
  }
}

/** The families of this collector, opened once. */
class SpaceWriter {
  private readonly family;

  constructor(families: FamilyWriter) {
    const gauge = (name: string, help: string) => families.gauge(`node_filesystem_${name}`, help);
    this.family = {
      error: gauge('device_error', 'Whether reading the filesystem failed.'),
      readonly: gauge('readonly', 'Whether the filesystem is mounted read-only.'),
      size: gauge('size_bytes', 'Size in bytes.'),
      free: gauge('free_bytes', 'Free space in bytes.'),
      avail: gauge('avail_bytes', 'Space for users who are not root, in bytes.'),
      files: gauge('files', 'Inodes.'),
      filesFree: gauge('files_free', 'Free inodes.'),
      info: gauge('mount_info', 'Constantly 1, with the device of a mount in labels.'),
    };
  }

  /** @param space why there is none, where reading it failed */
  write(mount: Mount, space: Space | string): void {
    const { device, fstype, mountpoint, isReadonly, labels, infoLabels } = mount;
    const { error, readonly, size, free, avail, files, filesFree, info } = this.family;
    if (typeof space === 'string') {
      const failed = renderLabels({ device, device_error: space, fstype, mountpoint });
      error.addRendered(1, failed);
      readonly.addRendered(isReadonly ? 1 : 0, failed);
      return;
    }
    error.addRendered(0, labels);
    readonly.addRendered(isReadonly ? 1 : 0, labels);
    size.addRendered(space.blocks * space.bsize, labels);
    free.addRendered(space.bfree * space.bsize, labels);
    avail.addRendered(space.bavail * space.bsize, labels);
    files.addRendered(space.files, labels);
    filesFree.addRendered(space.ffree, labels);
    info.addRendered(1, infoLabels);
  }
}
