import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ENTRY_HELP, ENTRY_TYPE } from '@avalanche/exposition';
import { Labels } from '@avalanche/model';
import { Tsdb } from '@avalanche/tsdb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FamilyMetadata } from '../../scrape/metadata.ts';
import { Params } from '../params.ts';
import { jaroWinkler, subsequenceScore } from './score.ts';
import { Search, type SearchContext } from './search.ts';

const NOW = 1_700_000_000_000;
const directory = mkdtempSync(join(tmpdir(), 'search-'));
let tsdb: Tsdb;

beforeAll(async () => {
  tsdb = await Tsdb.open({ directory, autoMaintenance: false });
  const appender = tsdb.appender();
  for (const name of ['http_requests_total', 'http_errors_total', 'process_cpu', 'HTTP_other', 'a<b']) {
    for (const job of ['web', 'worker']) {
      appender.append(appender.seriesRef(Labels.from({ __name__: name, job, path: '/x' })), NOW - 1000, 1);
    }
  }
  appender.commit();
});
afterAll(async () => {
  await tsdb.close();
  rmSync(directory, { recursive: true });
});

const target = new FamilyMetadata();
target.describe(ENTRY_TYPE, 'process_cpu', 'counter');
target.describe(ENTRY_HELP, 'process_cpu', 'Time & more.');

function searchOf(changes: Partial<SearchContext> = {}): Search {
  return new Search({
    enabled: true,
    limitMax: 1000,
    querier: (from, to) => tsdb.querier(from, to),
    metadata: () => [target],
    now: () => NOW,
    ...changes,
  });
}

async function ask(
  endpoint: 'metric_names' | 'label_names' | 'label_values',
  query: Record<string, string | string[]> = {},
  search = searchOf(),
): Promise<string[]> {
  return Array.from(await search.answer(endpoint, new Params(query)), (bytes) => bytes.toString().trimEnd());
}

const SUCCESS = '{"status":"success","has_more":false}';

test.each([
  [{}, ['HTTP_other', 'a<b', 'http_errors_total', 'http_requests_total', 'process_cpu']],
  [{ 'search[]': 'http' }, ['http_errors_total', 'http_requests_total']],
  [{ 'search[]': 'http', case_sensitive: 'false' }, ['HTTP_other', 'http_errors_total', 'http_requests_total']],
  [{ 'search[]': 'hrt' }, ['http_errors_total', 'http_requests_total']],
  [{ 'search[]': 'hrt', fuzz_threshold: '50' }, []],
  [{ 'search[]': ['cpu', 'error'] }, ['http_errors_total', 'process_cpu']],
  [
    { 'search[]': 'total', fuzz_alg: 'jarowinkler', sort_by: 'alpha', sort_dir: 'dsc' },
    ['http_requests_total', 'http_errors_total'],
  ],
  [{ 'search[]': 'process_cpo', fuzz_alg: 'jarowinkler', fuzz_threshold: '90' }, ['process_cpu']],
  [{ 'search[]': 'requests', 'match[]': '{job="none"}' }, []],
])('metric names by %j', async (query, names) => {
  const [batch, trailer, ...more] = await ask('metric_names', query as Record<string, string | string[]>);
  const { results } = JSON.parse(batch) as { results: { name: string }[] };
  expect([results.map(({ name }) => name), trailer, more]).toEqual([names, SUCCESS, []]);
});

test('scores, metadata, batches and whether there is more', async () => {
  const query = { 'search[]': ['process', 'errors'], include_score: 'true', include_metadata: '1', sort_by: 'score' };
  expect(await ask('metric_names', { ...query, batch_size: '1' })).toEqual([
    '{"results":[{"name":"process_cpu","score":1,"type":"counter","help":"Time \\u0026 more."}]}',
    expect.stringMatching(/^\{"results":\[\{"name":"http_errors_total","score":0\.9\d+\}\]\}$/),
    SUCCESS,
  ]);
  expect(await ask('metric_names', { ...query, limit: '1' })).toEqual([
    expect.stringContaining('process_cpu'),
    '{"status":"success","has_more":true}',
  ]);
  expect(await ask('metric_names', { 'search[]': 'a<' })).toEqual(['{"results":[{"name":"a\\u003cb"}]}', SUCCESS]);
});

test('names and values of labels', async () => {
  expect(await ask('label_names', { 'search[]': 'jo' })).toEqual(['{"results":[{"name":"job"}]}', SUCCESS]);
  expect(await ask('label_values', { label: 'job', 'search[]': 'w' })).toEqual([
    '{"results":[{"value":"web"},{"value":"worker"}]}',
    SUCCESS,
  ]);
});

test.each([
  [{ end: '1', start: '2' }, 'end timestamp must not be before start timestamp'],
  [{ 'search[]': Array.from({ length: 33 }, (_, i) => `${i}`) }, 'too many search[] terms: got 33, maximum is 32'],
  [{ fuzz_threshold: '101' }, 'invalid fuzz_threshold "101": must be 0-100'],
  [{ fuzz_alg: 'best' }, 'unsupported fuzz_alg "best": must be one of [subsequence jarowinkler]'],
  [{ case_sensitive: 'yes' }, 'invalid case_sensitive "yes": must be boolean'],
  [{ sort_dir: 'asc' }, 'sort_dir is only valid when sort_by is set'],
  [{ sort_by: 'score', sort_dir: 'asc' }, 'sort_dir is not supported for sort_by=score'],
  [{ sort_by: 'alpha', sort_dir: 'up' }, 'invalid sort_dir "up": must be "asc" or "dsc"'],
  [{ sort_by: 'score' }, 'sort_by=score requires search[] to be set'],
  [{ limit: '0' }, 'invalid limit "0": must be a positive integer'],
  [{ limit: '1001' }, 'limit 1001 exceeds the configured maximum (1000, see --web.search.max-limit)'],
  [{ batch_size: '-1', sort_by: 'size' }, 'invalid batch_size "-1": must be a positive integer'],
  [{ sort_by: 'size' }, 'invalid sort_by "size" for label_values: must be "alpha" or "score"'],
  [{}, 'missing required parameter "label"'],
])('%j is refused', async (query, message) => {
  await expect(ask('label_values', query as Record<string, string>)).rejects.toThrow(message);
});

test('is off unless it is switched on', async () => {
  await expect(ask('metric_names', {}, searchOf({ enabled: false }))).rejects.toThrow('search API disabled');
});

describe('scores are those of upstream', () => {
  test.each([
    ['hrt', 'http_requests_total', 0.2599736842105263],
    ['abc', 'abc', 0.999],
    ['ac', 'abc', 0.41625],
    ['xyz', 'abc', 0],
  ])('of %s in %s as a subsequence', (pattern, text, score) => {
    expect(subsequenceScore([...pattern], [...text])).toBeCloseTo(score, 12);
  });
  test.each([
    ['martha', 'marhta', 0.9611111111111111],
    ['dixon', 'dicksonx', 0.8133333333333332],
    ['abc', 'xyz', 0],
  ])('of the similarity of %s and %s', (a, b, score) => {
    expect(jaroWinkler([...a], [...b])).toBeCloseTo(score, 12);
  });
});
