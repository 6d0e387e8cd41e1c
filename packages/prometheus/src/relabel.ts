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

/** Which names of metrics and labels are valid. */
export type NameScheme = 'legacy' | 'utf8';

/**
 * Applies rules in order. Null says that the target, sample or alert is dropped.
 * @param scheme a rule that would make a label with another name does nothing
 */
export function relabel(labels: Labels, rules: readonly RelabelRule[], scheme: NameScheme = 'utf8'): Labels | null {
  if (rules.length === 0) return labels;
  const map = new Map(labels.entries());
  for (const rule of rules) if (!applyRule(map, rule, scheme)) return null;
  return Labels.fromMap(map);
}

/** Changes `map` as one rule says; false says that the whole is dropped. */
function applyRule(map: Map<string, string>, rule: RelabelRule, scheme: NameScheme): boolean {
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
      replace(map, rule, source, scheme);
      return true;
    case 'lowercase':
      setLabel(map, rule.targetLabel, convertCase(source, toLower));
      return true;
    case 'uppercase':
      setLabel(map, rule.targetLabel, convertCase(source, toUpper));
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

const LEGACY_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

function replace(map: Map<string, string>, rule: RelabelRule, source: string, scheme: NameScheme): void {
  const target = rule.regex.expand(source, rule.targetLabel);
  const value = rule.regex.expand(source, rule.replacement);
  if (target === null || value === null || target === '') return;
  if (scheme === 'legacy' && !LEGACY_NAME.test(target)) return;
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

const toLower = (char: string) => char.toLowerCase();
const toUpper = (char: string) => char.toUpperCase();

/** Character by character, as Go does: one never becomes several, and no context counts. */
function convertCase(text: string, convert: (char: string) => string): string {
  if (ASCII.test(text)) return convert(text);
  return [...text].map((char) => singleOf(convert(char), char)).join('');
}

function singleOf(converted: string, char: string): string {
  if (char === '\u0130' && converted !== char) return 'i';
  return [...converted].length === 1 ? converted : char;
}

const ASCII = /^[\0-\x7f]*$/;

/** Upstream's hash: the last eight bytes of the MD5 sum, modulo. */
function hashmod(source: string, modulus: number): bigint {
  return createHash('md5').update(source).digest().readBigUInt64BE(8) % BigInt(modulus);
}
