import { compileAnchored } from '@avalanche/model';
import { scalarString } from '@avalanche/yamlfile';
import { z } from 'zod';
import type { RelabelAction, RelabelRule } from '../relabel.ts';
import { items } from './values.ts';

/** Which names of metrics and labels are valid. */
export type ValidationScheme = 'legacy' | 'utf8';

const ACTIONS: readonly RelabelAction[] = [
  ...(['replace', 'keep', 'drop', 'hashmod', 'labelmap', 'labeldrop', 'labelkeep'] as const),
  ...(['lowercase', 'uppercase', 'keepequal', 'dropequal'] as const),
];
const NEED_TARGET: readonly RelabelAction[] = [
  'replace',
  'hashmod',
  'lowercase',
  'uppercase',
  'keepequal',
  'dropequal',
];

const action = z.string().transform((text, context): RelabelAction => {
  const known = ACTIONS.find((name) => name === text.toLowerCase());
  if (known) return known;
  context.addIssue({ code: 'custom', message: `unknown relabel action ${JSON.stringify(text)}` });
  return z.NEVER;
});

const defaults = { separator: ';', regex: '(.*)', replacement: '$1', modulus: 0 };

const relabelConfig = z
  .strictObject({
    source_labels: z.array(scalarString).optional(),
    separator: scalarString.default(defaults.separator),
    regex: scalarString.default(defaults.regex),
    modulus: z.number().int().min(0).default(defaults.modulus),
    target_label: scalarString.default(''),
    replacement: scalarString.default(defaults.replacement),
    action: action.default('replace'),
  })
  .transform((raw, context): RelabelRule => {
    try {
      return {
        sourceLabels: raw.source_labels ?? [],
        separator: raw.separator,
        regex: compileAnchored(raw.regex),
        modulus: raw.modulus,
        targetLabel: raw.target_label,
        replacement: raw.replacement,
        action: raw.action,
      };
    } catch (error) {
      const message = `invalid regular expression ${JSON.stringify(raw.regex)}: ${(error as Error).message}`;
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    }
  });

/** A list of relabel rules. @param nullMessage what is told of an empty item */
export function relabelConfigs(nullMessage: string) {
  return items(relabelConfig, nullMessage);
}

/** A label name of the old alphabet, in which `$1` and `${name}` may stand for parts. */
const LEGACY_TEMPLATE = /^(?:(?:[a-zA-Z_]|\$(?:\{\w+\}|\w+))+\w*)+$/;

export function isLabelName(name: string, scheme: ValidationScheme): boolean {
  return scheme === 'utf8' ? name !== '' : /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name);
}

/** What is wrong with a rule, in upstream's words; null where nothing is. */
export function relabelProblem(rule: RelabelRule, scheme: ValidationScheme): string | null {
  const { action, targetLabel, replacement } = rule;
  if (action === 'hashmod' && rule.modulus === 0) {
    return 'relabel configuration for hashmod requires non-zero modulus';
  }
  if (NEED_TARGET.includes(action)) {
    if (targetLabel === '') return `relabel configuration for ${action} action requires 'target_label' value`;
    const isTemplate = action === 'replace' && targetLabel.includes('$');
    const valid = isTemplate ? isTemplateName(targetLabel, scheme) : isLabelName(targetLabel, scheme);
    if (!valid) return `${JSON.stringify(targetLabel)} is invalid 'target_label' for ${action} action`;
  }
  if (action !== 'replace' && action !== 'hashmod' && NEED_TARGET.includes(action) && !isDefault(rule, 'replacement')) {
    return `'replacement' can not be set for ${action} action`;
  }
  if (action === 'labelmap' && !isTemplateName(replacement, scheme)) {
    return `${JSON.stringify(replacement)} is invalid 'replacement' for ${action} action`;
  }
  return fieldsProblem(rule);
}

function fieldsProblem(rule: RelabelRule): string | null {
  const { action, sourceLabels, targetLabel } = rule;
  const plain = isDefault(rule, 'modulus') && isDefault(rule, 'separator') && isDefault(rule, 'replacement');
  if ((action === 'dropequal' || action === 'keepequal') && !(plain && rule.regex.pattern === defaults.regex)) {
    return `${action} action requires only 'source_labels' and \`target_label\`, and no other fields`;
  }
  if (
    (action === 'labeldrop' || action === 'labelkeep') &&
    !(plain && sourceLabels.length === 0 && targetLabel === '')
  ) {
    return `${action} action requires only 'regex', and no other fields`;
  }
  return null;
}

function isDefault(rule: RelabelRule, key: 'modulus' | 'separator' | 'replacement'): boolean {
  return rule[key] === defaults[key];
}

function isTemplateName(name: string, scheme: ValidationScheme): boolean {
  return scheme === 'utf8' ? isLabelName(name, scheme) : LEGACY_TEMPLATE.test(name);
}
