import type { Matcher } from '@avalanche/model';
import { z } from 'zod';
import type { InhibitRule } from '../inhibit/inhibit.ts';
import { isValidMatcherName } from '../matcher/parse.ts';
import {
  equalMatchers,
  firstProblem,
  flag,
  list,
  matcherList,
  optional,
  optionalDuration,
  regexMatchers,
  text,
  textMap,
} from './values.ts';

/** A node of the route tree as the file has it; `matchers` holds those of match and match_re too. */
export interface RouteConfig {
  readonly receiver?: string | undefined;
  readonly group_by?: readonly string[] | undefined;
  /** Milliseconds, as the others. */
  readonly group_wait?: number | undefined;
  readonly group_interval?: number | undefined;
  readonly repeat_interval?: number | undefined;
  readonly matchers: readonly Matcher[];
  readonly continue: boolean;
  readonly mute_time_intervals: readonly string[];
  readonly active_time_intervals: readonly string[];
  /** Templates, by label name. */
  readonly labels: Readonly<Record<string, string>>;
  readonly routes: readonly RouteConfig[];
}

export const routeSchema: z.ZodType<RouteConfig> = z
  .strictObject({
    receiver: text().transform((name) => name || undefined),
    group_by: optional(z.array(text())),
    group_wait: optionalDuration,
    group_interval: optionalDuration,
    repeat_interval: optionalDuration,
    match: equalMatchers,
    match_re: regexMatchers,
    matchers: matcherList,
    continue: flag(),
    mute_time_intervals: list(text()),
    active_time_intervals: list(text()),
    labels: textMap,
    routes: list(z.lazy(() => routeSchema)),
  })
  .superRefine(({ group_by = [], labels, group_interval, repeat_interval }, context) => {
    const names = group_by.filter((name) => name !== '...');
    const invalid = names.find((name) => !isValidMatcherName(name));
    const invalidLabel = Object.keys(labels).find((name) => !isValidMatcherName(name));
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    firstProblem(
      context,
      [invalidLabel !== undefined, `invalid label name ${JSON.stringify(invalidLabel)} in route labels`, 'labels'],
      [invalid !== undefined, `invalid label name ${JSON.stringify(invalid)} in group_by list`, 'group_by'],
      [
        names.length > 0 && group_by.includes('...'),
        'cannot have wildcard group_by (`...`) and other labels at the same time',
        'group_by',
      ],
      [twice !== undefined, `duplicated label ${JSON.stringify(twice)} in group_by`, 'group_by'],
      [group_interval === 0, 'group_interval cannot be zero', 'group_interval'],
      [repeat_interval === 0, 'repeat_interval cannot be zero', 'repeat_interval'],
    );
  })
  .transform(({ match, match_re, matchers, ...route }) => ({
    ...route,
    matchers: [...match, ...match_re, ...matchers],
  }));

export const inhibitRuleSchema = z
  .strictObject({
    name: text(),
    source_match: equalMatchers,
    source_match_re: regexMatchers,
    source_matchers: matcherList,
    target_match: equalMatchers,
    target_match_re: regexMatchers,
    target_matchers: matcherList,
    equal: list(text()),
  })
  .superRefine(({ equal }, context) => {
    const invalid = equal.find((name) => !isValidMatcherName(name));
    firstProblem(context, [
      invalid !== undefined,
      `invalid label name ${JSON.stringify(invalid)} in equal list`,
      'equal',
    ]);
  })
  .transform((rule): InhibitRule & { readonly name: string } => ({
    name: rule.name,
    sourceMatchers: [...rule.source_match, ...rule.source_match_re, ...rule.source_matchers],
    targetMatchers: [...rule.target_match, ...rule.target_match_re, ...rule.target_matchers],
    equal: rule.equal,
  }));

type Refuse = (path: PropertyKey[], message: string) => void;

export function checkRoot(route: RouteConfig | undefined, refuse: Refuse): void {
  if (!route) {
    refuse([], 'no routes provided');
    return;
  }
  const problems: readonly (readonly [boolean, string])[] = [
    [route.receiver === undefined, 'root route must specify a default receiver'],
    [route.matchers.length > 0, 'root route must not have any matchers'],
    [route.mute_time_intervals.length > 0, 'root route must not have any mute time intervals'],
    [route.active_time_intervals.length > 0, 'root route must not have any active time intervals'],
    [route.continue, 'cannot have continue in root route'],
  ];
  for (const [wrong, message] of problems) if (wrong) refuse(['route'], message);
}

/** Refuses receivers and time intervals that a route names and that are not there. */
export function checkNames(
  route: RouteConfig,
  path: PropertyKey[],
  known: { readonly receivers: ReadonlySet<string>; readonly intervals: ReadonlyMap<string, unknown> },
  refuse: Refuse,
): void {
  if (route.receiver !== undefined && !known.receivers.has(route.receiver)) {
    refuse([...path, 'receiver'], `undefined receiver ${JSON.stringify(route.receiver)} used in route`);
  }
  for (const key of ['mute_time_intervals', 'active_time_intervals'] as const) {
    for (const name of route[key]) {
      if (!known.intervals.has(name)) {
        refuse([...path, key], `undefined time interval ${JSON.stringify(name)} used in route`);
      }
    }
  }
  route.routes.forEach((child, i) => {
    checkNames(child, [...path, 'routes', i], known, refuse);
  });
}
