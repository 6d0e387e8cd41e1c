import type {
  AlertExplanation,
  IntegrationExplanation,
  NotificationRecord,
  RouteExplanation,
} from '@avalanche/alertmanager';
import { formatDuration } from '@avalanche/model';
import type { WholeStory } from './explain.ts';
import type { RuleStory } from './rule-story.ts';
import { alertTitle, labelText, oneLine } from './text.ts';

const KEY_WIDTH = 14;
const CHANGES_SHOWN = 5;

type Row = readonly [key: string, text: string];

/** An alert's story; the first line is the verdict. */
export function explanationText(story: WholeStory): string {
  const { labels, fingerprint, startsAt, silencedBy, inhibitedBy, routes, notifications, prometheus } = story;
  return lines(`${alertTitle(labels)}: ${story.verdict}`, [
    ['fingerprint', fingerprint],
    ...(prometheus ? ruleRows(prometheus) : []),
    ['fires', `since ${startsAt}${story.resolved ? `, ended at ${story.endsAt}` : ''}`],
    ...routes.flatMap(routeRows),
    ...(inhibitedBy ? [['inhibited', inhibitionText(inhibitedBy)] as const] : []),
    ...silencedBy.map(({ id, createdBy, endsAt, comment }): Row => {
      return ['silenced', `by ${createdBy || 'somebody'} until ${endsAt}: ${comment || 'no comment'} (${id})`];
    }),
    ...notifications.map((record): Row => ['sent', notificationText(record)]),
  ]);
}

/** The story of a rule whose alert Alertmanager does not know. */
export function ruleText(name: string, story: RuleStory): string {
  return lines(`${oneLine(name)}: ${ruleVerdict(story)}`, ruleRows(story));
}

function ruleVerdict({ state, activeAt, forSeconds, lastError }: RuleStory): string {
  if (lastError !== '') return `its rule fails: ${oneLine(lastError)}`;
  if (state === 'firing') return 'it fires, but Alertmanager has not heard of it: look at the notifier of Prometheus.';
  if (state === 'pending') {
    return `it is pending since ${activeAt}, and fires when that has lasted ${formatDuration(forSeconds * 1000)}.`;
  }
  return 'it does not fire: its expression comes to nothing.';
}

function lines(first: string, rows: readonly Row[]): string {
  const shown = rows.map(([key, text]) => `  ${key.padEnd(KEY_WIDTH)}${oneLine(text)}\n`);
  return `${oneLine(first)}\n\n${shown.join('')}`;
}

function ruleRows({
  query,
  group,
  file,
  forSeconds,
  lastEvaluation,
  state,
  value,
  ...story
}: RuleStory): readonly Row[] {
  const after = forSeconds > 0 ? `, for ${formatDuration(forSeconds * 1000)}` : '';
  const now = value === null ? 'came to nothing for it' : `came to ${value}`;
  return [
    ['expression', `${query}${after}   (group ${group} of ${file})`],
    ['sample', `it ${now} at ${lastEvaluation}`],
    ...(story.lastError === '' ? [] : [['rule fails', story.lastError] as const]),
    ['state', `${state}${story.activeAt ? `, active since ${story.activeAt}` : ''}`],
    ...story.changes.slice(0, CHANGES_SHOWN).map(({ time, from, to, value: sample, reason }): Row => {
      return ['', `${time} ${from} → ${to}${sample === null ? '' : ` at ${sample}`}: ${reason}`];
    }),
  ];
}

function routeRows(route: RouteExplanation): readonly Row[] {
  const { path, receiver, groupLabels, groupWait, groupInterval, repeatInterval, lastTurn, nextTurn, mutedBy } = route;
  const [last, next] = [lastTurn ?? 'not yet', nextTurn ?? 'none'];
  const turns = `waits ${groupWait}, then every ${groupInterval}, again after ${repeatInterval}; last ${last}, next ${next}`;
  return [
    ['route', `${path.length > 0 ? `${path.join(' → ')} → ` : ''}${receiver}`],
    ...(groupWait === '' ? [] : [['group', `${labelText(groupLabels)} ${turns}`] as const]),
    ...(mutedBy.length > 0 ? [['out of hours', `by ${mutedBy.join(', ')}`] as const] : []),
    ...route.integrations.map((integration): Row => [integration.integration, integrationText(integration)]),
  ];
}

function integrationText({ notConfigured, lastTold, repeatsAt }: IntegrationExplanation): string {
  if (notConfigured !== null) return `cannot send: ${notConfigured}`;
  if (!lastTold) return 'was told nothing of the group yet';
  const of = lastTold.firing ? 'that it fires' : lastTold.resolved ? 'that it has ended' : 'nothing of this alert';
  return `was told ${of} at ${lastTold.at}${repeatsAt ? `, again at ${repeatsAt}` : ''}`;
}

function inhibitionText({ labels, fingerprint, rule }: NonNullable<AlertExplanation['inhibitedBy']>): string {
  const source = Object.keys(labels).length > 0 ? alertTitle(labels) : fingerprint;
  const equal = rule.equal.length > 0 ? `, equal ${rule.equal.join(', ')}` : '';
  const name = rule.name === '' ? '' : `${rule.name}: `;
  return rule.source === '{}'
    ? `by ${source}`
    : `by ${source} (${name}${rule.source} keeps ${rule.target} quiet${equal})`;
}

/** One notification, with what was replied. */
export function notificationText({
  at,
  receiver,
  integration,
  index,
  status,
  reply,
  ...record
}: NotificationRecord): string {
  const { attempts, durationSeconds, reason } = record;
  const tries = attempts > 1 ? ` after ${attempts} attempts` : '';
  return `${at} to ${receiver} by ${integration}[${index}]: ${status}${tries} in ${durationSeconds} s, ${reply || 'no reply'} (${reason})`;
}
