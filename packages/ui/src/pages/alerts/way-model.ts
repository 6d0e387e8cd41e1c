import type { AlertExplanation, NotificationRecord, RouteExplanation } from '../../api/alertmanager/insight.ts';
import type { ApiError } from '../../api/http.ts';
import type { Labels } from '../../api/prometheus/query.ts';
import type { AlertingRule, RuleGroup } from '../../api/prometheus/rules.ts';
import { formatDuration } from '../../dashboard/duration.ts';
import { shortDateTime } from '../../dashboard/time-range.ts';
import type { Tone } from '../../shell/badges.tsx';
import { type AlertView, valueText } from './alert-model.ts';

/** A part of a line: plain words are strings. */
export type Piece =
  | string
  | { readonly code: string }
  | { readonly at: string }
  | { readonly href: string; readonly text: string }
  | { readonly labels: Labels };

/** One thing that happened to an alert on its way to people. */
export interface WayStep {
  readonly key: string;
  readonly title: string;
  readonly tone: Tone;
  readonly lines: readonly (readonly Piece[])[];
}

export interface RuleOfAlert {
  readonly rule: AlertingRule;
  readonly group: RuleGroup;
}

/** The rule that an alert of that name comes from: of several with the name, the one that has it among its own. */
export function ruleOf(alert: AlertView, rules: readonly RuleOfAlert[]): RuleOfAlert | undefined {
  const own = rules.find(({ rule }) => (rule.alerts ?? []).some(({ labels }) => hasAll(alert.labels, labels)));
  return own ?? (rules.length === 1 ? rules[0] : undefined);
}

function hasAll(labels: Labels, some: Labels): boolean {
  return Object.entries(some).every(([name, value]) => name === 'alertname' || labels[name] === value);
}

/** What Alertmanager said of an alert: its explanation, or why there is none. */
export type Told =
  | { readonly explanation: AlertExplanation }
  /** `unknown` does not have it, `silent` is a server that does not explain, `nowhere` is no Alertmanager at all. */
  | { readonly missing: 'unknown' | 'silent' | 'nowhere' }
  | { readonly missing: 'away'; readonly message: string };

/** Why there is no explanation, from what asking for it gave. */
export function toldOf(explanation: AlertExplanation | undefined, error: ApiError | undefined): Told {
  if (explanation) return { explanation };
  if (!error) return { missing: 'unknown' };
  return error.status === 404 ? { missing: 'silent' } : { missing: 'away', message: error.message };
}

/** The sentence that stands above the way. */
export function verdictOf(alert: AlertView, told: Told, of: RuleOfAlert | undefined): string {
  if ('explanation' in told) return humanTimes(told.explanation.verdict);
  if (alert.state === 'pending') {
    const at = of ? firesAt(alert, of.rule) : undefined;
    return `Nobody is told while it is pending${at === undefined ? '' : `; it fires at ${shortDateTime(at)} if it lasts`}.`;
  }
  switch (told.missing) {
    case 'nowhere':
      return 'This server does not know an Alertmanager, so who is told is not known here.';
    case 'silent':
      return silentVerdict(alert);
    case 'away':
      return `What became of it is not known: ${told.message}`;
    case 'unknown':
      return 'Alertmanager does not have it: it has not been sent there yet, or it was dropped on the way.';
  }
}

function silentVerdict({ muted, receivers }: AlertView): string {
  if (muted) return `It is ${muted}. This Alertmanager does not tell more of its way.`;
  const whom = receivers.length === 0 ? 'nobody that is known' : receivers.join(', ');
  return `It goes to ${whom}. This Alertmanager does not tell what it sent.`;
}

/** Moments that the API wrote as RFC 3339, as people write them. */
export function humanTimes(text: string): string {
  return text.replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)/g, (at) =>
    shortDateTime(Date.parse(at)),
  );
}

/** The whole way of an alert, in the order in which it went. */
export function wayOf(alert: AlertView, of: RuleOfAlert | undefined, told: Told): readonly WayStep[] {
  const explanation = 'explanation' in told ? told.explanation : undefined;
  const began = of ? ruleSteps(alert, of, explanation) : senderSteps(alert, explanation);
  if (!explanation) return began;
  const { routes } = explanation;
  return [
    ...began,
    ...routes.flatMap((route, i) => routeSteps(route, i, routes.length)),
    quietStep(explanation),
    notificationsStep(explanation),
  ];
}

function firesAt({ since }: AlertView, { duration }: AlertingRule): number | undefined {
  const ms = Date.parse(since ?? '') + duration * 1000;
  return Number.isFinite(ms) ? ms : undefined;
}

function ruleSteps(
  alert: AlertView,
  { rule, group }: RuleOfAlert,
  explanation: AlertExplanation | undefined,
): readonly WayStep[] {
  const at = firesAt(alert, rule);
  const firesIso = at === undefined ? '' : new Date(at).toISOString();
  const evaluated: Piece[] = [`evaluated every ${formatDuration(group.interval * 1000)}, last `];
  return [
    {
      key: 'sample',
      title: 'Sample',
      tone: 'unknown',
      lines: [alert.value === undefined ? ['no value'] : ['the value is ', { code: valueText(alert.value) }]],
    },
    {
      key: 'expression',
      title: 'Expression',
      tone: rule.health === 'err' ? 'crit' : 'unknown',
      lines: [[{ code: rule.query }], [...evaluated, { at: rule.lastEvaluation ?? '' }]],
    },
    ...(rule.duration > 0 ? [pendingStep(alert, rule)] : []),
    alert.state === 'firing'
      ? { ...step('firing', 'Firing', 'crit'), lines: [['since ', { at: explanation?.startsAt ?? firesIso }]] }
      : { ...step('firing', 'Firing', 'unknown'), lines: [['not yet; it fires ', { at: firesIso }, ' if it lasts']] },
  ];
}

function step(key: string, title: string, tone: Tone): Pick<WayStep, 'key' | 'title' | 'tone'> {
  return { key, title, tone };
}

function pendingStep({ since }: AlertView, rule: AlertingRule): WayStep {
  const lasts = `, must last ${formatDuration(rule.duration * 1000)}`;
  return { ...step('pending', 'Pending', 'warn'), lines: [['since ', { at: since ?? '' }, lasts]] };
}

/** Where the rule is not known, what the sender said. */
function senderSteps(alert: AlertView, explanation: AlertExplanation | undefined): readonly WayStep[] {
  const url = explanation?.generatorURL ?? '';
  const from: readonly Piece[] = /^https?:\/\//.test(url) ? [{ href: url, text: url }] : ['the sender gave no address'];
  return [
    ...(explanation ? [{ ...step('sender', 'Sent by', 'unknown'), lines: [from] }] : []),
    { ...step('firing', 'Firing', 'crit'), lines: [['since ', { at: explanation?.startsAt ?? alert.since ?? '' }]] },
  ];
}

function routeSteps(route: RouteExplanation, index: number, count: number): readonly WayStep[] {
  const which = count > 1 ? ` ${index + 1} of ${count}` : '';
  const muted = route.mutedBy.length > 0;
  return [
    { ...step(`route${index}`, `Route${which}`, 'unknown'), lines: [pathPieces(route.path)] },
    receiverStep(route, index),
    { ...step(`group${index}`, 'Group', 'unknown'), lines: groupLines(route) },
    ...(muted
      ? [
          {
            ...step(`hours${index}`, 'Out of hours', 'warn'),
            lines: [['muted now by ', { code: route.mutedBy.join(', ') }]],
          },
        ]
      : []),
  ];
}

function pathPieces(path: readonly string[]): readonly Piece[] {
  return path.flatMap((matchers, i): Piece[] => [
    ...(i > 0 ? [' → '] : []),
    matchers === '{}' || matchers === '' ? (i === 0 ? 'the root' : 'everything') : { code: matchers },
  ]);
}

function receiverStep({ receiver, integrations }: RouteExplanation, index: number): WayStep {
  const missing = integrations.filter(({ notConfigured }) => notConfigured !== null);
  const by = integrations.map(({ integration }) => integration).join(', ');
  return {
    ...step(`receiver${index}`, 'Receiver', missing.length > 0 || by === '' ? 'warn' : 'unknown'),
    lines: [
      [
        { href: `/receivers?receiver=${encodeURIComponent(receiver)}`, text: receiver },
        by === '' ? ' has nobody to tell' : ` by ${by}`,
      ],
      ...missing.map(({ integration, notConfigured }) => [`${integration} is not configured: ${notConfigured}`]),
    ],
  };
}

function groupLines(route: RouteExplanation): readonly (readonly Piece[])[] {
  const { groupLabels, groupWait, groupInterval, repeatInterval, lastTurn, nextTurn } = route;
  const repeats = route.integrations.map(({ repeatsAt }) => repeatsAt).find((at) => at !== null);
  const turns: Piece[] = [
    ...(lastTurn ? ['last turn ', { at: lastTurn }] : []),
    ...(lastTurn && nextTurn ? [', '] : []),
    ...(nextTurn ? ['next turn ', { at: nextTurn }] : []),
    ...(repeats ? ['; told again ', { at: repeats }, ' if nothing changes'] : []),
  ];
  return [
    Object.keys(groupLabels).length > 0 ? [{ labels: groupLabels }] : ['all alerts of the route together'],
    [`waits ${groupWait} at first, ${groupInterval} between changes, repeats after ${repeatInterval}`],
    ...(turns.length > 0 ? [turns] : [['not waiting for a turn']]),
  ];
}

function quietStep({ inhibitedBy, silencedBy, routes }: AlertExplanation): WayStep {
  const lines: (readonly Piece[])[] = [];
  if (inhibitedBy) {
    const { labels, fingerprint, rule } = inhibitedBy;
    const name = labels.alertname ?? '';
    const source = name === '' ? fingerprint : { href: `/alerts/${encodeURIComponent(name)}`, text: name };
    const equal =
      rule.equal.length > 0 ? ` where ${rule.equal.join(', ')} ${rule.equal.length === 1 ? 'is' : 'are'} the same` : '';
    const why = [rule.name && `rule ${rule.name}: `, { code: rule.source }, ' quiets ', { code: rule.target }, equal];
    lines.push(['inhibited by ', source], why);
  }
  for (const { id, createdBy, comment, endsAt } of silencedBy) {
    const until: Piece[] = [' by ', createdBy || 'somebody', ', ends ', { at: endsAt }];
    lines.push(['silenced: ', { href: `/silences/${id}`, text: comment || id }, ...until]);
  }
  if (lines.length > 0) return { ...step('quiet', 'Kept quiet', 'warn'), lines };
  const outOfHours = routes.some(({ mutedBy }) => mutedBy.length > 0);
  return {
    ...step('quiet', 'Kept quiet', 'ok'),
    lines: [[`no, neither by a silence nor by inhibition${outOfHours ? '' : ', nor by its hours'}`]],
  };
}

const SHOWN = 5;

function notificationsStep({ notifications, fingerprint }: AlertExplanation): WayStep {
  if (notifications.length === 0) {
    return { ...step('notifications', 'Notifications', 'unknown'), lines: [['nobody has been told']] };
  }
  const more = { href: `/notifications?fingerprint=${fingerprint}`, text: 'all its notifications' };
  return {
    ...step('notifications', 'Notifications', notifications[0]?.status === 'failed' ? 'crit' : 'ok'),
    lines: [...notifications.slice(0, SHOWN).map((record) => notificationLine(record)), [more]],
  };
}

function notificationLine(record: NotificationRecord): readonly Piece[] {
  const { at, receiver, integration, index, status, reply, durationSeconds, reason, attempts } = record;
  const tries = attempts > 1 ? ` after ${attempts} attempts` : '';
  const answer = reply === '' ? '' : `: ${reply}`;
  return [
    { at },
    ` ${status === 'failed' ? 'FAILED' : 'sent'} to ${receiver} by ${integration}[${index}]${answer}`,
    ` (${reason}, took ${formatDuration(durationSeconds * 1000)}${tries})`,
  ];
}
