import { compareStrings, type Labels, type Matcher, type MatchType, quote } from '@avalanche/model';
import type { RouteConfig } from '../config/schema.ts';
import { printMatchers } from '../matcher/print.ts';

/** A node of the route tree, with what it inherits filled in. Durations are milliseconds. */
export interface Route {
  /** Unique within the tree: the key with the position among its siblings. */
  readonly id: string;
  /** `{}/{severity="critical"}`: the matchers on the way here, as group keys begin (upstream dispatch.Route.Key). */
  readonly key: string;
  readonly receiver: string;
  readonly matchers: readonly Matcher[];
  readonly groupBy: readonly string[];
  /** `group_by: ['...']`: each label set is a group of its own. */
  readonly groupByAll: boolean;
  readonly groupWaitMs: number;
  readonly groupIntervalMs: number;
  readonly repeatIntervalMs: number;
  readonly continue: boolean;
  readonly muteTimeIntervals: readonly string[];
  readonly activeTimeIntervals: readonly string[];
  /** Templates by label name, the parents' included. */
  readonly labels: Readonly<Record<string, string>>;
  readonly routes: readonly Route[];
}

const GROUP_WAIT_MS = 30_000;
const GROUP_INTERVAL_MS = 5 * 60_000;
const REPEAT_INTERVAL_MS = 4 * 3_600_000;

/** Builds the tree; a child inherits what it does not say, except matchers, `continue` and time intervals. */
export function buildRoute(config: RouteConfig, parent?: Route, position = 0): Route {
  const matchers = [...config.matchers].sort(compareMatchers);
  const printed = printMatchers(matchers);
  const key = parent ? `${parent.key}/${printed}` : printed;
  const route = {
    id: parent ? `${parent.id}/${printed}/${position}` : printed,
    key,
    matchers,
    receiver: config.receiver ?? parent?.receiver ?? '',
    groupBy: config.group_by?.filter((name) => name !== '...') ?? parent?.groupBy ?? [],
    groupByAll: config.group_by?.includes('...') ?? parent?.groupByAll ?? false,
    groupWaitMs: config.group_wait ?? parent?.groupWaitMs ?? GROUP_WAIT_MS,
    groupIntervalMs: config.group_interval ?? parent?.groupIntervalMs ?? GROUP_INTERVAL_MS,
    repeatIntervalMs: config.repeat_interval ?? parent?.repeatIntervalMs ?? REPEAT_INTERVAL_MS,
    continue: config.continue,
    muteTimeIntervals: config.mute_time_intervals,
    activeTimeIntervals: config.active_time_intervals,
    labels: { ...parent?.labels, ...config.labels },
  };
  return { ...route, routes: config.routes.map((child, i) => buildRoute(child, { ...route, routes: [] }, i)) };
}

/** Upstream's order of the kinds of matchers. */
const TYPES: readonly MatchType[] = ['=', '!=', '=~', '!~'];

function compareMatchers(a: Matcher, b: Matcher): number {
  const byText = compareStrings(a.name, b.name) || compareStrings(a.value, b.value);
  return byText || TYPES.indexOf(a.type) - TYPES.indexOf(b.type);
}

/** Whether every matcher accepts the labels; a label that is missing counts as ''. */
export function matchesAll(matchers: readonly Matcher[], labels: Labels): boolean {
  return matchers.every((matcher) => matcher.matches(labels.get(matcher.name)));
}

/** The routes from the root to `target`, itself included. */
export function pathTo(root: Route, target: Route): readonly Route[] {
  if (root === target) return [root];
  for (const child of root.routes) {
    const path = pathTo(child, target);
    if (path.length > 0) return [root, ...path];
  }
  return [];
}

/**
 * The routes that an alert takes: depth first, the first child that matches unless it says `continue`; a node without
 * a matching child takes it itself.
 */
export function matchRoutes(route: Route, labels: Labels): readonly Route[] {
  if (!matchesAll(route.matchers, labels)) return [];
  const found: Route[] = [];
  for (const child of route.routes) {
    const matched = matchRoutes(child, labels);
    found.push(...matched);
    if (matched.length > 0 && !child.continue) break;
  }
  return found.length > 0 ? found : [route];
}

/** The labels by which a route groups an alert. */
export function groupLabels(route: Route, labels: Labels): Labels {
  return route.groupByAll ? labels : labels.keep(...route.groupBy);
}

/** `{}/{severity="critical"}:{alertname="X"}`: what a notification is about, stable over restarts. */
export function groupKey(route: Route, labels: Labels): string {
  const printed = [...labels.entries()].map(([name, value]) => `${name}=${quote(value)}`).join(', ');
  return `${route.key}:{${printed}}`;
}

/** The route and all below it, parents first. */
export function allRoutes(route: Route): Route[] {
  return [route, ...route.routes.flatMap(allRoutes)];
}
