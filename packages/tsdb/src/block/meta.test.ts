import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { formatMeta, parseMeta, readMeta, writeMeta } from './meta.ts';

const ULID = '01M828J2WR3M8XDK042AYYQSYT';

/** As Prometheus writes it, with one key of Thanos. */
const TEXT = `{
	"ulid": "${ULID}",
	"minTime": 1700000000000,
	"maxTime": 1700004485001,
	"stats": {
		"numSamples": 72000,
		"numSeries": 240,
		"numChunks": 720
	},
	"compaction": {
		"level": 2,
		"sources": [
			"${ULID}"
		],
		"parents": [
			{
				"ulid": "${ULID}",
				"minTime": 1700000000000,
				"maxTime": 1700004485001
			}
		]
	},
	"version": 1,
	"thanos": {
		"labels": {}
	}
}`;

test('a meta.json is read and written back as it was, unknown keys included', () => {
  const meta = parseMeta(TEXT, 'meta.json');
  expect(meta.stats).toEqual({ numSamples: 72_000, numSeries: 240, numChunks: 720, numTombstones: 0 });
  expect(meta.compaction).toMatchObject({ level: 2, sources: [ULID] });
  const ours = /,\n\t"avalanche": \{\n\t\t"crc32c": "[0-9a-f]{8}"\n\t\}/; // upstream passes over it
  expect(formatMeta(meta)).toMatch(ours);
  expect(formatMeta(meta).replace(ours, '')).toBe(TEXT);
  expect(formatMeta(parseMeta(formatMeta(meta), 'm.json'))).toBe(formatMeta(meta));
  const flipped = formatMeta(meta).replace('"level": 2', '"level": 3');
  expect(() => parseMeta(flipped, 'm.json')).toThrow('m.json: avalanche.crc32c is not the checksum of the rest');
});

test('a file replaces the one before and leaves no other', () => {
  const directory = mkdtempSync(join(tmpdir(), 'meta-'));
  try {
    writeMeta(directory, parseMeta(TEXT, 'meta.json'));
    writeMeta(directory, { ...readMeta(directory), compaction: { level: 3, sources: [], deletable: true } });
    expect(readMeta(directory).compaction).toEqual({ level: 3, sources: [], deletable: true });
    expect(readdirSync(directory)).toEqual(['meta.json']);
    expect(() => readMeta(join(directory, 'none'))).toThrow(`${directory}/none/meta.json cannot be read: ENOENT`);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test.each([
  ['{', 'm.json is not JSON: '],
  ['[]', 'm.json: the document must be an object'],
  [TEXT.replace('"version": 1', '"version": 2'), 'm.json: version 2 is newer than what is known here, which is 1'],
  [TEXT.replace(ULID, 'x'), 'm.json: ulid is not a ULID: "x"'],
  [TEXT.replace('1700000000000', '1.5'), 'm.json: minTime must be an integer number of milliseconds'],
  [TEXT.replace('1700000000000', '1800000000000'), 'm.json: minTime is after maxTime'],
  [TEXT.replace('72000', '-1'), 'm.json: stats.numSamples must be a count'],
  [TEXT.replace('"level": 2', '"level": "2"'), 'm.json: compaction.level must be a count'],
  [TEXT.replace('"parents": [', '"parents": [1,'), 'm.json: compaction.parents[0] must be an object'],
  [TEXT.replace('"level": 2', '"level": 2, "failed": 1'), 'm.json: compaction.failed must be true or false'],
  [TEXT.replace('"level": 2', '"level": 2, "hints": [1]'), 'm.json: compaction.hints must hold strings'],
])('a wrong one is refused in one line: %#', (text, message) => {
  expect(() => parseMeta(text, 'm.json')).toThrow(message);
});
