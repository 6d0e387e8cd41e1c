import { Resolver } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import { Labels } from '@avalanche/model';
import type { DnsSdConfig, DnsType } from '../config/discovery.ts';
import type { Discover, DiscoveryContext, TargetGroup } from './discovery.ts';
import { refreshing } from './refresh.ts';

/** Asks name servers; those of the system unless a test names others. */
export interface DnsOptions {
  readonly servers?: readonly string[];
  /** Contents of `/etc/resolv.conf`, for its search list. */
  readonly resolvConf?: string;
}

/** Discovery from records of the DNS (`dns_sd_configs`): SRV, A, AAAA, MX, NS. A name that fails keeps what it had. */
export function discoverByDns(config: DnsSdConfig, context: DiscoveryContext, options: DnsOptions = {}): Discover {
  const known = new Map<string, TargetGroup>();
  const lookUp = async (name: string) => {
    let failed = false;
    try {
      known.set(name, { source: name, targets: await targetsOf(name, config, options) });
    } catch (error) {
      failed = true;
      context.logger.error('Error refreshing DNS targets', { discovery: 'dns', config: context.setName, error });
    }
    context.discoveryMetrics?.dnsLookedUp(failed);
  };
  const refresh = async () => {
    await Promise.all(config.names.map(lookUp));
    return [...known.values()];
  };
  return refreshing({ mechanism: 'dns', intervalMs: config.refresh_interval, refresh }, context);
}

/** @throws Error where no server has given an answer that says yes or no */
async function targetsOf(name: string, config: DnsSdConfig, options: DnsOptions): Promise<Labels[]> {
  const resolver = new Resolver({ timeout: 5000, tries: 2 });
  if (options.servers) resolver.setServers(options.servers);
  let allSaidNo = true;
  for (const candidate of candidates(name, options.resolvConf ?? systemResolvConf())) {
    try {
      const records = await recordsOf(resolver, candidate, config.type, config.port);
      return records.map((labels) => Labels.from({ ...labels, __meta_dns_name: name }));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENODATA') return [];
      if (code !== 'ENOTFOUND') allSaidNo = false;
    }
  }
  if (allSaidNo) return [];
  const reason = 'all servers responded with errors to at least one search domain';
  throw new Error(`could not resolve ${JSON.stringify(name)}: ${reason}`);
}

async function recordsOf(resolver: Resolver, name: string, type: DnsType, port: number) {
  const plain = (addresses: readonly string[]) =>
    addresses.map((address) => ({ __address__: joinHostPort(address, port) }));
  switch (type) {
    case 'A':
      return plain(await resolver.resolve4(name));
    case 'AAAA':
      return plain(await resolver.resolve6(name));
    case 'SRV':
      return (await resolver.resolveSrv(name)).map((record) => ({
        __address__: joinHostPort(record.name, record.port),
        __meta_dns_srv_record_target: rooted(record.name),
        __meta_dns_srv_record_port: String(record.port),
      }));
    case 'MX':
      return (await resolver.resolveMx(name)).map(({ exchange }) => ({
        __address__: joinHostPort(exchange, port),
        __meta_dns_mx_record_target: rooted(exchange),
      }));
    case 'NS':
      return (await resolver.resolveNs(name)).map((server) => ({
        __address__: joinHostPort(server, port),
        __meta_dns_ns_record_target: rooted(server),
      }));
    default:
      return type satisfies never;
  }
}

/** Node takes the dot at the end of a name away, which upstream's labels keep. */
function rooted(name: string): string {
  return name.endsWith('.') ? name : `${name}.`;
}

export function joinHostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function systemResolvConf(): string {
  try {
    return readFileSync('/etc/resolv.conf', 'utf8');
  } catch {
    return '';
  }
}

/** The names that stand for `name`, in the order in which resolv.conf(5) has them tried. */
function candidates(name: string, resolvConf: string): string[] {
  if (name.endsWith('.')) return [name.slice(0, -1)];
  const search = [...resolvConf.matchAll(/^\s*(?:search|domain)\s+(.+)$/gm)].at(-1)?.[1]?.trim().split(/\s+/) ?? [];
  const ndots = Number(/^\s*options\b.*\bndots:(\d+)/m.exec(resolvConf)?.[1] ?? 1);
  const below = search.filter((domain) => domain !== '.').map((domain) => `${name}.${domain.replace(/\.$/, '')}`);
  return name.split('.').length - 1 >= ndots ? [name, ...below] : [...below, name];
}
