import { resolve } from 'node:path';
import { type Dialect, parse as parseExpression, print, WHOLE_LANGUAGE } from '@avalanche/promql';
import { FileError, filesMatching, readYamlFile } from '@avalanche/yamlfile';
import type { LoadedConfig } from '../config/load.ts';
import { AlertingRule } from './alerting.ts';
import { RuleGroup, type RuleGroupContext } from './group.ts';
import { RecordingRule } from './recording.ts';
import type { Rule } from './rule.ts';
import { type RuleConfig, type RuleGroupConfig, ruleFileSchema } from './schema.ts';
import { checkTemplate } from './template.ts';

/** The groups of one rule file, checked. */
export interface LoadedRuleFile {
  readonly file: string;
  readonly groups: readonly RuleGroupConfig[];
}

/**
 * Reads the rule files of a configuration: paths relative to it, `*` in the file name.
 * @throws FileError naming the file, the line and, for a bad expression, the rule
 */
export async function loadRuleFiles(
  { config, directory }: LoadedConfig,
  dialect: Dialect = {},
): Promise<LoadedRuleFile[]> {
  const files = config.rule_files.flatMap((pattern) => filesMatching(resolve(directory, pattern)));
  return Promise.all(files.map((file) => loadRuleFile(file, dialect)));
}

export async function loadRuleFile(file: string, dialect: Dialect = {}): Promise<LoadedRuleFile> {
  const { groups } = await readYamlFile(file, ruleFileSchema);
  const problems = groups.flatMap((group, g) =>
    group.rules.flatMap((rule, r) =>
      problemsOf(rule, dialect).map((message) => ({
        line: 0,
        key: `groups[${g}].rules[${r}]`,
        message: `group ${JSON.stringify(group.name)}, rule ${r + 1}, ${JSON.stringify(rule.alert ?? rule.record)}: ${message}`,
      })),
    ),
  );
  if (problems.length > 0) throw new FileError(file, problems);
  return { file, groups };
}

function problemsOf(rule: RuleConfig, dialect: Dialect): string[] {
  const problems: string[] = [];
  const attempt = (what: string, check: () => unknown) => {
    try {
      check();
    } catch (error) {
      problems.push(`${what}: ${(error as Error).message}`);
    }
  };
  attempt('could not parse expression', () => parseExpression(rule.expr, dialect));
  const { alert } = rule;
  if (alert === undefined) return problems;
  for (const [name, text] of Object.entries(rule.labels)) attempt(`label ${name}`, () => checkTemplate(text, alert));
  for (const [name, text] of Object.entries(rule.annotations))
    attempt(`annotation ${name}`, () => checkTemplate(text, alert));
  return problems;
}

/** The rule groups of the running configuration. */
export class RuleManager {
  groups: readonly RuleGroup[] = [];
  private loadedOnce = false;

  constructor(
    private readonly context: RuleGroupContext,
    private readonly externalUrl: () => string,
  ) {}

  get alertingRules(): AlertingRule[] {
    return this.groups.flatMap((group) => group.rules.filter((rule) => rule instanceof AlertingRule));
  }

  /** Moves to a set of rule files: an unchanged group goes on, one that changed takes over what it can. */
  async apply(loaded: LoadedConfig, files: readonly LoadedRuleFile[]): Promise<void> {
    const running = new Map(this.groups.map((group) => [`${group.file};${group.name}`, group]));
    const next: RuleGroup[] = [];
    const fresh: RuleGroup[] = [];
    for (const { file, groups } of files) {
      for (const config of groups) {
        const group = this.makeGroup(config, file, loaded);
        const before = running.get(`${file};${config.name}`);
        if (before?.fingerprint === group.fingerprint) next.push(before);
        else {
          next.push(group);
          fresh.push(group);
        }
      }
    }
    const ended = new Set(this.groups.filter((group) => !next.includes(group)));
    await Promise.all([...ended].map((group) => group.stop()));
    for (const group of fresh) {
      const before = running.get(`${group.file};${group.name}`);
      if (before) {
        group.takeOver(before);
        ended.delete(before);
      } else if (!this.loadedOnce) group.restoreState();
    }
    for (const group of ended) group.endSeries();
    this.groups = next;
    this.loadedOnce = true;
    for (const group of fresh) group.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.groups.map((group) => group.stop()));
  }

  private makeGroup(group: RuleGroupConfig, file: string, { config }: LoadedConfig): RuleGroup {
    const intervalMs = group.interval || config.global.evaluation_interval;
    const externalLabels = config.global.external_labels;
    const rules = group.rules.map((rule) => this.makeRule(rule, group, externalLabels));
    return new RuleGroup(
      group.name,
      file,
      intervalMs,
      group.limit,
      group.query_offset ?? 0,
      rules,
      JSON.stringify([group, intervalMs, externalLabels]),
      this.context,
    );
  }

  private makeRule(rule: RuleConfig, group: RuleGroupConfig, externalLabels: Readonly<Record<string, string>>): Rule {
    const labels = { ...group.labels, ...rule.labels };
    // The API and the links of alerts show the canonical text. The file was loaded under the dialect that is on.
    const expression = print(parseExpression(rule.expr, WHOLE_LANGUAGE));
    if (rule.record !== undefined) return new RecordingRule(rule.record, expression, labels);
    return new AlertingRule({
      name: rule.alert as string,
      expression,
      holdMs: rule.for ?? 0,
      keepFiringMs: rule.keep_firing_for ?? 0,
      labels,
      annotations: rule.annotations,
      externalLabels,
      externalUrl: this.externalUrl(),
    });
  }
}
