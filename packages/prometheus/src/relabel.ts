import { createHash } from 'node:crypto';
import { type AnchoredRegex, Labels } from '@avalanche/model';

export type RelabelAction =
  | 'replace'
  | 'keep'
  | 'drop'
  | 'keepequal'
  | 'dropequal'
  | 'hashmod'
  | 'labelmap'
  | 'labeldrop'
  | 'labelkeep'
  | 'lowercase'
  | 'uppercase';

/** One relabel rule, its regular expression compiled. Field by field as in upstream's `relabel_config`. */
export interface RelabelRule {
  readonly sourceLabels: readonly string[];
  readonly separator: string;
  readonly regex: AnchoredRegex;
  readonly modulus: number;
  readonly targetLabel: string;
  readonly replacement: string;
  readonly action: RelabelAction;
}

/** Applies rules in order. Null says that the target, sample or alert is dropped. */
export function relabel(labels: Labels, rules: readonly RelabelRule[]): Labels | null {
  if (rules.length === 0) return labels;
  const map = new Map(labels.entries());
  for (const rule of rules) if (!applyRule(map, rule)) return null;
  return Labels.fromMap(map);
}

/** Changes `map` as one rule says; false says that the whole is dropped. */
function applyRule(map: Map<string, string>, rule: RelabelRule): boolean {
  const source = rule.sourceLabels.map((name) => map.get(name) ?? '').join(rule.separator);
  switch (rule.action) {
    case 'keep':
      return rule.regex.accepts(source);
    case 'drop':
      return !rule.regex.accepts(source);
    case 'keepequal':
      return (map.get(rule.targetLabel) ?? '') === source;
    case 'dropequal':
      return (map.get(rule.targetLabel) ?? '') !== source;
    case 'replace':
      replace(map, rule, source);
      return true;
    case 'lowercase':
      setLabel(map, rule.targetLabel, source.toLowerCase());
      return true;
    case 'uppercase':
      setLabel(map, rule.targetLabel, source.toUpperCase());
      return true;
    case 'hashmod':
      setLabel(map, rule.targetLabel, String(hashmod(source, rule.modulus)));
      return true;
    case 'labelmap':
      labelmap(map, rule);
      return true;
    case 'labeldrop':
      for (const name of [...map.keys()]) if (rule.regex.accepts(name)) map.delete(name);
      return true;
    case 'labelkeep':
      for (const name of [...map.keys()]) if (!rule.regex.accepts(name)) map.delete(name);
      return true;
    default:
      return rule.action satisfies never;
  }
}

function replace(map: Map<string, string>, rule: RelabelRule, source: string): void {
  const target = rule.regex.expand(source, rule.targetLabel);
  const value = rule.regex.expand(source, rule.replacement);
  if (target === null || value === null || target === '') return;
  setLabel(map, target, value);
}

function labelmap(map: Map<string, string>, rule: RelabelRule): void {
  for (const [name, value] of [...map]) {
    const renamed = rule.regex.expand(name, rule.replacement);
    if (renamed) setLabel(map, renamed, value);
  }
}

function setLabel(map: Map<string, string>, name: string, value: string): void {
  if (value === '') map.delete(name);
  else map.set(name, value);
}

/** Upstream's hash: the last eight bytes of the MD5 sum, modulo. */
function hashmod(source: string, modulus: number): bigint {
  return createHash('md5').update(source).digest().readBigUInt64BE(8) % BigInt(modulus);
}
