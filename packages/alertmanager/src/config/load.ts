import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { HttpClient, resolvePaths } from '@avalanche/web';
import { FileError, filesMatching, parseYaml } from '@avalanche/yamlfile';
import { buildRoute, type Route } from '../route/route.ts';
import { NotificationTemplates } from '../template/templates.ts';
import { maskedYaml } from './mask.ts';
import { type AlertmanagerConfig, configSchema } from './schema.ts';
import { isConfigText } from './texts.ts';
import type { HttpConfig } from './values.ts';

/** A configuration file as loaded, with all that can fail done: templates compiled, route tree built. */
export interface LoadedAlertmanagerConfig {
  readonly file: string;
  /** Its paths are absolute: relative ones of the file are relative to it. */
  readonly config: AlertmanagerConfig;
  readonly route: Route;
  readonly templates: NotificationTemplates;
  /** The file as YAML with every secret replaced by `<secret>`. */
  readonly maskedYaml: string;
  /** For `alertmanager_config_hash`. */
  readonly hash: number;
}

/** Reads and checks `alertmanager.yml` and its templates. @throws FileError naming file, line and key */
export async function loadAlertmanagerConfig(file: string): Promise<LoadedAlertmanagerConfig> {
  const text = await readText(file);
  const config = checkAlertmanagerConfig(file, text);
  checkCertificates(file, config);
  return {
    file,
    config,
    route: buildRoute(config.route),
    templates: await loadTemplates(config.templates.flatMap(filesMatching)),
    maskedYaml: maskedYaml(file, text),
    hash: createHash('md5').update(text).digest().readUIntLE(0, 6),
  };
}

/** Checks the text of an `alertmanager.yml`, but for what other files hold; `file` names it and its folder. @throws FileError */
export function checkAlertmanagerConfig(file: string, text: string): AlertmanagerConfig {
  return withPaths(parseYaml(file, text, configSchema, isConfigText), (path) => resolve(dirname(file), path));
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such file' : (error as Error).message;
    throw new FileError(file, [{ line: 0, key: '', message: reason }]);
  }
}

type Resolve = (path: string) => string;

function withPaths(config: AlertmanagerConfig, resolvePath: Resolve): AlertmanagerConfig {
  return {
    ...config,
    global: resolvePaths(config.global, resolvePath),
    templates: config.templates.map(resolvePath),
    receivers: config.receivers.map(
      (receiver) =>
        Object.fromEntries(
          Object.entries(receiver).map(([key, value]) => [
            key,
            Array.isArray(value) ? value.map((entry: Entry) => entryWithPaths(entry, resolvePath)) : value,
          ]),
        ) as typeof receiver,
    ),
  };
}

type Entry = Readonly<Record<string, unknown>>;

/** What users fill in as they like: a `…_file` there is no path of ours. */
const FREE_FORM = ['payload', 'details', 'fields', 'attributes', 'custom_fields'];

function entryWithPaths(entry: Entry, resolvePath: Resolve): Entry {
  const kept = Object.fromEntries(Object.entries(entry).filter(([key]) => FREE_FORM.includes(key)));
  return { ...resolvePaths(entry, resolvePath), ...kept };
}

interface WithHttp {
  readonly http_config?: HttpConfig | undefined;
}

/** As upstream, certificates must be there and be some when the configuration is loaded; secrets may come later. */
function checkCertificates(file: string, { receivers }: AlertmanagerConfig): void {
  receivers.forEach((receiver, i) => {
    for (const [key, entries] of Object.entries(receiver)) {
      if (!Array.isArray(entries)) continue;
      (entries as readonly WithHttp[]).forEach(({ http_config }, j) => {
        try {
          if (http_config) new HttpClient(http_config).tlsOptions();
        } catch (error) {
          const place = `receivers[${i}].${key}[${j}].http_config.tls_config`;
          throw new FileError(file, [{ line: 0, key: place, message: (error as Error).message }]);
        }
      });
    }
  });
}

/** Our templates, and those of these files, which may replace ours. @throws FileError */
export async function loadTemplates(files: readonly string[]): Promise<NotificationTemplates> {
  const templates = new NotificationTemplates();
  for (const file of files) {
    const text = await readText(file);
    try {
      templates.add(file, text);
    } catch (error) {
      throw new FileError(file, [{ line: 0, key: '', message: (error as Error).message }]);
    }
  }
  return templates;
}
