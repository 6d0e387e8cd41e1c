import { parseGoDuration } from '@avalanche/model';
import { describeFailure } from '../tools/failure.ts';
import { httpClientOf, serverUrl } from '../tools/http-config.ts';
import { PrometheusClient } from '../tools/prometheus-client.ts';
import type { ToolInput } from '../tools/tool-command.ts';
import type { LabelSet } from './text.ts';

/** One change of an alert's state, as `/api/v1/rules/history` tells it. */
export interface StateChange {
  readonly time: string;
  readonly labels: LabelSet;
  readonly from: string;
  readonly to: string;
  readonly value: string | null;
  readonly reason: string;
}

interface RuleAlert {
  readonly labels: LabelSet;
  readonly state: string;
  readonly activeAt?: string;
  readonly value: string;
}

interface Rule {
  readonly name: string;
  readonly query: string;
  /** Seconds of `for`. */
  readonly duration: number;
  readonly lastEvaluation: string;
  readonly lastError?: string;
  readonly alerts?: readonly RuleAlert[] | null;
}

interface RuleGroups {
  readonly groups: readonly { readonly name: string; readonly file: string; readonly rules: readonly Rule[] }[];
}

interface RuleHistories {
  readonly rules: readonly {
    readonly group: string;
    readonly file: string;
    readonly changes?: readonly StateChange[];
  }[];
}

/** What Prometheus says of an alert: the rule, its state now, and how it came to it, newest first. */
export interface RuleStory {
  readonly group: string;
  readonly file: string;
  readonly query: string;
  readonly forSeconds: number;
  readonly lastEvaluation: string;
  readonly lastError: string;
  /** `inactive` where the expression does not name the alert now. */
  readonly state: string;
  readonly activeAt: string | null;
  readonly value: string | null;
  readonly changes: readonly StateChange[];
}

/** Stories of the rules with a name; `problem` says why there are none. */
export interface RuleStories {
  readonly problem: string | null;
  storyOf(labels: LabelSet): RuleStory | null;
}

/** Asks the Prometheus of `--prometheus.url` for the alerting rules of this name. */
export async function readRules(input: ToolInput, name: string): Promise<RuleStories> {
  const server = serverUrl(input.flags.string('prometheus.url'));
  const timeoutMs = input.parsed('timeout', parseGoDuration);
  const client = new PrometheusClient(server, { http: httpClientOf(input, server), timeoutMs });
  const byName = [['rule_name[]', name]] as const;
  let found: RuleGroups;
  try {
    found = await client.get<RuleGroups>('rules', [['type', 'alert'], ...byName]);
  } catch (error) {
    const problem = describeFailure(error);
    if (problem === null) throw error;
    return { problem: `Prometheus: ${problem}`, storyOf: () => null };
  }
  // A Prometheus of others keeps no history.
  const history = await client.get<RuleHistories>('rules/history', byName).catch(() => ({ rules: [] }));
  const places = found.groups.flatMap(({ name: group, file, rules }) => rules.map((rule) => ({ group, file, rule })));
  return {
    problem: places.length === 0 ? `Prometheus has no alerting rule ${name}` : null,
    storyOf(labels) {
      const place = places.find(({ rule }) => alertOf(rule, labels)) ?? places[0];
      return place ? storyOf(place, labels, history) : null;
    },
  };
}

function storyOf(
  { group, file, rule }: { group: string; file: string; rule: Rule },
  labels: LabelSet,
  history: RuleHistories,
): RuleStory {
  const alert = alertOf(rule, labels);
  const changes = history.rules.find((one) => one.group === group && one.file === file)?.changes ?? [];
  return {
    ...{ group, file, query: rule.query, forSeconds: rule.duration },
    lastEvaluation: rule.lastEvaluation,
    lastError: rule.lastError ?? '',
    state: alert?.state ?? 'inactive',
    activeAt: alert?.activeAt ?? null,
    value: alert?.value ?? null,
    changes: changes.filter((change) => isPart(change.labels, labels)),
  };
}

/** The alert of a rule that became this one: on the way, labels are only added. */
function alertOf(rule: Rule, labels: LabelSet): RuleAlert | undefined {
  return rule.alerts?.find((alert) => isPart(alert.labels, labels));
}

/** Whether a map says nothing that the other does not say; where only the name is known, that is enough. */
function isPart(part: LabelSet, whole: LabelSet): boolean {
  if (Object.keys(whole).length === 1) return part.alertname === whole.alertname;
  return Object.entries(part).every(([name, value]) => whole[name] === value);
}
