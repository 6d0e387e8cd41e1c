import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Labels } from '@avalanche/model';
import { Tsdb } from '@avalanche/tsdb';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { TsdbAdmin } from './admin.ts';
import { Params } from './params.ts';

let directory = '';
let tsdb: Tsdb;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'admin-'));
  tsdb = await Tsdb.open({ directory, autoMaintenance: false });
  const appender = tsdb.appender();
  const ref = appender.seriesRef(Labels.from({ __name__: 'up' }));
  for (let hour = 0; hour < 5; hour++) appender.append(ref, hour * 3_600_000, hour);
  appender.commit();
  await tsdb.maintain();
});
afterEach(async () => {
  await tsdb.close();
  rmSync(directory, { recursive: true });
});

const params = (values: Readonly<Record<string, string>> = {}) => new Params(values);

// What Prometheus answers: strconv.ParseBool and its words.
test.each([
  ['', 2],
  ['0', 2],
  ['False', 2],
  ['1', 1],
  ['t', 1],
  ['TRUE', 1],
])('a snapshot with skip_head=%j has %i blocks', async (skipHead, blocks) => {
  const { name } = await new TsdbAdmin(tsdb, true).snapshot(params({ skip_head: skipHead }));
  expect(name).toMatch(/^\d{8}T\d{6}Z-[0-9a-f]{16}$/);
  expect(readdirSync(join(directory, 'snapshots', name))).toHaveLength(blocks);
});

test('skip_head is a boolean or refused', async () => {
  const refused = new TsdbAdmin(tsdb, true).snapshot(params({ skip_head: 'yes' }));
  const reason = 'unable to parse boolean: strconv.ParseBool: parsing "yes": invalid syntax';
  await expect(refused).rejects.toMatchObject({
    status: 400,
    message: `invalid parameter "skip_head": ${reason}`,
  });
});

test('nothing is deleted without a selector, and nothing at all where it is not enabled', async () => {
  const open = new TsdbAdmin(tsdb, true);
  await expect(open.deleteSeries(params(), 0, 1)).rejects.toMatchObject({
    status: 400,
    message: 'no match[] parameter provided',
  });
  const shut = new TsdbAdmin(tsdb, false);
  for (const answer of [
    shut.deleteSeries(params({ 'match[]': 'up' }), 0, 1),
    shut.cleanTombstones(),
    shut.snapshot(params()),
  ]) {
    await expect(answer).rejects.toMatchObject({ status: 500, message: 'admin APIs disabled' });
  }
});
