import { durationMs, labelMap, orEmpty, scalarString } from '@avalanche/yamlfile';
import { z } from 'zod';

const rule = z
  .strictObject({
    record: z.string().optional(),
    alert: z.string().optional(),
    expr: scalarString,
    for: durationMs.optional(),
    keep_firing_for: durationMs.optional(),
    labels: orEmpty(labelMap.default({})),
    annotations: orEmpty(labelMap.default({})),
  })
  .superRefine((raw, context) => {
    const fail = (key: string, message: string) => context.addIssue({ code: 'custom', path: [key], message });
    if (raw.record === undefined && raw.alert === undefined) fail('expr', "one of 'record' or 'alert' must be set");
    if (raw.record !== undefined && raw.alert !== undefined) {
      fail('record', "only one of 'record' and 'alert' must be set");
    }
    if (raw.record === undefined) return;
    if (raw.for !== undefined) fail('for', "invalid field 'for' in recording rule");
    if (raw.keep_firing_for !== undefined) {
      fail('keep_firing_for', "invalid field 'keep_firing_for' in recording rule");
    }
    if (Object.keys(raw.annotations).length > 0) {
      fail('annotations', "invalid field 'annotations' in recording rule");
    }
  });

/** A rule file: `groups` of recording and alerting rules. */
export const ruleFileSchema = z
  .strictObject({
    groups: orEmpty(
      z
        .array(
          z.strictObject({
            name: scalarString.refine((name) => name !== '', { message: 'Groupname must not be empty' }),
            interval: durationMs.optional(),
            query_offset: durationMs.optional(),
            limit: z.number().int().min(0).default(0),
            labels: orEmpty(labelMap.default({})),
            rules: orEmpty(z.array(rule).default([])),
          }),
        )
        .default([]),
    ),
  })
  .superRefine((file, context) => {
    const seen = new Set<string>();
    file.groups.forEach((group, i) => {
      if (seen.has(group.name)) {
        const message = `groupname: ${JSON.stringify(group.name)} is repeated in the same file`;
        context.addIssue({ code: 'custom', path: ['groups', i, 'name'], message });
      }
      seen.add(group.name);
    });
  });

export type RuleGroupConfig = z.output<typeof ruleFileSchema>['groups'][number];
export type RuleConfig = RuleGroupConfig['rules'][number];
