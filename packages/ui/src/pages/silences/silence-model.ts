import type { Share, SilenceReach } from '../../api/alertmanager/insight.ts';
import { formatMatcher, matchesLabels, parseMatchers } from '../../api/alertmanager/matcher.ts';
import type { GettableAlert, PostableSilence, Silence, SilenceMatcher } from '../../api/alertmanager/types.ts';
import { parseDuration } from '../../dashboard/duration.ts';
import { obj, str } from '../../dashboard/json.ts';

/** The form as it stands. */
export interface SilenceDraft {
  /** Matchers, one per line. */
  readonly text: string;
  /** Local time as a browser's own field writes it, `2026-11-23T05:00`; '' is now. */
  readonly start: string;
  /** `2h`; '' keeps the end that it has. */
  readonly length: string;
  readonly author: string;
  readonly comment: string;
}

/** Matchers that the address brings along: `matchers`, one per line, or `filter`, labels as JSON or in upstream's braces. */
export function initialMatchers(search: string): string {
  const params = new URLSearchParams(search);
  const filter = params.get('filter');
  if (filter === null) return params.get('matchers') ?? '';
  const labels = filter.startsWith('{"') ? labelsOfJson(filter) : undefined;
  if (labels) return labels.map(([name, value]) => formatMatcher({ name, value, isRegex: false })).join('\n');
  const { matchers, bad } = parseMatchers(filter);
  return [...matchers.map(formatMatcher), ...bad].join('\n');
}

function labelsOfJson(text: string): readonly (readonly [string, string])[] | undefined {
  try {
    return Object.entries(obj(JSON.parse(text) as unknown)).map(([name, value]) => [name, str(value)]);
  } catch {
    return undefined;
  }
}

/** A silence that is there, as the form shows it. */
export function draftOf(silence: Silence): SilenceDraft {
  return {
    text: silence.matchers.map(formatMatcher).join('\n'),
    start: silence.status.state === 'pending' ? localField(Date.parse(silence.startsAt)) : '',
    length: '',
    author: silence.createdBy,
    comment: silence.comment,
  };
}

const two = (n: number): string => String(n).padStart(2, '0');

/** What a `datetime-local` field holds, to the minute. */
export function localField(ms: number): string {
  const at = new Date(ms);
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day}T${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** From when to when; undefined where a field cannot be read. */
export function timesOf(
  { start, length }: Pick<SilenceDraft, 'start' | 'length'>,
  nowMs: number,
  old?: Silence,
): { readonly startMs: number; readonly endMs: number } | undefined {
  const oldStartMs = Date.parse(old?.startsAt ?? '');
  // The field knows minutes only: an unchanged one must not move the start, which would make another silence of it.
  const keepsStart = old && (old.status.state === 'active' || start === localField(oldStartMs));
  const startMs = keepsStart ? oldStartMs : start === '' ? nowMs : Date.parse(start);
  const lengthMs = parseDuration(length) ?? 0;
  const endMs = length === '' && old ? Date.parse(old.endsAt) : lengthMs > 0 ? Math.max(startMs, nowMs) + lengthMs : 0;
  return Number.isFinite(startMs) && endMs > startMs ? { startMs, endMs } : undefined;
}

/** What is sent; with the id of the one that it changes. Upstream's servers keep the id where matchers stay the same. */
export function postableOf(
  { author, comment }: SilenceDraft,
  matchers: readonly SilenceMatcher[],
  { startMs, endMs }: { readonly startMs: number; readonly endMs: number },
  old?: Silence,
): PostableSilence {
  return {
    ...(old ? { id: old.id } : {}),
    matchers,
    startsAt: old && startMs === Date.parse(old.startsAt) ? old.startsAt : new Date(startMs).toISOString(),
    endsAt: old && endMs === Date.parse(old.endsAt) ? old.endsAt : new Date(endMs).toISOString(),
    createdBy: author,
    comment,
  };
}

/** What can be said of a silence without our server: only the alerts of now are known. */
export function reachOfAlerts(
  matchers: readonly SilenceMatcher[],
  alerts: readonly GettableAlert[],
): Pick<SilenceReach, 'now' | 'mutesEverything'> {
  const matching = alerts.filter(({ labels }) => matchesLabels(matchers, labels)).length;
  const takesAll = matchers.every(
    ({ value, isRegex, isEqual = true }) =>
      (isRegex && isEqual && /^(?:\.[*+]|\^?\.[*+]\$?)$/.test(value)) || (!isEqual && !isRegex && value === ''),
  );
  return {
    now: { matching, of: alerts.length },
    mutesEverything: takesAll || (alerts.length > 1 && matching === alerts.length),
  };
}

export type KnownReach = Pick<SilenceReach, 'now' | 'mutesEverything'> & Partial<SilenceReach>;

const isMost = ({ matching, of }: Share): boolean => matching > 1 && matching * 2 > of;

/** Whether somebody must say that the numbers were read: it mutes everything, or more than half of all alerts. */
export function needsTick({ mutesEverything, now, last24h }: KnownReach): boolean {
  return mutesEverything || isMost(now) || (last24h !== undefined && isMost(last24h));
}

const alerts = (count: number): string => (count === 1 ? '1 alert' : `${count} alerts`);

/** `9 of 10 alerts now, 31 of 40 of the last 24 hours, and 3 of 4 routes`. */
export function reachNumbers({ now, last24h, routes }: KnownReach): string {
  const parts = [`${now.matching} of ${alerts(now.of)} now`];
  if (last24h) parts.push(`${last24h.matching} of ${last24h.of} of the last 24 hours`);
  if (routes) parts.push(`${routes.matching} of ${routes.of} ${routes.of === 1 ? 'route' : 'routes'}`);
  return parts.length < 2 ? (parts[0] ?? '') : `${parts.slice(0, -1).join(', ')}, and ${parts.at(-1)}`;
}

const COMMENTS_MAX = 6;

/** Comments to offer next time, the last one first. */
export function rememberedComments(old: readonly string[], comment: string): readonly string[] {
  return [comment, ...old.filter((other) => other !== comment)].slice(0, COMMENTS_MAX);
}
