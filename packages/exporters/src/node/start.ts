import type { FamilyWriter } from '@avalanche/exposition';
import type { Logger } from '@avalanche/model';
import type { ListenAddress, RunningRole, WebOptions } from '@avalanche/web';
import type { FastifyRequest } from 'fastify';
import { type Collector, CollectorRunner } from '../base/collector.ts';
import type { Scrape } from '../base/scrape.ts';
import { ScrapeRequestError, startExporterServer } from '../base/server.ts';
import { collectCpu, collectLoadavg, collectStat } from './cpu.ts';
import { collectDiskstats } from './disk.ts';
import { collectFilesystem } from './filesystem.ts';
import type { Paths } from './fs.ts';
import { collectMeminfo, collectPressure, collectVmstat } from './memory.ts';
import { collectNetclass, collectNetdev, collectSockstat } from './network.ts';
import { collectEntropy, collectFilefd, collectTime, collectUname } from './system.ts';

type Collect = (paths: Paths, families: FamilyWriter) => Promise<void> | void;

/** Every collector by its name in node_exporter. */
export const NODE_COLLECTORS: Readonly<Record<string, Collect>> = {
  cpu: collectCpu,
  diskstats: collectDiskstats,
  entropy: collectEntropy,
  filefd: collectFilefd,
  filesystem: collectFilesystem,
  loadavg: collectLoadavg,
  meminfo: collectMeminfo,
  netclass: collectNetclass,
  netdev: collectNetdev,
  pressure: collectPressure,
  sockstat: collectSockstat,
  stat: collectStat,
  time: collectTime,
  uname: collectUname,
  vmstat: collectVmstat,
};

export interface NodeExporterOptions {
  readonly listen: ListenAddress;
  readonly web?: WebOptions | undefined;
  readonly logger: Logger;
  readonly version: string;
  readonly telemetryPath?: string;
  readonly paths?: Partial<Paths>;
  /** Names of collectors; all by default. */
  readonly collectors?: readonly string[];
}

const COLLECTOR_TIMEOUT_MS = 8_000;

/** Starts the node exporter: the machine's CPU, memory, disks, filesystems and network from /proc and /sys. */
export async function startNodeExporter(options: NodeExporterOptions): Promise<RunningRole> {
  const paths: Paths = { procfs: '/proc', sysfs: '/sys', rootfs: '/', ...options.paths };
  const names = options.collectors ?? Object.keys(NODE_COLLECTORS);
  const collectors: Collector[] = names.map((name) => ({
    name,
    collect: (families) => NODE_COLLECTORS[name](paths, families),
  }));
  const runner = new CollectorRunner(collectors, COLLECTOR_TIMEOUT_MS, options.logger);
  return startExporterServer({
    role: 'node-exporter',
    title: 'Node Exporter',
    prefix: 'node',
    listen: options.listen,
    web: options.web,
    version: options.version,
    telemetryPath: options.telemetryPath ?? '/metrics',
    scrape: async (request, scrape) => scrapeNode(runner, wantedCollectors(request, runner), scrape),
  });
}

/** `?collect[]=cpu&collect[]=meminfo` asks for some collectors only. @throws ScrapeRequestError for one that is not there */
function wantedCollectors(request: FastifyRequest, runner: CollectorRunner): ReadonlySet<string> | undefined {
  const given = (request.query as Record<string, string | readonly string[] | undefined>)['collect[]'] ?? [];
  const names = typeof given === 'string' ? [given] : given;
  const unknown = names.find((name) => !runner.names.includes(name));
  if (unknown !== undefined) throw new ScrapeRequestError(`missing collector: ${unknown}`);
  return names.length > 0 ? new Set(names) : undefined;
}

async function scrapeNode(
  runner: CollectorRunner,
  only: ReadonlySet<string> | undefined,
  scrape: Scrape,
): Promise<FamilyWriter> {
  const { families, results } = await runner.collect(only, scrape);
  const duration = families.gauge('node_scrape_collector_duration_seconds', 'How long a collector took.');
  const success = families.gauge('node_scrape_collector_success', 'Whether a collector succeeded.');
  for (const { name, seconds, ok } of results) {
    duration.add(seconds, { collector: name });
    success.add(ok ? 1 : 0, { collector: name });
  }
  return families;
}
