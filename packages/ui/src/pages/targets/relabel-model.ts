import type { Labels } from '../../api/prometheus/query.ts';
import type { RelabelStep } from '../../api/prometheus/targets.ts';

/** What a step did, label by label: `+a="1"`, `-b`, `c="1" → "2"`. */
export function changedLabels(before: Labels, after: Labels): readonly string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names.flatMap((name) => {
    const [old, now] = [before[name], after[name]];
    if (old === now) return [];
    if (old === undefined) return [`+${name}=${JSON.stringify(now)}`];
    return now === undefined ? [`-${name}`] : [`${name}=${JSON.stringify(old)} → ${JSON.stringify(now)}`];
  });
}

/** What every rule has unless it says otherwise. */
const DEFAULTS: Readonly<Record<string, string>> = { separator: ';', regex: '(.*)', replacement: '$1' };

/** A rule in one line, its action first, without what is the default. */
export function ruleText(rule: RelabelStep['rule']): string {
  const { action = 'replace', ...others } = rule;
  const fields = Object.entries(others)
    .filter(([key, value]) => DEFAULTS[key] !== value)
    .map(([key, value]) => `${key}: ${Array.isArray(value) ? `[${value.join(', ')}]` : String(value)}`);
  return [String(action), ...fields].join('  ');
}
