import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { filesMatching } from '@avalanche/yamlfile';
import type { LoadedConfig } from './load.ts';

/**
 * A fingerprint of every file that the configuration consists of: its own, those of rules and of more jobs. A file that
 * cannot be read counts as one without content: that it has gone is a change.
 */
export async function configChecksum({ file, config }: LoadedConfig): Promise<string> {
  const hash = createHash('sha256');
  const more = [...config.rule_files, ...config.scrape_config_files].flatMap(filesMatching);
  for (const path of [file, ...more]) {
    hash.update(`${path}\0`);
    hash.update(await readFile(path).catch(() => ''));
  }
  return hash.digest('hex');
}
