import { expect, test } from 'vitest';
import { compactionRanges, longestBlock, type PlannedBlock, planCompaction } from './plan.ts';

/** `NAME:MIN..MAX`, with `!` where its compaction failed and `tombstones/series` at the end where it has deletions. */
function block(text: string): PlannedBlock {
  const [, directory, min, max, failed, numTombstones, numSeries] =
    /^(\w+):(-?\d+)\.\.(-?\d+)(!)?(?:=(\d+)\/(\d+))?$/.exec(text) ?? [];
  return {
    directory,
    meta: {
      ulid: directory,
      minTime: Number(min),
      maxTime: Number(max),
      stats: {
        numSamples: 0,
        numChunks: 0,
        numSeries: Number(numSeries ?? 0),
        numTombstones: Number(numTombstones ?? 0),
      },
      compaction: { level: 1, sources: [], failed: failed === '!' },
      version: 1,
    },
  };
}

function plan(blocks: string, ranges = [20, 60, 180, 540, 1620]): string {
  const given = blocks === '' ? [] : blocks.split(' ').map(block);
  return planCompaction(given, ranges)
    .map(({ directory }) => directory)
    .join(' ');
}

// What LeveledCompactor.plan answers for the same blocks (upstream tsdb/compact_test.go, TestLeveledCompactor).
test.each([
  ['', ''],
  ['1:0..20', ''],
  ['1:0..20 2:20..40', ''],
  ['1:0..20 2:20..40 3:40..60', ''],
  ['1:0..20 2:20..40 3:40..60 4:60..80', '1 2 3'],
  ['1:0..20 2:20..40 3:60..80', ''], // a gap, but nothing is known of the next range except the block that waits
  ['1:0..20 2:20..40 3:60..80 4:80..100', '1 2'],
  ['1:0..20 2:20..40 3:40..60 4:60..120 5:120..180', '1 2 3'],
  ['2:20..40 4:60..120 5:960..980 6:120..180 7:720..960', '2 4 6'],
  ['5:0..360 6:540..560 7:360..420 8:420..540', '7 8'], // the newest by time, not by name, waits
])('of %j it takes %j', (blocks, expected) => {
  expect(plan(blocks)).toBe(expected);
});

test.each([
  ['1:0..540=3/10', ''],
  ['1:0..540=3/10 2:540..560', '1'],
  ['1:0..60=3/10 2:60..80', ''],
  ['1:0..60=10/10 2:60..80', '1'], // everything is deleted: the size does not matter
  ['1:0..540=0/0 2:540..560', ''],
])('of %j, deletions over the series, it rewrites %j', (blocks, expected) => {
  expect(plan(blocks)).toBe(expected);
});

test.each([
  ['1:0..20 2:19..40 3:40..60', '1 2'],
  ['1:0..20 2:20..40 3:30..50', '2 3'],
  ['1:0..20 2:10..40 3:30..50', '1 2 3'],
  ['5:0..360 6:340..560 7:360..420 8:420..540', '5 6 7 8'],
  ['1:0..10 2:9..20 3:30..40 4:39..50', '1 2'],
  ['1:0..10! 2:9..20 3:30..40 4:39..50', '3 4'], // not upstream's: those that failed do not keep others waiting
])('of %j, which overlap, it takes %j', (blocks, expected) => {
  expect(plan(blocks)).toBe(expected);
});

// Upstream's TestRangeWithFailedCompactionWontGetSelected.
test.each([
  '1:0..20 2:20..40! 3:40..60 4:60..80',
  '1:0..20 2:20..40! 3:60..80 4:80..100',
  '1:0..20 2:20..40! 3:40..60 4:60..120 5:120..180 6:180..200',
])('of %j, where one failed before, it takes nothing', (blocks) => {
  expect(plan(blocks, [20, 60, 240, 720, 2160])).toBe('');
});

// By the ranges of upstream's TestSplitByRange: times before 1970, blocks that lie across a boundary or are too long.
test.each([
  ['a:-60..-50 b:-10..-5 c:0..15 d:15..20 e:60..70', 'a b'],
  ['a:50..70 b:70..80 c:80..90 d:120..130 e:180..190', 'b c'],
  ['a:0..144 b:144..150 c:150..160 d:180..200 e:200..210', 'b c'],
])('of %j, which are odd, it takes %j', (blocks, expected) => {
  expect(plan(blocks, [20, 60])).toBe(expected);
});

test('blocks grow to a tenth of the retention, 31 days at most', () => {
  const hour = 3_600_000;
  const day = 24 * hour;
  expect(compactionRanges(2 * hour, longestBlock(15 * day))).toEqual([2, 6, 18].map((hours) => hours * hour));
  expect(longestBlock(0)).toBe(31 * day);
  expect(longestBlock(365 * day)).toBe(31 * day);
  expect(longestBlock(hour)).toBe(2 * hour);
  expect(compactionRanges(2 * hour, hour)).toEqual([2 * hour]);
});
