import { dividerOf, type FamilyMetric } from '@avalanche/exposition';
import { formatG } from '@avalanche/model';
import { PUSH_FAILURE_TIME, PUSH_TIME } from './consistency.ts';
import type { KeptFamily } from './kept-family.ts';
import type { PushedGroup } from './pushed-metrics.ts';

/** Sent at once, in characters. */
const PIECE_CHARACTERS = 32 * 1024;

/** All groups, as `/api/v1/metrics` of the Pushgateway shows them, in pieces. */
export function* groupsJson(groups: Iterable<PushedGroup>): Generator<string> {
  let piece = '';
  for (const text of textsOf(groups)) {
    piece += text;
    if (piece.length < PIECE_CHARACTERS) continue;
    yield piece;
    piece = '';
  }
  yield piece;
}

function* textsOf(groups: Iterable<PushedGroup>): Generator<string> {
  yield '{"status":"success","data":[';
  let comma = '';
  for (const group of groups) {
    const { grouping, families, hasFailed } = group;
    const begin = { labels: grouping, last_push_successful: !hasFailed };
    yield `${comma}${JSON.stringify(begin).slice(0, -1)},`;
    for (const kept of families.values()) yield* familyTexts(kept);
    yield `${JSON.stringify(stampsOf(group)).slice(1)}`;
    comma = ',';
  }
  yield ']}';
}

function* familyTexts({ family, pushedAt }: KeptFamily): Generator<string> {
  const help = family.help ? { help: family.help } : {};
  const begin = { time_stamp: timeOf(pushedAt), type: family.type ?? 'UNTYPED', ...help };
  yield `${JSON.stringify(family.name)}:${JSON.stringify(begin).slice(0, -1)},"metrics":[`;
  const divider = dividerOf(family);
  let comma = '';
  for (const metric of family.metrics) {
    yield comma + JSON.stringify(metricJson(metric, divider));
    comma = ',';
  }
  yield ']},';
}

function metricJson({ labels, value, parts, count, sum }: FamilyMetric, divider: 'le' | 'quantile' | null) {
  const common = { labels: Object.fromEntries(labels) };
  if (divider === null) return { ...common, value: formatG(value) };
  const divided = Object.fromEntries(parts.map(([bound, part]) => [formatG(bound), formatG(part)]));
  const name = divider === 'le' ? 'buckets' : 'quantiles';
  return { ...common, [name]: divided, count: formatG(count), sum: formatG(sum) };
}

function stampsOf({ grouping, pushedAt, failedAt }: PushedGroup) {
  const stamp = (help: string, ms: number) => ({
    time_stamp: timeOf(Math.max(pushedAt, failedAt)),
    type: 'GAUGE',
    help,
    metrics: [{ labels: { instance: '', ...grouping }, value: formatG(ms / 1000) }],
  });
  return {
    [PUSH_TIME]: stamp('Last Unix time when changing this group in the Pushgateway succeeded.', pushedAt),
    [PUSH_FAILURE_TIME]: stamp('Last Unix time when changing this group in the Pushgateway failed.', failedAt),
  };
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
