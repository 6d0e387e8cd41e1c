import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { silentLogger } from '@avalanche/model';
import type { RunningRole } from '@avalanche/web';
import { type NodeExporterOptions, startNodeExporter } from './start.ts';

/** Makes a directory of the files of a `.tree`: a line `=== PATH` and the content up to the next. Gives its path. */
export function makeMachine(tree: string): string {
  const root = mkdtempSync(join(tmpdir(), 'machine-'));
  for (const part of readFileSync(tree, 'utf8').split(/^=== /m).slice(1)) {
    const end = part.indexOf('\n');
    const path = join(root, part.slice(0, end));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, part.slice(end + 1));
  }
  return root;
}

/** Starts the exporter on a machine of `makeMachine`. */
export function watchMachine(root: string, options: Partial<NodeExporterOptions> = {}): Promise<RunningRole> {
  return startNodeExporter({
    listen: { host: '127.0.0.1', port: 0 },
    logger: silentLogger,
    version: 'test',
    paths: { procfs: `${root}/proc`, sysfs: `${root}/sys`, rootfs: root, udevData: `${root}/udev` },
    web: { disableExporterMetrics: true },
    ...options,
  });
}

export async function scrape({ url }: RunningRole, query = ''): Promise<string> {
  return (await fetch(`${url}/metrics${query}`)).text();
}

/** The samples of a scrape, without HELP and TYPE. */
export function samples(text: string): string[] {
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}
