import { isAbsolute, join } from 'node:path';
import { type Dialect, parse as parseExpression, print, WHOLE_LANGUAGE } from '@avalanche/promql';
import { filesMatching } from '@avalanche/yamlfile';
import type { LoadedConfig } from '../config/load.ts';
import { AlertingRule, type TemplateMetrics } from './alerting.ts';
import { RuleGroup, type RuleGroupContext } from './group.ts';
import { RecordingRule } from './recording.ts';
import type { Rule } from './rule.ts';
import {
  type LoadedRuleFile,
  loadRuleFile,
  MANY_DOCUMENTS,
  type RuleConfig,
  type RuleGroupConfig,
} from './rule-file.ts';

/**
 * Reads the rule files of a configuration: paths relative to it, `*` in the file name.
 * @throws FileError naming the file and, of each problem, the place and the rule
 */
export async function loadRuleFiles(
  { config, directory }: LoadedConfig,
  dialect: Dialect = {},
): Promise<LoadedRuleFile[]> {
  const files = config.rule_files.flatMap((pattern) =>
    filesMatching(isAbsolute(pattern) ? pattern : join(directory, pattern)),
  );
  return Promise.all([...new Set(files)].map((file) => loadRuleFile(file, dialect)));
}

export interface RuleManagerContext extends RuleGroupContext {
  readonly externalUrl: () => string;
  readonly templateMetrics?: TemplateMetrics;
}

/** The rule groups of the running configuration. */
export class RuleManager {
  /** By file, then by name. */
  groups: readonly RuleGroup[] = [];
  private loadedOnce = false;
  /** Groups whose series are yet to end, with what calls that off. */
  private readonly ending = new Set<() => void>();

  constructor(private readonly context: RuleManagerContext) {}

  get alertingRules(): AlertingRule[] {
    return this.groups.flatMap((group) => group.rules.filter((rule) => rule instanceof AlertingRule));
  }

  /** Moves to a set of rule files: an unchanged group goes on, one that changed takes over what it can. */
  async apply(loaded: LoadedConfig, files: readonly LoadedRuleFile[]): Promise<void> {
    const running = new Map(this.groups.map((group) => [group.key, group]));
    const next: RuleGroup[] = [];
    const fresh: RuleGroup[] = [];
    for (const { file, groups, hasMore } of files) {
      if (hasMore) this.context.logger.warn(MANY_DOCUMENTS, { file });
      for (const config of groups) {
        const before = running.get(`${file};${config.name}`);
        const fingerprint = fingerprintOf(config, loaded);
        if (before?.options.fingerprint === fingerprint) next.push(before);
        else {
          const group = this.makeGroup(config, file, loaded, fingerprint);
          next.push(group);
          fresh.push(group);
        }
      }
    }
    const ended = new Set(this.groups.filter((group) => !next.includes(group)));
    await Promise.all([...ended].map((group) => group.stop()));
    for (const group of fresh) {
      const before = running.get(group.key);
      if (before) {
        group.takeOver(before);
        ended.delete(before);
      } else if (!this.loadedOnce) group.restoreState();
    }
    this.groups = next.sort((a, b) => compare(a.file, b.file) || compare(a.name, b.name));
    for (const group of ended) this.endLater(group);
    this.loadedOnce = true;
    for (const group of fresh) group.start();
  }

  async stop(): Promise<void> {
    for (const cancel of this.ending) cancel();
    this.ending.clear();
    await Promise.all(this.groups.map((group) => group.stop()));
  }

  /**
   * Ends the series of a group that is gone, two intervals later: a group that was renamed has gone on with them by then
   * (upstream).
   */
  private endLater(group: RuleGroup): void {
    const { clock, metrics } = this.context;
    const stoppedAt = clock.now();
    metrics.groupGone(group.key);
    const cancel = clock.after(2 * group.intervalMs, () => {
      this.ending.delete(cancel);
      const written = new Set(this.groups.flatMap((other) => [...other.writtenKeys()]));
      group.endSeries(stoppedAt, (key) => written.has(key));
    });
    this.ending.add(cancel);
  }

  private makeGroup(group: RuleGroupConfig, file: string, { config }: LoadedConfig, fingerprint: string): RuleGroup {
    const externalLabels = config.global.external_labels;
    return new RuleGroup(
      {
        name: group.name,
        file,
        intervalMs: group.interval || config.global.evaluation_interval,
        limit: group.limit,
        queryOffsetMs: group.query_offset ?? globalOffset(config),
        rules: group.rules.map((rule) => this.makeRule(rule, group, externalLabels)),
        fingerprint,
      },
      this.context,
    );
  }

  private makeRule(rule: RuleConfig, group: RuleGroupConfig, externalLabels: Readonly<Record<string, string>>): Rule {
    const { externalUrl, logger, templateMetrics } = this.context;
    return makeRule(rule, group, { externalLabels, externalUrl: externalUrl(), logger, templateMetrics });
  }
}

type RuleSurroundings = Pick<AlertingRule['options'], 'externalLabels' | 'externalUrl' | 'logger' | 'templateMetrics'>;

/** The rule of a file, whose group's labels it has where it has none of that name. */
export function makeRule(rule: RuleConfig, group: RuleGroupConfig, surroundings: RuleSurroundings): Rule {
  const labels = sorted({ ...group.labels, ...rule.labels });
  // The API and the links of alerts show the canonical text. The file was loaded under the dialect that is on.
  const expression = print(parseExpression(rule.expr, WHOLE_LANGUAGE));
  if (rule.alert === undefined) return new RecordingRule(rule.record ?? '', expression, labels);
  return new AlertingRule({
    ...surroundings,
    name: rule.alert,
    expression,
    holdMs: rule.for ?? 0,
    keepFiringMs: rule.keep_firing_for ?? 0,
    labels,
    annotations: sorted(rule.annotations),
  });
}

function sorted(map: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => compare(a, b)));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Everything of the configuration that makes a group what it is. */
function fingerprintOf(group: RuleGroupConfig, { config }: LoadedConfig): string {
  const { external_labels, evaluation_interval } = config.global;
  return JSON.stringify([group, group.interval || evaluation_interval, globalOffset(config), external_labels]);
}

function globalOffset({ global }: LoadedConfig['config']): number {
  return global.rule_query_offset;
}
