import { formatValue } from '@avalanche/model';
import { AlertingRule, type RuleAlert } from '../rules/alerting.ts';
import type { RuleGroup } from '../rules/group.ts';
import type { RuleManager } from '../rules/manager.ts';
import { RecordingRule } from '../rules/recording.ts';
import type { Rule } from '../rules/rule.ts';
import { badParameter } from './errors.ts';
import type { Params } from './params.ts';
import { isoTime } from './targets.ts';

/** `GET /api/v1/rules` */
export function rulesResponse(manager: RuleManager, params: Params) {
  const type = params.get('type').toLowerCase();
  if (!['', 'alert', 'record'].includes(type))
    throw badParameter('type', `not supported value ${JSON.stringify(type)}`);
  const names = params.all('rule_name[]');
  const groups = params.all('rule_group[]');
  const files = params.all('file[]');
  const keepsRule = (rule: Rule) =>
    (type === '' || (type === 'alert') === rule instanceof AlertingRule) &&
    (names.length === 0 || names.includes(rule.name));
  const hideAlerts = params.get('exclude_alerts') === 'true';
  return {
    groups: manager.groups
      .filter((group) => groups.length === 0 || groups.includes(group.name))
      .filter((group) => files.length === 0 || files.includes(group.file))
      .map((group) => groupJson(group, group.rules.filter(keepsRule), hideAlerts))
      .filter((group) => names.length === 0 || group.rules.length > 0),
  };
}

function groupJson(group: RuleGroup, rules: readonly Rule[], hideAlerts: boolean) {
  return {
    name: group.name,
    file: group.file,
    rules: rules.map((rule) => ruleJson(rule, hideAlerts)),
    interval: group.intervalMs / 1000,
    limit: group.limit,
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
      alerts: hideAlerts ? [] : activeAlerts(rule).map(alertJson),
      ...status,
      type: 'alerting',
    };
  }
  const labels = rule instanceof RecordingRule ? rule.labels : {};
  return { name: rule.name, query: rule.expression, labels, ...status, type: 'recording' };
}

/** `GET /api/v1/alerts` */
export function alertsResponse(manager: RuleManager) {
  return { alerts: manager.alertingRules.flatMap((rule) => activeAlerts(rule).map(alertJson)) };
}

function activeAlerts(rule: AlertingRule): RuleAlert[] {
  return [...rule.alerts.values()].filter((alert) => alert.state !== 'inactive');
}

function alertJson(alert: RuleAlert) {
  return {
    labels: alert.labels,
    annotations: alert.annotations,
    state: alert.state,
    activeAt: isoTime(alert.activeAt),
    ...(alert.keepFiringSince > 0 ? { keepFiringSince: isoTime(alert.keepFiringSince) } : {}),
    value: formatValue(alert.value),
  };
}
