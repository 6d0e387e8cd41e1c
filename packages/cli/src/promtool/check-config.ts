import { existsSync, readFileSync } from 'node:fs';
import { isAbsolute, relative } from 'node:path';
import { formatDuration, Labels, parseDuration } from '@avalanche/model';
import {
  type DiscoveryConfig,
  type LoadedConfig,
  loadConfig,
  makeTarget,
  targetFileSchema,
} from '@avalanche/prometheus';
import { filesMatching, parseYaml } from '@avalanche/yamlfile';
import { parseFlags } from '../flags.ts';
import { describeFailure } from '../tools/failure.ts';
import type { Output } from '../tools/output.ts';
import { type ToolCommand, type ToolContext, ToolInput } from '../tools/tool-command.ts';
import { checkRulesCommand } from './check-rules.ts';

/** Upstream's exit code for lint that is fatal. */
const LINT_EXIT = 3;
const LINT_OPTIONS = ['all', 'duplicate-rules', 'too-long-scrape-interval', 'none'];

export const checkConfigCommand: ToolCommand = {
  path: ['check', 'config'],
  summary: 'Check if the config files are valid or not.',
  flags: {
    'syntax-only': { kind: 'boolean', help: 'Check the syntax only, and no file that is named.', default: 'false' },
    lint: {
      kind: 'string',
      help: `Linting checks to apply to the rules and scrape configs: ${LINT_OPTIONS.join(', ')}.`,
      default: 'duplicate-rules',
    },
    'lint-fatal': { kind: 'boolean', help: 'Make lint errors exit with exit code 3.', default: 'false' },
    'ignore-unknown-fields': { kind: 'boolean', help: 'Ignore unknown fields in the rule files.', default: 'false' },
    'query.lookback-delta': { kind: 'string', help: 'The lookback delta of the server.', default: '5m' },
    agent: { kind: 'boolean', help: 'Check config file for Prometheus in Agent mode.', default: 'false' },
  },
  args: [{ name: 'config-files', help: 'The config files to check.', required: true, many: true, file: true }],
  async run(input, context) {
    const { flags } = input;
    const { output } = context;
    const lint = lintOptions(flags.string('lint'), output);
    const tooLongMs = lint.has('too-long-scrape-interval') || lint.has('all');
    const lookbackMs = tooLongMs ? input.parsed('query.lookback-delta', parseDuration) : 0;
    const [syntaxOnly, agent] = [flags.boolean('syntax-only'), flags.boolean('agent')];
    const codes: number[] = [];
    for (const file of input.rest('config-files')) {
      const checked = await checkFile(file, { syntaxOnly, agent }, output);
      if (!checked) codes.push(1);
      if (!checked || syntaxOnly) continue;
      if (!lintJobs(checked.loaded, lookbackMs, output)) codes.push(LINT_EXIT);
      if (checked.ruleFiles.length > 0) codes.push(await checkRules(checked.ruleFiles, input, context));
    }
    if (codes.includes(1)) return 1;
    return codes.includes(LINT_EXIT) && flags.boolean('lint-fatal') ? LINT_EXIT : 0;
  },
};

function lintOptions(text: string, output: Output): ReadonlySet<string> {
  const options = text === '' ? [] : text.split(',');
  for (const option of options) {
    if (!LINT_OPTIONS.includes(option)) output.out(`WARNING: unknown lint option: ${JSON.stringify(option)}\n`);
  }
  return new Set(options.includes('none') ? [] : options);
}

interface Checked {
  readonly loaded: LoadedConfig;
  readonly ruleFiles: readonly string[];
}

/** Checks one file and tells of it; null where it cannot be used. */
async function checkFile(
  file: string,
  { syntaxOnly, agent }: { readonly syntaxOnly: boolean; readonly agent: boolean },
  output: Output,
): Promise<Checked | null> {
  output.out(`Checking ${file}\n`);
  try {
    const loaded = await loadConfig(file, { withoutJobFiles: syntaxOnly });
    if (agent) checkAgent(loaded);
    const ruleFiles = syntaxOnly ? [] : ruleFilesOf(loaded);
    if (!syntaxOnly) checkReferences(loaded, output);
    for (const job of loaded.config.scrape_configs) checkStaticTargets(job);
    if (ruleFiles.length > 0) output.out(`  SUCCESS: ${ruleFiles.length} rule files found\n`);
    output.out(` SUCCESS: ${file} is valid prometheus config file syntax\n\n`);
    return { loaded, ruleFiles };
  } catch (error) {
    const reason = describeFailure(error);
    if (reason === null) throw error;
    output.err(`  FAILED: ${reason}\n`);
    output.out('\n');
    return null;
  }
}

/** @throws Error where the configuration has what an agent does not do */
function checkAgent({ config }: LoadedConfig): void {
  const { alerting, rule_files, remote_read } = config;
  const fields = {
    alerting: alerting.alertmanagers.length + alerting.alert_relabel_configs.length,
    rule_files: rule_files.length,
    remote_read: remote_read.length,
  };
  const refused = Object.entries(fields).find(([, count]) => count > 0)?.[0];
  if (refused) throw new Error(`field ${refused} is not allowed in agent mode`);
}

/** @throws Error where a file that is named without `*` is not there */
function ruleFilesOf({ config, file }: LoadedConfig): string[] {
  return config.rule_files.flatMap((pattern) => {
    const files = filesMatching(pattern);
    if (files.length === 0 && !pattern.includes('*')) {
      throw new Error(`${JSON.stringify(shownPath(pattern, file))} does not point to an existing file`);
    }
    return files.map((path) => shownPath(path, file));
  });
}

/** A path below the working directory is told as upstream does: relative where that of the configuration is. */
function shownPath(path: string, configFile: string): string {
  const below = relative(process.cwd(), path);
  return isAbsolute(configFile) || below.startsWith('..') ? path : below;
}

/** @throws Error where a file that is named is not there, or holds something else */
function checkReferences({ config }: LoadedConfig, output: Output): void {
  for (const job of config.scrape_configs) {
    const { authorization, bearer_token_file, tls_config } = job;
    const credentials = authorization?.credentials_file ?? bearer_token_file;
    mustExist(credentials, 'authorization credentials or bearer token file');
    mustExist(tls_config.cert_file, 'client cert file');
    mustExist(tls_config.key_file, 'client key file');
    checkTargetFiles(job, `file_sd in scrape job ${JSON.stringify(job.job_name)}`, output, job);
  }
  for (const alertmanager of config.alerting.alertmanagers) {
    checkTargetFiles(alertmanager, 'file_sd in alertmanager config', output);
  }
}

function mustExist(path: string | undefined, what: string): void {
  if (!path || existsSync(path)) return;
  throw new Error(`error checking ${what} ${JSON.stringify(path)}: stat ${path}: no such file or directory`);
}

type ScrapeConfig = LoadedConfig['config']['scrape_configs'][number];
type WithTargetFiles = Pick<DiscoveryConfig, 'file_sd_configs'> & { readonly relabel_configs: readonly unknown[] };

/** @param job whose targets they become; undefined for Alertmanagers. @throws FileError, Error where a target is not usable */
function checkTargetFiles(
  { file_sd_configs, relabel_configs }: WithTargetFiles,
  where: string,
  output: Output,
  job?: ScrapeConfig,
): void {
  for (const pattern of file_sd_configs.flatMap(({ files }) => files)) {
    const files = filesMatching(pattern);
    if (files.length === 0) output.out(`  WARNING: file ${JSON.stringify(pattern)} for ${where} does not exist\n`);
    for (const file of files) {
      const groups = parseYaml(file, readFileSync(file, 'utf8'), targetFileSchema);
      if (job) for (const { targets, labels } of groups) checkTargets(targets, labels, job, '');
      const address = groups.flatMap(({ targets }) => targets).find((target) => target.includes('/'));
      if (!job && address !== undefined && relabel_configs.length === 0) {
        throw new Error(`${JSON.stringify(address)} is not a valid hostname`);
      }
    }
  }
}

function checkStaticTargets(job: ScrapeConfig): void {
  for (const [i, { targets, labels }] of job.static_configs.entries()) checkTargets(targets, labels, job, String(i));
}

/** @throws Error where relabelling leaves no target that could be scraped */
function checkTargets(
  targets: readonly string[],
  labels: Readonly<Record<string, string>> | undefined,
  job: ScrapeConfig,
  group: string,
): void {
  for (const [i, address] of targets.entries()) {
    try {
      makeTarget(Labels.from({ ...labels, __address__: address }), job);
    } catch (error) {
      throw new Error(`instance ${i} in group ${group}: ${(error as Error).message}`, { cause: error });
    }
  }
}

/** Whether no job is scraped so rarely that its samples are stale before the next ones come. */
function lintJobs({ config }: LoadedConfig, lookbackMs: number, output: Output): boolean {
  const rare = config.scrape_configs.find((job) => lookbackMs > 0 && job.scrape_interval >= lookbackMs);
  if (!rare) return true;
  const job = `job: ${rare.job_name}, interval: ${formatDuration(rare.scrape_interval)}`;
  output.err(`  FAILED: too long scrape interval found, data point will be marked as stale - ${job}\n`);
  return false;
}

/** As `check rules` checks them. @returns its exit code */
function checkRules(files: readonly string[], { flags }: ToolInput, context: ToolContext): Promise<number> {
  const lint = flags
    .string('lint')
    .split(',')
    .filter((option) => option !== 'too-long-scrape-interval');
  const args = [`--lint=${lint.join(',') || 'none'}`, '--lint-fatal', ...files];
  if (flags.boolean('ignore-unknown-fields')) args.unshift('--ignore-unknown-fields');
  const specs = { ...checkRulesCommand.flags, 'enable-feature': { kind: 'list', help: '', ignored: true } as const };
  const input = new ToolInput(parseFlags(args, specs), checkRulesCommand.args);
  return checkRulesCommand.run(input, context);
}
