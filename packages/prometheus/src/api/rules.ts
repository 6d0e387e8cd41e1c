import { createHash } from 'node:crypto';
import type { Matcher } from '@avalanche/model';
import { AlertingRule, type RuleAlert } from '../rules/alerting.ts';
import type { RuleGroup } from '../rules/group.ts';
import type { RuleManager } from '../rules/manager.ts';
import type { Rule } from '../rules/rule.ts';
import { badParameter } from './errors.ts';
import type { Params } from './params.ts';
import { isoTime } from './targets.ts';

/** What of the rules a request wants. */
interface RuleFilter {
  readonly hideAlerts: boolean;
  group(group: RuleGroup): boolean;
  rule(rule: Rule): boolean;
}

/** @throws ApiError */
function filterOf(params: Params): RuleFilter {
  const among = (name: string) => {
    const wanted = new Set(params.all(name));
    return (value: string) => wanted.size === 0 || wanted.has(value);
  };
  const [ofName, ofGroup, ofFile] = [among('rule_name[]'), among('rule_group[]'), among('file[]')];
  const sets = params.matcherSets();
  const type = params.get('type').toLowerCase();
  if (!['', 'alert', 'record'].includes(type)) {
    throw badParameter('type', `not supported value ${JSON.stringify(type)}`);
  }
  return {
    hideAlerts: booleanOf('exclude_alerts', params.get('exclude_alerts').toLowerCase()),
    group: ({ name, file }) => ofGroup(name) && ofFile(file),
    rule: (rule) =>
      ofName(rule.name) &&
      (type === '' || (type === 'alert') === rule instanceof AlertingRule) &&
      (sets.length === 0 || sets.some((matchers) => matchesLabels(matchers, rule.labels))),
  };
}

function matchesLabels(matchers: readonly Matcher[], labels: Readonly<Record<string, string>>): boolean {
  return matchers.every((matcher) => matcher.matches(Object.hasOwn(labels, matcher.name) ? labels[matcher.name] : ''));
}

/** Go's strconv.ParseBool of a text in lower case; nothing is false. @throws ApiError */
function booleanOf(name: string, text: string): boolean {
  if (/^(?:1|t|true)$/.test(text)) return true;
  if (/^(?:|0|f|false)$/.test(text)) return false;
  throw badParameter(
    name,
    `error converting ${name}: strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`,
  );
}

interface Page {
  /** Most groups; 0 for all. */
  readonly limit: number;
  /** Of the group to begin with; '' for the first. */
  readonly token: string;
}

const INT32_MAX = 2 ** 31 - 1;

/** @throws ApiError */
function pageOf(params: Params): Page {
  const [text, token] = [params.get('group_limit'), params.get('group_next_token')];
  if (text === '') {
    if (token === '') return { limit: 0, token };
    throw badParameter('group_next_token', 'group_limit needs to be present in order to paginate over the groups');
  }
  const limit = Number(text);
  const wrong = !/^[+-]?\d+$/.test(text) ? 'invalid syntax' : Math.abs(limit) > INT32_MAX ? 'value out of range' : '';
  if (wrong !== '') {
    const reason = `strconv.ParseInt: parsing ${JSON.stringify(text)}: ${wrong}`;
    throw badParameter('group_limit', `group_limit needs to be a valid number: ${reason}`);
  }
  if (limit <= 0) throw badParameter('group_limit', 'group_limit needs to be greater than 0');
  return { limit, token };
}

function tokenOf({ key }: RuleGroup): string {
  return createHash('sha256').update(key).digest('hex');
}

/** `GET /api/v1/rules` */
export function rulesResponse(manager: RuleManager, params: Params) {
  const filter = filterOf(params);
  const { limit, token } = pageOf(params);
  const start = token === '' ? 0 : manager.groups.findIndex((group) => tokenOf(group) === token);
  if (start < 0) {
    throw badParameter('group_next_token', `invalid group_next_token '${token}'. were rule groups changed?`);
  }
  const groups: ReturnType<typeof groupJson>[] = [];
  for (const group of manager.groups.slice(start)) {
    const rules = filter.group(group) ? group.rules.filter(filter.rule) : [];
    if (rules.length === 0) continue;
    if (limit > 0 && groups.length === limit) return { groups, groupNextToken: tokenOf(group) };
    groups.push(groupJson(group, rules, filter.hideAlerts));
  }
  return { groups };
}

function groupJson(group: RuleGroup, rules: readonly Rule[], hideAlerts: boolean) {
  return {
    name: group.name,
    file: group.file,
    rules: rules.map((rule) => ruleJson(rule, hideAlerts)),
    interval: group.intervalMs / 1000,
    limit: group.options.limit,
    evaluationTime: group.evaluationSeconds,
    lastEvaluation: isoTime(group.lastEvaluation),
  };
}

function ruleJson(rule: Rule, hideAlerts: boolean) {
  const { health, lastError, lastEvaluation, evaluationSeconds } = rule.status;
  const status = {
    health,
    ...(lastError ? { lastError } : {}),
    evaluationTime: evaluationSeconds,
    lastEvaluation: isoTime(lastEvaluation),
  };
  if (rule instanceof AlertingRule) {
    const { options } = rule;
    return {
      state: rule.state,
      name: rule.name,
      query: rule.expression,
      duration: options.holdMs / 1000,
      keepFiringFor: options.keepFiringMs / 1000,
      labels: options.labels,
      annotations: options.annotations,
      alerts: hideAlerts ? null : rule.activeAlerts.map(alertJson),
      ...status,
      type: 'alerting',
    };
  }
  return { name: rule.name, query: rule.expression, labels: rule.labels, ...status, type: 'recording' };
}

/** `GET /api/v1/alerts` */
export function alertsResponse(manager: RuleManager) {
  return { alerts: manager.alertingRules.flatMap((rule) => rule.activeAlerts.map(alertJson)) };
}

function alertJson(alert: RuleAlert) {
  return {
    labels: alert.labels,
    annotations: sortedByName(alert.annotations),
    state: alert.state,
    activeAt: isoTime(alert.activeAt),
    ...(alert.keepFiringSince > 0 ? { keepFiringSince: isoTime(alert.keepFiringSince) } : {}),
    value: scientific(alert.value),
  };
}

function sortedByName(map: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Go's FormatFloat with `e`: `1e+00`. */
function scientific(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  const [mantissa, exponent] = (Object.is(value, -0) ? '-0e+0' : value.toExponential()).split('e');
  return `${mantissa}e${exponent[0]}${exponent.slice(1).padStart(2, '0')}`;
}

/**
 * `GET /api/v1/rules/history`, ours: of each rule what its last evaluation came to, its last error, and of an alerting rule
 * how its alerts came to their state. Takes the filters of `/api/v1/rules`.
 */
export function ruleHistoryResponse(manager: RuleManager, params: Params) {
  const filter = filterOf(params);
  return {
    rules: manager.groups
      .filter((group) => filter.group(group))
      .flatMap((group) => group.rules.filter(filter.rule).map((rule) => historyJson(group, rule))),
  };
}

function historyJson({ name: group, file }: RuleGroup, rule: Rule) {
  const { status, name, expression } = rule;
  return {
    file,
    group,
    name,
    query: expression,
    health: status.health,
    lastError: status.lastError,
    lastErrorTime: isoTime(status.lastErrorTime),
    lastEvaluation: isoTime(status.lastEvaluation),
    lastResultSize: status.lastResultSize,
    ...(rule instanceof AlertingRule ? { state: rule.state, changes: changesJson(rule) } : {}),
  };
}

/** Newest first. */
function changesJson(rule: AlertingRule) {
  return [...rule.history.changes].reverse().map(({ time, labels, from, to, value, reason }) => ({
    time: isoTime(time),
    labels,
    from,
    to,
    value: value === null ? null : scientific(value),
    reason,
  }));
}
