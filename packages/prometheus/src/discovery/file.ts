import { type FSWatcher, readFileSync, watch } from 'node:fs';
import { dirname } from 'node:path';
import { filesMatching, parseYaml } from '@avalanche/yamlfile';
import { z } from 'zod';
import { type DiscoveryConfig, targetGroup } from '../config/schema.ts';
import { type Discover, type DiscoveryContext, labelsOfGroup, type TargetGroup } from './discovery.ts';

const targetFile = z.array(targetGroup);
const SETTLE_MS = 50;
const REFRESH_DEFAULT_MS = 5 * 60_000;
/** A longer Node timer fires at once. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/**
 * Discovery from files of target groups (`file_sd_configs`): JSON or YAML, with `*` in the file name. Directories are
 * watched, and read again every `refresh_interval` in case a change went unnoticed. A file that is gone takes its
 * targets with it; one that does not parse keeps those that it had.
 */
export function discoverFiles(
  config: DiscoveryConfig['file_sd_configs'][number],
  { logger, resolvePath, discoveryMetrics }: DiscoveryContext,
): Discover {
  const patterns = config.files.map(resolvePath);
  return (update) => {
    let groups = new Map<string, readonly TargetGroup[]>();
    const read = () => {
      const next = new Map<string, readonly TargetGroup[]>();
      for (const file of patterns.flatMap(filesMatching)) {
        const begin = performance.now();
        let failed = false;
        try {
          next.set(file, readTargetFile(file));
        } catch (error) {
          logger.error('Reading a target file failed; its last targets stay', { file, error });
          next.set(file, groups.get(file) ?? []);
          failed = true;
        }
        discoveryMetrics?.fileRead((performance.now() - begin) / 1000, failed);
      }
      groups = next;
      update([...groups.values()].flat());
    };
    let settling: NodeJS.Timeout | undefined;
    const soon = () => {
      clearTimeout(settling);
      settling = setTimeout(read, SETTLE_MS);
    };
    const watchers = [...new Set(patterns.map((pattern) => dirname(pattern)))].flatMap((path) => watchPath(path, soon));
    const timer = setInterval(read, Math.min(config.refresh_interval || REFRESH_DEFAULT_MS, TIMER_MAX_MS));
    timer.unref();
    read();
    return () => {
      clearInterval(timer);
      clearTimeout(settling);
      for (const watcher of watchers) watcher.close();
    };
  };
}

function readTargetFile(file: string): TargetGroup[] {
  const groups = parseYaml(
    file,
    readFileSync(file, 'utf8'),
    z.preprocess((value) => value ?? [], targetFile),
  );
  return groups.map((group, i) => ({
    source: `${file}:${i}`,
    targets: labelsOfGroup(group.targets, { ...group.labels, __meta_filepath: file }),
  }));
}

function watchPath(path: string, changed: () => void): FSWatcher[] {
  try {
    const watcher = watch(path, { persistent: false }, changed);
    watcher.on('error', () => watcher.close());
    return [watcher];
  } catch {
    return []; // not there, or no watches left: the refresh interval still reads it
  }
}
