import type { Rule, RuleGroup } from '../../api/prometheus/rules.ts';

export type RuleFilter = 'all' | 'problems' | 'alerting' | 'recording';

/** Groups with the rules that are wanted; a group whose name or file has the text keeps all of them. */
export function filterGroups(groups: readonly RuleGroup[], text: string, which: RuleFilter): readonly RuleGroup[] {
  const wanted = text.toLowerCase();
  const hasText = (...texts: readonly string[]) => texts.join(' ').toLowerCase().includes(wanted);
  return groups
    .map((group) => ({
      ...group,
      rules: group.rules.filter(
        (rule) => isWanted(rule, which) && (hasText(group.name, group.file) || hasText(rule.name, rule.query)),
      ),
    }))
    .filter((group) => group.rules.length > 0);
}

function isWanted(rule: Rule, which: RuleFilter): boolean {
  if (which === 'all') return true;
  return which === 'problems' ? rule.health === 'err' : rule.type === which;
}
