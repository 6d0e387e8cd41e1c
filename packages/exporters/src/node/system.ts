import { hostname, machine, release, version } from 'node:os';
import type { FamilyWriter } from '@avalanche/exposition';
import { type Paths, tryReadText } from './fs.ts';

export function collectUname({ procfs }: Paths, families: FamilyWriter): void {
  const kernel = (name: string) => tryReadText(procfs, 'sys', 'kernel', name);
  families.gauge('node_uname_info', 'Constantly 1, with what uname(2) says in labels.').add(1, {
    domainname: kernel('domainname') || '(none)',
    machine: machine(),
    nodename: kernel('hostname') || hostname(),
    release: kernel('osrelease') || release(),
    sysname: kernel('ostype') || 'Linux',
    version: kernel('version') || version(),
  });
}

export function collectTime(_paths: Paths, families: FamilyWriter): void {
  families.gauge('node_time_seconds', 'The time here, in seconds since the epoch.').add(Date.now() / 1000);
}

/** /proc/sys/fs/file-nr */
export function collectFilefd({ procfs }: Paths, families: FamilyWriter): void {
  const [allocated, , maximum] = tryReadText(procfs, 'sys', 'fs', 'file-nr').split(/\s+/);
  if (maximum === undefined) return;
  families.gauge('node_filefd_allocated', 'File descriptors in use.').add(Number(allocated));
  families.gauge('node_filefd_maximum', 'Most file descriptors that may be in use.').add(Number(maximum));
}

/** /proc/sys/kernel/random */
export function collectEntropy({ procfs }: Paths, families: FamilyWriter): void {
  const available = tryReadText(procfs, 'sys', 'kernel', 'random', 'entropy_avail');
  if (available === '') return;
  families.gauge('node_entropy_available_bits', 'Bits of entropy at hand.').add(Number(available));
}
