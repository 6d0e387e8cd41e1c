export type { AlertmanagerLimits } from './alertmanager.ts';
export {
  checkAlertmanagerConfig,
  type LoadedAlertmanagerConfig,
  loadAlertmanagerConfig,
  loadTemplates,
} from './config/load.ts';
export type { AlertExplanation, IntegrationExplanation, RouteExplanation } from './explain/explain.ts';
export type { SilenceReach } from './explain/silence-reach.ts';
export type { TestResult } from './explain/test-notification.ts';
export type { NotificationRecord } from './history/record.ts';
export { type MatcherMode, parseMatcher, setMatcherMode } from './matcher/parse.ts';
export { type MatcherText, printMatcher, printMatchers } from './matcher/print.ts';
export { buildRoute, matchesAll, matchRoutes, type Route } from './route/route.ts';
export { type AlertmanagerOptions, type RunningAlertmanager, startAlertmanager } from './start.ts';
export { givenTemplateData } from './template/given-data.ts';
