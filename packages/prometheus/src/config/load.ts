import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import type { Logger } from '@avalanche/model';
import { resolvePaths } from '@avalanche/web';
import { FileError, type FileProblem, filesMatching, parseYaml } from '@avalanche/yamlfile';
import { z } from 'zod';
import { pathResolver } from '../discovery/discovery.ts';
import { dumpConfig } from './dump.ts';
import {
  configSchema,
  type PrometheusConfig,
  protobufFirstSchema,
  rawScrapeConfigs,
  type ScrapeConfig,
} from './schema.ts';
import { scrapeProblems, withGlobals } from './scrape.ts';
import { nullsAsAbsent } from './values.ts';

/** A configuration file as loaded: checked values, and the text that the API shows. */
export interface LoadedConfig {
  /**
   * Its paths are absolute, the jobs of `scrape_config_files` are among its own, and external labels have the
   * environment's variables filled in.
   */
  readonly config: PrometheusConfig;
  readonly file: string;
  /** What relative paths in the file are relative to. */
  readonly directory: string;
  /** The effective configuration as YAML with every secret replaced by `<secret>`. */
  readonly maskedYaml: string;
}

export interface LoadOptions {
  /** Where the embedded stack writes the targets that it really runs, see `pathResolver`. */
  readonly targetsDirectory?: string | undefined;
  readonly environment?: NodeJS.ProcessEnv;
  /** Whether the files of `scrape_config_files` are left unread. */
  readonly withoutJobFiles?: boolean;
  /** Whether targets are asked for protobuf before any text where the file does not say what to ask for. */
  readonly protobufFirst?: boolean;
  /** Told of variables that are not there. */
  readonly logger?: Logger;
}

/** @throws FileError naming file, line and key */
export async function loadConfig(file: string, options: LoadOptions = {}): Promise<LoadedConfig> {
  const { targetsDirectory, environment = process.env, logger, withoutJobFiles = false } = options;
  const schema = options.protobufFirst ? protobufFirstSchema : configSchema;
  const parsed = parseYaml(file, await read(file), schema);
  const external_labels = expandLabels(parsed.global.external_labels, environment, logger);
  const main = { ...parsed, global: { ...parsed.global, external_labels } };
  const directory = dirname(file);
  const resolvePath = pathResolver(file, targetsDirectory);
  const config = resolvePaths(main, (path) => resolve(resolvePath(path)));
  const scrape_configs = [...config.scrape_configs, ...(withoutJobFiles ? [] : await jobsOfFiles(config))];
  const shown = resolvePaths(main, (path) => (isAbsolute(path) ? path : join(directory, path)));
  return { config: { ...config, scrape_configs }, file, directory, maskedYaml: dumpConfig(shown) };
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such file' : (error as Error).message;
    throw new FileError(file, [{ line: 0, key: '', message: reason }]);
  }
}

const jobsFile = z.preprocess(nullsAsAbsent, z.strictObject({ scrape_configs: rawScrapeConfigs }));

/** The jobs of `scrape_config_files`, whose paths are relative to their own file. */
async function jobsOfFiles({ scrape_config_files, scrape_configs, global }: PrometheusConfig): Promise<ScrapeConfig[]> {
  const seen = new Map(scrape_configs.map(({ job_name }) => [job_name, 'main config file']));
  const jobs: ScrapeConfig[] = [];
  for (const file of scrape_config_files.flatMap(filesMatching)) {
    const { scrape_configs: raw } = parseYaml(file, await read(file), jobsFile);
    for (const [i, item] of raw.entries()) {
      const job = withGlobals(item, global);
      const key = `scrape_configs[${i}]`;
      const problems: FileProblem[] = [...scrapeProblems(job)].map(([path, message]) => ({
        line: 0,
        key: [key, ...path].join('.'),
        message,
      }));
      const first = seen.get(job.job_name);
      if (first !== undefined) {
        const message = `found multiple scrape configs with job name ${JSON.stringify(job.job_name)}, first found in ${first}`;
        problems.push({ line: 0, key: `${key}.job_name`, message });
      }
      if (problems.length > 0) throw new FileError(file, problems);
      seen.set(job.job_name, JSON.stringify(file));
      jobs.push(resolvePaths(job, (path) => resolve(dirname(file), path)));
    }
  }
  return jobs;
}

/** `$NAME` and `${NAME}` as Go's os.Expand reads them; `$$` is a dollar sign. */
const VARIABLE = /\$(?:\{([^{}]*)\}|(\{)|([*#$@!?\d-])|(\w+))/g;

function expandLabels(
  labels: Readonly<Record<string, string>>,
  environment: NodeJS.ProcessEnv,
  logger?: Logger,
): Record<string, string> {
  const expand = (value: string) =>
    value.replace(VARIABLE, (_whole, braced?: string, _open?: string, special?: string, bare?: string) => {
      const name = braced ?? special ?? bare ?? '';
      if (name === '$') return '$';
      const found = environment[name];
      if (!found && name !== '') logger?.warn('Empty environment variable', { name });
      return found ?? '';
    });
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, expand(value)]));
}
