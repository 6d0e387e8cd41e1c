import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FileError, parseYaml } from '@avalanche/yamlfile';
import { parse, stringify } from 'yaml';
import { configSchema, type PrometheusConfig } from './schema.ts';

/** A configuration file as loaded: checked values, and the text that the API shows. */
export interface LoadedConfig {
  readonly config: PrometheusConfig;
  readonly file: string;
  /** What relative paths in the file are relative to. */
  readonly directory: string;
  /** The file as YAML with every secret replaced by `<secret>`. */
  readonly maskedYaml: string;
}

/** @throws FileError naming file, line and key */
export async function loadConfig(file: string): Promise<LoadedConfig> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such file' : (error as Error).message;
    throw new FileError(file, [{ line: 0, key: '', message: reason }]);
  }
  const config = parseYaml(file, text, configSchema);
  return { config, file, directory: dirname(file), maskedYaml: maskSecrets(text) };
}

const SECRET_KEYS = new Set(['password', 'credentials', 'bearer_token', 'client_secret', 'secret_key']);

function maskSecrets(text: string): string {
  const mask = (key: unknown, value: unknown): unknown =>
    SECRET_KEYS.has(String(key)) && value !== undefined && value !== null ? '<secret>' : value;
  return stringify(parse(text) ?? {}, mask);
}
