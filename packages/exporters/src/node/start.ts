import type { FamilyWriter } from '@avalanche/exposition';
import type { Logger } from '@avalanche/model';
import { type ListenAddress, type RunningRole, StartupError } from '@avalanche/web';
import type { FastifyRequest } from 'fastify';
import { type Collector, CollectorRunner } from '../base/collector.ts';
import type { Scrape } from '../base/scrape.ts';
import { type ExporterWebOptions, ScrapeRequestError, startExporterServer } from '../base/server.ts';
import { FlagError, type NodeContext, type NodeFlag } from './collector.ts';
import type { Paths } from './machine.ts';
import { NODE_COLLECTORS } from './registry.ts';

/** What flags say of collectors, without their prefix `collector.`. */
export type NodeFlagValues = Readonly<Record<string, readonly string[]>>;

export interface NodeExporterOptions {
  readonly listen: ListenAddress;
  readonly web?: ExporterWebOptions | undefined;
  readonly logger: Logger;
  readonly version: string;
  readonly telemetryPath?: string;
  readonly paths?: Partial<Paths>;
  /** Names of collectors; by default those that run by default. */
  readonly collectors?: readonly string[];
  /** Flags of collectors that were given, such as `netdev.device-exclude`. */
  readonly flags?: NodeFlagValues;
}

/** Nothing that a collector waits for should take so long; a scrape with a shorter timeout waits no longer than that. */
const COLLECTOR_TIMEOUT_MS = 30_000;
/** As node_exporter. */
const MAX_REQUESTS = 40;

const DEFAULT_PATHS: Paths = { procfs: '/proc', sysfs: '/sys', rootfs: '/', udevData: '/run/udev/data' };

/** Every flag of every collector, with the name and state of each collector itself. */
export function nodeCollectorFlags(): Record<string, NodeFlag> {
  const flags: Record<string, NodeFlag> = {};
  for (const [name, { isDefault, flags: own = {} }] of Object.entries(NODE_COLLECTORS)) {
    flags[name] = { kind: 'boolean', help: `The ${name} collector.`, default: String(isDefault) };
    Object.assign(flags, own);
  }
  return flags;
}

/** The collectors that run by default. */
export function defaultNodeCollectors(): string[] {
  return Object.keys(NODE_COLLECTORS).filter((name) => NODE_COLLECTORS[name].isDefault);
}

/**
 * Starts the node exporter: the machine's CPU, memory, disks, filesystems, network and hardware from /proc and /sys.
 * @throws StartupError where a flag cannot be used, in the words of node_exporter
 */
export async function startNodeExporter(options: NodeExporterOptions): Promise<RunningRole> {
  const stops: (() => void)[] = [];
  const runner = new CollectorRunner(createCollectors(options, stops), COLLECTOR_TIMEOUT_MS, options.logger);
  const onStop = async () => {
    for (const stop of stops) stop();
  };
  const starting = startExporterServer({
    role: 'node-exporter',
    title: 'Node Exporter',
    prefix: 'node',
    listen: options.listen,
    web: { maxRequests: MAX_REQUESTS, ...options.web },
    version: options.version,
    telemetryPath: options.telemetryPath ?? '/metrics',
    scrape: async (request, scrape) => scrapeNode(runner, wantedCollectors(request, runner), scrape),
    onStop,
  });
  starting.catch(onStop); // a port in use leaves no helper behind
  return starting;
}

/** @param stops takes what is to be done when the exporter stops */
function createCollectors(options: NodeExporterOptions, stops: (() => void)[]): Collector[] {
  const names = [...(options.collectors ?? defaultNodeCollectors())].sort();
  const context = contextOf(options, names, stops);
  return names.map((name) => {
    try {
      const logger = options.logger.child({ collector: name });
      return { name, collect: NODE_COLLECTORS[name].create({ ...context, logger }) };
    } catch (error) {
      if (!(error instanceof FlagError)) throw error;
      throw new StartupError('node-exporter', error.message, 'see --help for the flags of the collectors');
    }
  });
}

function contextOf(options: NodeExporterOptions, names: readonly string[], stops: (() => void)[]): NodeContext {
  const given = options.flags ?? {};
  const flags = Object.assign(
    {},
    ...Object.values(NODE_COLLECTORS).map((collector) => collector.flags ?? {}),
  ) as Readonly<Record<string, NodeFlag>>;
  const valuesOf = (name: string): readonly string[] => {
    const { oldName, default: fallback } = flags[name] ?? {};
    return given[name] ?? (oldName ? given[oldName] : undefined) ?? (fallback === undefined ? [] : [fallback]);
  };
  for (const [name, { oldName }] of Object.entries(flags)) {
    if (!oldName || given[oldName] === undefined) continue;
    if (given[name] !== undefined) {
      const message = `--collector.${oldName} and --collector.${name} are mutually exclusive`;
      throw new StartupError('node-exporter', message, `leave out --collector.${oldName}`);
    }
    options.logger.warn('This flag has a new name', { old: `--collector.${oldName}`, new: `--collector.${name}` });
  }
  const flag = (name: string) => valuesOf(name).at(-1) ?? '';
  return {
    paths: { ...DEFAULT_PATHS, ...options.paths },
    logger: options.logger,
    flag,
    flags: valuesOf,
    isOn: (name) => flag(name) === 'true',
    isGiven: (name) => given[name] !== undefined || given[flags[name]?.oldName ?? ''] !== undefined,
    hasCollector: (name) => names.includes(name),
    onStop: (stop) => void stops.push(stop),
  };
}

/**
 * `?collect[]=cpu&collect[]=meminfo` asks for some collectors only, `?exclude[]=` for all but some.
 * @throws ScrapeRequestError in the words of node_exporter
 */
function wantedCollectors(request: FastifyRequest, runner: CollectorRunner): ReadonlySet<string> | undefined {
  const query = request.query as Readonly<Record<string, string | readonly string[] | undefined>>;
  const collect = [query['collect[]'] ?? []].flat();
  const exclude = [query['exclude[]'] ?? []].flat();
  if (collect.length === 0 && exclude.length === 0) return undefined;
  if (collect.length > 0 && exclude.length > 0) {
    throw new ScrapeRequestError('Combined collect and exclude queries are not allowed.');
  }
  if (exclude.length > 0) return new Set(runner.names.filter((name) => !exclude.includes(name)));
  for (const name of collect) {
    if (runner.names.includes(name)) continue;
    const kind = Object.hasOwn(NODE_COLLECTORS, name) ? 'disabled' : 'missing';
    const reason = `couldn't create collector: ${kind} collector: ${name}`;
    throw new ScrapeRequestError(`Couldn't create filtered metrics handler: ${reason}`);
  }
  return new Set(collect);
}

async function scrapeNode(
  runner: CollectorRunner,
  only: ReadonlySet<string> | undefined,
  scrape: Scrape,
): Promise<FamilyWriter> {
  const { families, results } = await runner.collect(only, scrape);
  const duration = families.gauge('node_scrape_collector_duration_seconds', 'How long a collector took, in seconds.');
  const success = families.gauge('node_scrape_collector_success', 'Whether a collector succeeded.');
  for (const { name, seconds, ok } of results) {
    duration.add(seconds, { collector: name });
    success.add(ok ? 1 : 0, { collector: name });
  }
  return families;
}
