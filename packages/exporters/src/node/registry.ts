import type { NodeCollector } from './collector.ts';
import { cpu, cpufreq, loadavg, stat } from './cpu.ts';
import { diskstats } from './disk.ts';
import { fibrechannel, infiniband, ipvs } from './fabric.ts';
import { filesystem } from './filesystem.ts';
import { bcache, bcachefs, btrfs, xfs, zfs } from './filesystems-of-kernel.ts';
import { nameMatcher } from './filter.ts';
import { hwmon } from './hwmon.ts';
import { dmi, os } from './machine-info.ts';
import { buddyinfo, ksmd, meminfo, meminfoNuma, pressure, swap, vmstat } from './memory.ts';
import { arp, bonding, netclass, netdev } from './net-device.ts';
import { conntrack, lnstat, netstat, networkRoute, sockstat, softnet, tcpstat, udpQueues } from './net-protocol.ts';
import { nfs, nfsd } from './nfs.ts';
import { cgroups, cpuVulnerabilities, drbd, drm, sysctl, xfrm, zoneinfo } from './on-request.ts';
import { processes } from './processes.ts';
import { dmmultipath, mdadm, nvme, writeTapes } from './raid.ts';
import { edac, powersupplyclass, rapl, thermalZone, watchdog } from './sensors.ts';
import {
  entropy,
  filefd,
  interrupts,
  kernelHung,
  schedstat,
  selinux,
  slabinfo,
  softirqs,
  time,
  uname,
} from './system.ts';
import { systemd } from './systemd.ts';
import { textfile } from './textfile.ts';
import { timex } from './timex.ts';

const tapestats: NodeCollector = {
  isDefault: true,
  flags: {
    'tapestats.ignored-devices': {
      kind: 'string',
      help: 'Regular expression of the drives to leave out.',
      default: '^$',
    },
  },
  create({ paths, flag }) {
    const isIgnored = nameMatcher(flag('tapestats.ignored-devices'), 'tapestats.ignored-devices');
    return (families) => writeTapes(paths.sysfs, isIgnored, families);
  },
};

/** Every collector by its name in node_exporter. */
export const NODE_COLLECTORS: Readonly<Record<string, NodeCollector>> = {
  arp,
  bcache,
  bcachefs,
  bonding,
  btrfs,
  buddyinfo,
  cgroups,
  conntrack,
  cpu,
  cpu_vulnerabilities: cpuVulnerabilities,
  cpufreq,
  diskstats,
  dmi,
  dmmultipath,
  drbd,
  drm,
  edac,
  entropy,
  fibrechannel,
  filefd,
  filesystem,
  hwmon,
  infiniband,
  interrupts,
  ipvs,
  kernel_hung: kernelHung,
  ksmd,
  lnstat,
  loadavg,
  mdadm,
  meminfo,
  meminfo_numa: meminfoNuma,
  netclass,
  netdev,
  netstat,
  network_route: networkRoute,
  nfs,
  nfsd,
  nvme,
  os,
  powersupplyclass,
  pressure,
  processes,
  rapl,
  schedstat,
  selinux,
  slabinfo,
  sockstat,
  softirqs,
  softnet,
  stat,
  swap,
  sysctl,
  systemd,
  tapestats,
  tcpstat,
  textfile,
  thermal_zone: thermalZone,
  time,
  timex,
  udp_queues: udpQueues,
  uname,
  vmstat,
  watchdog,
  xfrm,
  xfs,
  zfs,
  zoneinfo,
};
