import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeGoYaml, goStringMap } from '@avalanche/yamlfile';
import { Fatal } from './fatal.ts';

const SYSTEM_FILE = '/etc/amtool/config.yml';
/** Names of flags in files of old. */
const OLD_NAMES: Readonly<Record<string, string>> = { comment_required: 'require-comment' };

/**
 * The user's own defaults of flags: `~/.config/amtool/config.yml`, and what it leaves open from `/etc/amtool/config.yml`.
 * @throws Fatal where a file is there and cannot be used
 */
export function amtoolSettings(): Readonly<Record<string, string>> {
  const files = [join(process.env.HOME ?? '', '.config/amtool/config.yml'), SYSTEM_FILE];
  return Object.assign({}, ...files.map(settingsOf).reverse()) as Record<string, string>;
}

function settingsOf(file: string): Readonly<Record<string, string>> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return {};
    throw new Fatal(`could not load config file: ${message}`);
  }
  const { value: given = {}, problems } = decodeGoYaml(text, goStringMap);
  if (problems.length > 0) throw new Fatal(`could not load config file: ${file}: ${problems.join('; ')}`);
  const entries = Object.entries(given).filter(([name]) => !Object.hasOwn(given, OLD_NAMES[name] ?? ''));
  return Object.fromEntries(entries.map(([name, value]) => [OLD_NAMES[name] ?? name, value]));
}
