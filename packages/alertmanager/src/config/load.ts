import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { FileError, filesMatching, parseYaml } from '@avalanche/yamlfile';
import { buildRoute, type Route } from '../route/route.ts';
import { NotificationTemplates } from '../template/templates.ts';
import { maskSecrets } from './mask.ts';
import { type AlertmanagerConfig, configSchema } from './schema.ts';

/** A configuration file as loaded, with all that can fail done: templates compiled, route tree built. */
export interface LoadedAlertmanagerConfig {
  readonly file: string;
  readonly config: AlertmanagerConfig;
  readonly route: Route;
  readonly templates: NotificationTemplates;
  /** Makes a path of the file absolute; relative ones are relative to the file. */
  readonly resolvePath: (path: string) => string;
  /** The file as YAML with every secret replaced by `<secret>`. */
  readonly maskedYaml: string;
  /** For `alertmanager_config_hash`. */
  readonly hash: number;
}

/** Reads and checks `alertmanager.yml` and its templates. @throws FileError naming file, line and key */
export async function loadAlertmanagerConfig(file: string): Promise<LoadedAlertmanagerConfig> {
  const text = await readText(file);
  const config = parseYaml(file, text, configSchema);
  const resolvePath = (path: string): string => resolve(dirname(file), path);
  return {
    file,
    config,
    route: buildRoute(config.route),
    templates: await loadTemplates(config, resolvePath),
    resolvePath,
    maskedYaml: maskSecrets(text),
    hash: createHash('md5').update(text).digest().readUIntLE(0, 6),
  };
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such file' : (error as Error).message;
    throw new FileError(file, [{ line: 0, key: '', message: reason }]);
  }
}

async function loadTemplates(
  config: AlertmanagerConfig,
  resolvePath: (path: string) => string,
): Promise<NotificationTemplates> {
  const templates = new NotificationTemplates();
  for (const file of config.templates.flatMap((pattern) => filesMatching(resolvePath(pattern)))) {
    const text = await readText(file);
    try {
      templates.add(file, text);
    } catch (error) {
      throw new FileError(file, [{ line: 0, key: '', message: (error as Error).message }]);
    }
  }
  return templates;
}
