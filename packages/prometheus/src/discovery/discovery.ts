import { dirname, isAbsolute, join } from 'node:path';
import { Labels, type Logger } from '@avalanche/model';
import type { DiscoveryConfig } from '../config/schema.ts';
import { discoverByDns } from './dns.ts';
import { discoverByDocker } from './docker.ts';
import { discoverFiles } from './file.ts';
import { discoverByHttp } from './http.ts';
import type { DiscoveryMetrics, Seeker } from './metrics.ts';

/** Targets that one source announces together: each a label set with at least `__address__`. */
export interface TargetGroup {
  /** What tells this group from others of the same discoverer, such as `file.yml:0`. */
  readonly source: string;
  readonly targets: readonly Labels[];
}

/**
 * One mechanism that finds targets. It calls `update` with everything it knows at present, first when it knows it
 * for the first time, then at each change; a source that cannot be read keeps what it last said.
 * More mechanisms are added by implementing this function type (`refreshing` does it for those that are asked at
 * intervals), their keys in `config/discovery.ts`, and a line in `discover`.
 * @returns its stop
 */
export type Discover = (update: (groups: readonly TargetGroup[]) => void) => () => void;

export interface DiscoveryContext {
  readonly logger: Logger;
  /** Turns a path of the configuration into one of the file system. */
  readonly resolvePath: (path: string) => string;
  readonly discoveryMetrics?: DiscoveryMetrics;
  /** Whom targets are found for; default `scrape`. */
  readonly seeker?: Seeker;
  /** The job that asks, for metrics and the log. */
  readonly setName?: string;
}

/**
 * How paths in a configuration are resolved: relative ones against its directory, and those that start with
 * `targets/` against `targetsDirectory`, where the embedded stack writes the targets that it really runs.
 */
export function pathResolver(configFile: string, targetsDirectory?: string): (path: string) => string {
  return (path) => {
    if (isAbsolute(path)) return path;
    if (targetsDirectory && path.startsWith('targets/')) return join(targetsDirectory, path.slice('targets/'.length));
    return join(dirname(configFile), path);
  };
}

/** Runs all mechanisms of one scrape or Alertmanager configuration and joins what they say. */
export function discover(
  config: DiscoveryConfig,
  context: DiscoveryContext,
  update: (targets: readonly Labels[]) => void,
): () => void {
  const fixed = config.static_configs.flatMap((group) => labelsOfGroup(group.targets, group.labels ?? {}));
  const mechanisms: Discover[] = [
    ...config.file_sd_configs.map((files) => discoverFiles(files, context)),
    ...config.http_sd_configs.map((http) => discoverByHttp(http, context)),
    ...config.dns_sd_configs.map((dns) => discoverByDns(dns, context)),
    ...config.docker_sd_configs.map((docker) => discoverByDocker(docker, context)),
  ];
  const known = new Map<Discover, readonly Labels[]>();
  const { discoveryMetrics: metrics, seeker = 'scrape', setName = '' } = context;
  const publish = () => {
    const targets = [...fixed, ...[...known.values()].flat()];
    metrics?.discovered(seeker, setName, targets.length);
    update(targets);
  };
  const stops = mechanisms.map((start) =>
    start((groups) => {
      metrics?.updated(seeker);
      known.set(
        start,
        groups.flatMap((group) => group.targets),
      );
      publish();
    }),
  );
  publish();
  return () => {
    for (const stop of stops) stop();
    metrics?.ended(seeker, setName);
  };
}

export function labelsOfGroup(addresses: readonly string[], labels: Readonly<Record<string, string>>): Labels[] {
  return addresses.map((address) => Labels.from({ ...labels, __address__: address }));
}
