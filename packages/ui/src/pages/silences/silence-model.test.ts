import { describe, expect, test } from 'vitest';
import { formatMatcher, parseMatchers } from '../../api/alertmanager/matcher.ts';
import type { GettableAlert, Silence } from '../../api/alertmanager/types.ts';
import {
  draftOf,
  initialMatchers,
  localField,
  needsTick,
  postableOf,
  reachNumbers,
  reachOfAlerts,
  rememberedComments,
  timesOf,
} from './silence-model.ts';

const search = (params: Record<string, string>): string => String(new URLSearchParams(params));

test.each([
  ['{alertname="A", job=~"a,b|c"}', 'alertname="A"\njob=~"a,b|c"'],
  ['{"alertname":"A","instance":"x:1"}', 'alertname="A"\ninstance="x:1"'],
  ['{"my label"="x", b!~"y\\"z"}', '"my label"="x"\nb!~"y\\"z"'],
  ['alertname="A"', 'alertname="A"'],
  ['{broken', '{broken'],
])('matchers of a link: %s', (filter, lines) => {
  expect(initialMatchers(search({ filter }))).toBe(lines);
});

test('matchers of our own links stand one per line', () => {
  expect(initialMatchers(search({ matchers: 'a="b"\nc="d"' }))).toBe('a="b"\nc="d"');
});

test('matchers are read between commas and line breaks, what is none is told', () => {
  const { matchers, bad } = parseMatchers('{a="1, 2", b!="x"}');
  expect(matchers.map(formatMatcher)).toEqual(['a="1, 2"', 'b!="x"']);
  expect(bad).toEqual([]);
  expect(parseMatchers('a=b\nnonsense\nc="open').bad).toEqual(['nonsense', 'c="open']);
  expect(parseMatchers('"a b"=~x').matchers).toEqual([{ name: 'a b', value: 'x', isRegex: true, isEqual: true }]);
});

const NOW = Date.parse('2026-01-01T12:00:00Z');
const silence: Silence = {
  id: 'id',
  matchers: [{ name: 'a', value: 'b', isRegex: false, isEqual: true }],
  startsAt: '2026-01-01T11:00:00.123Z',
  endsAt: '2026-01-01T13:00:00.456Z',
  updatedAt: '',
  createdBy: 'eva',
  comment: 'why',
  status: { state: 'active' },
};

describe('times', () => {
  test('a new one begins now or when it is said', () => {
    expect(timesOf({ start: '', length: '2h' }, NOW)).toEqual({ startMs: NOW, endMs: NOW + 7_200_000 });
    const start = localField(NOW + 3_600_000);
    expect(timesOf({ start, length: '1h' }, NOW)).toEqual({ startMs: NOW + 3_600_000, endMs: NOW + 7_200_000 });
    expect(timesOf({ start: '', length: 'soon' }, NOW)).toBeUndefined();
    expect(timesOf({ start: '', length: '' }, NOW)).toBeUndefined();
  });

  test('one that is in force keeps its start, and its end unless a length is chosen from now on', () => {
    const draft = draftOf(silence);
    const kept = timesOf(draft, NOW, silence);
    expect(kept).toEqual({ startMs: Date.parse(silence.startsAt), endMs: Date.parse(silence.endsAt) });
    expect(postableOf(draft, silence.matchers, kept!, silence)).toEqual({
      ...{ id: 'id', matchers: silence.matchers, createdBy: 'eva', comment: 'why' },
      ...{ startsAt: silence.startsAt, endsAt: silence.endsAt },
    });
    expect(timesOf({ ...draft, length: '3h' }, NOW, silence)?.endMs).toBe(NOW + 3 * 3_600_000);
  });

  test('one that is to come keeps its start to the millisecond', () => {
    const later: Silence = { ...silence, status: { state: 'pending' }, startsAt: '2026-01-01T12:30:15.123Z' };
    expect(timesOf(draftOf(later), NOW, later)?.startMs).toBe(Date.parse(later.startsAt));
  });
});

const share = (matching: number, of: number) => ({ matching, of });

test.each([
  [{ mutesEverything: true, now: share(0, 0) }, true],
  [{ mutesEverything: false, now: share(2, 3) }, true],
  [{ mutesEverything: false, now: share(1, 2) }, false],
  [{ mutesEverything: false, now: share(1, 1) }, false],
  [{ mutesEverything: false, now: share(0, 9), last24h: share(21, 40) }, true],
  [{ mutesEverything: false, now: share(4, 9), last24h: share(20, 40) }, false],
])('numbers that must be read: %j', (reach, expected) => {
  expect(needsTick(reach)).toBe(expected);
});

test('the numbers in words', () => {
  const reach = { mutesEverything: false, now: share(9, 10), last24h: share(31, 40), routes: share(1, 1) };
  expect(reachNumbers(reach)).toBe('9 of 10 alerts now, 31 of 40 of the last 24 hours, and 1 of 1 route');
  expect(reachNumbers({ mutesEverything: false, now: share(0, 1) })).toBe('0 of 1 alert now');
});

test('without our server the alerts of now are counted', () => {
  const alerts = ['a', 'b', 'c'].map((job) => ({ labels: { job } }) as unknown as GettableAlert);
  const read = (text: string) => parseMatchers(text).matchers;
  expect(reachOfAlerts(read('job=~"a|b"'), alerts)).toEqual({ now: share(2, 3), mutesEverything: false });
  expect(reachOfAlerts(read('job!="x"'), alerts).mutesEverything).toBe(true);
  expect(reachOfAlerts(read('alertname=~".+"'), []).mutesEverything).toBe(true);
});

test('the last comment is offered first, each once', () => {
  expect(rememberedComments(['b', 'a'], 'a')).toEqual(['a', 'b']);
  expect(rememberedComments(['1', '2', '3', '4', '5', '6'], 'new')).toHaveLength(6);
});
